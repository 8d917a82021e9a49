"""What the person or machine at the other end does: listens, presses keys, hangs up."""

from simulator.calls import Call
from simulator.clock import Clock, Instant
from simulator.personas import Leaves

SPEECH_RATE = 15.0  # characters a second
FIRST_WORDS = 1.0  # seconds after which an impatient person hangs up
REACTION = (1.0, 3.0)  # seconds from the end of a prompt to the key
MACHINE_GREETING = 4.0  # seconds
MACHINE_BEEP = 8.0  # seconds after which the beep has sounded
HELLO = (1.0, 2.0)  # seconds in which a person says hello


class CalleeLeft(Exception):
    """The person at the other end hung up."""


class Callee:
    """The answered end of one call. Every wait is in scaled seconds."""

    def __init__(self, call: Call, clock: Clock) -> None:
        self._call = call
        self._clock = clock
        self._prompts = 0

    async def listen(self, text: str, seconds: float) -> None:
        """Hear `text` for so long. Raises CalleeLeft when the person does not wait for its end."""
        self._call.row.heard.append(text)
        if self._call.persona.leaves is Leaves.FIRST_WORDS:
            await self._clock.pass_time(min(seconds, FIRST_WORDS))
            raise CalleeLeft
        await self._clock.pass_time(seconds)

    async def press(self, initial_timeout: float) -> str:
        """The keys pressed after a prompt, "" when none came in time."""
        persona = self._call.persona
        if persona.leaves is Leaves.AFTER_MESSAGE:
            await self._clock.pass_time(0.5)
            raise CalleeLeft
        delay = self._call.rng.uniform(*REACTION)
        if persona.machine or not persona.keys or delay > initial_timeout:
            await self._clock.pass_time(initial_timeout)
            return ""
        await self._clock.pass_time(delay)
        keys = persona.keys[min(self._prompts, len(persona.keys) - 1)]
        self._prompts += 1
        return keys

    def note_key(self, digits: str) -> None:
        """Write down what was pressed; the product's reactions are added as they come."""
        self._call.row.keys.append(
            {
                "digit": digits,
                "at": Instant.now().iso(),
                "requested_ok": None,
                "confirmed": False,
            }
        )

    async def be_detected(self, wait_for_end: bool, limit: float) -> tuple[str, bool, float]:
        """What a detector finds, whether it heard a beep, and after how many seconds.

        A detector that runs into its `limit` (seconds) has not made up its mind.
        """
        machine = self._call.persona.machine
        if not machine:
            seconds = self._call.rng.uniform(*HELLO)
        else:
            seconds = MACHINE_BEEP if wait_for_end else MACHINE_GREETING
        await self._clock.pass_time(min(seconds, limit))
        if seconds > limit:
            return "unknown", False, limit
        return "machine" if machine else "human", machine and wait_for_end, seconds
