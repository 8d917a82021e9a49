"""The life of a call, from the queue to its end."""

import asyncio
import logging
from dataclasses import dataclass
from random import Random

from simulator.books import Books
from simulator.callee import CalleeLeft
from simulator.calls import Call, DialRequest, Ending, EndReason, Status
from simulator.clock import Instant
from simulator.documents import FetchFailed
from simulator.envelopes import call_state
from simulator.personas import Outcome
from simulator.swml.document import Document, ScriptError
from simulator.swml.interpreter import Exchange, HungUp, Run
from simulator.swml.methods import METHODS

log = logging.getLogger(__name__)

SETUP = (0.4, 1.0)  # seconds from dialling to the first sign of the other network
LONGEST_CALL = 14_400.0  # seconds, the documented default of answer.max_duration
SPENT = Random(0)  # in place of the dice of a call that has ended
UNRINGING = {
    Outcome.BUSY: EndReason.BUSY,
    Outcome.ERROR: EndReason.ERROR,
    Outcome.NOT_FOUND: EndReason.NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A command does not fit the call's status. `code` is the provider's error code."""

    code: str
    message: str


class Engine:
    """Runs calls, one task each, and obeys the commands that change them."""

    def __init__(self, exchange: Exchange, books: Books) -> None:
        self._exchange = exchange
        self._clock = exchange.clock
        self._faults = exchange.faults
        self._books = books

    def enqueue(self, call: Call) -> None:
        """Note that the carrier has accepted the call."""
        call.moments[Status.QUEUED] = call.accepted
        call.row.accepted = True
        call.row.call_id = call.id
        call.hidden_from_logs = self._faults.strikes("hide_from_logs")
        call.mute = self._faults.strikes("lose_all")

    def begin(self, call: Call) -> None:
        """The call leaves the queue; it lives in its own task from here on."""
        self._move(call, Status.CREATED)
        call.row.queued_until = call.row.dialled_at = call.moments[Status.CREATED].iso()
        call.task = asyncio.create_task(self._live(call))
        call.task.add_done_callback(lambda task: self._settle(call, task))

    def cancel(self, call: Call) -> None:
        """`update` with status canceled: only before anybody answers. Raises Refused."""
        self._refuse_ended(call)
        if call.status is Status.ANSWERED:
            raise Refused("cannot_cancel_in_progress", "The call is in progress.")
        self.end(call, EndReason.CANCEL)

    def complete(self, call: Call) -> None:
        """`update` with status completed: only while answered. Raises Refused."""
        self._refuse_ended(call)
        if call.status is not Status.ANSWERED:
            raise Refused("call_update_failed", "The call has not been answered.")
        self.end(call, EndReason.HANGUP)

    def redirect(self, call: Call, source: DialRequest) -> None:
        """`update` with a new document: only while answered. Raises Refused."""
        self._refuse_ended(call)
        if call.status is not Status.ANSWERED or call.task is None:
            raise Refused("cannot_redirect_not_in_progress", "The call has not been answered.")
        call.redirect = source
        call.task.cancel()

    def hang_up(self, call: Call, reason: EndReason) -> None:
        """`calling.end`, in whatever status. Raises Refused when the call has ended."""
        self._refuse_ended(call)
        self.end(call, reason)

    def end(self, call: Call, reason: EndReason) -> None:
        """End a call because the product said so."""
        ending = Ending(reason, "product")
        if call.task is None:
            self._close(call, ending)
        elif call.ordered is None:
            call.ordered = ending
            call.task.cancel()

    @staticmethod
    def _refuse_ended(call: Call) -> None:
        if call.status is Status.ENDED or call.ordered is not None:
            raise Refused("cannot_update_completed", "The call has ended.")

    def _settle(self, call: Call, task: "asyncio.Task[Ending]") -> None:
        """Close a call whose task is over, even one that was cancelled before its first step."""
        if task.cancelled():
            ending = call.ordered  # None: the whole carrier forgets or stops
        elif (error := task.exception()) is not None:
            log.error("call %s broke the simulator", call.id, exc_info=error)
            self._books.internal_errors += 1
            ending = Ending(EndReason.ERROR, "error")
        else:
            ending = task.result()
        if ending is not None:
            self._close(call, ending)

    async def _live(self, call: Call) -> Ending:
        """Dial, ring and, if somebody answers, talk."""
        document = None
        if self._faults.knobs.fetch_at == "dial":
            document = await self._document(call, call.request)
            if document is None:
                return Ending(EndReason.ERROR, "error")
        await self._clock.pass_time(call.rng.uniform(*SETUP))
        if reason := UNRINGING.get(call.persona.outcome):
            return Ending(reason, "callee")
        self._move(call, Status.RINGING)
        if reason := await self._ring(call):
            return Ending(reason, "callee")
        self._move(call, Status.ANSWERED)
        call.row.answered_by = "machine" if call.persona.machine else "human"
        return await self._talk(call, document)

    async def _ring(self, call: Call) -> EndReason | None:
        """Why nobody answered, or None when somebody does."""
        patience = call.request.timeout or self._faults.knobs.default_ring_timeout
        rings = call.rng.uniform(*call.persona.rings)
        if call.persona.outcome is Outcome.NO_ANSWER or rings > patience:
            await self._clock.pass_time(patience)
            return EndReason.NO_ANSWER
        await self._clock.pass_time(rings)
        return EndReason.DECLINE if call.persona.outcome is Outcome.DECLINES else None

    async def _talk(self, call: Call, document: Document | None) -> Ending:
        try:
            async with asyncio.timeout(self._clock.real(LONGEST_CALL)) as limit:
                return await self._follow(call, document, limit)
        except TimeoutError:
            return Ending(EndReason.MAX_DURATION, "carrier")

    async def _follow(
        self, call: Call, document: Document | None, limit: asyncio.Timeout
    ) -> Ending:
        """Run documents until the call ends; a redirect starts another one."""
        source = call.request
        while True:
            try:
                return await self._run(call, source, document, limit)
            except asyncio.CancelledError:
                if call.redirect is None or call.ordered is not None or limit.expired():
                    raise
                source, call.redirect, document = call.redirect, None, None
                if call.task is not None:
                    call.task.uncancel()

    async def _run(
        self, call: Call, source: DialRequest, document: Document | None, limit: asyncio.Timeout
    ) -> Ending:
        run = Run(call, self._exchange, limit, METHODS)
        try:
            found = document or await self._document(call, source)
            if found is None:
                return Ending(EndReason.ERROR, "error")
            await run.start(found)
        except CalleeLeft:
            return Ending(EndReason.HANGUP, "callee")
        except ScriptError as error:
            call.row.script_error = str(error)
            return Ending(EndReason.ERROR, "error")
        except HungUp as hung_up:
            call.row.void_document = not run.acted and not call.row.heard
            reasons = {"busy": EndReason.BUSY, "decline": EndReason.DECLINE}
            return Ending(reasons.get(hung_up.reason, EndReason.HANGUP), "script")
        return Ending(EndReason.HANGUP, "end of script")

    async def _document(self, call: Call, source: DialRequest) -> Document | None:
        """The first document: inline, from `url`, or from `fallback_url`; None if all fail."""
        if source.swml is not None:
            return Document.check(source.swml)
        scopes = {"vars": {}, "envs": dict(source.custom_variables), "params": {}}
        fetch = self._exchange.documents.fetch
        for url, method in ((source.url, source.url_method), (source.fallback_url, "POST")):
            if url is None:
                continue
            try:
                return await fetch(call, url, scopes, method)
            except FetchFailed as error:
                call.row.script_error = f"no document: {error}"
        return None

    def _move(self, call: Call, status: Status) -> None:
        call.status = status
        moment = call.moments[status] = Instant.now()
        if status is Status.RINGING:
            call.row.ringing_at = moment.iso()
        elif status is Status.ANSWERED:
            call.row.answered_at = moment.iso()
        elif status is Status.ENDED:
            call.row.ended_at = moment.iso()
        url = call.request.status_url
        if url is not None and status.value in call.request.status_events:
            body = call_state(call, status, self._faults.knobs)
            self._exchange.callbacks.notify(call, url, status.value, body)

    def _close(self, call: Call, ending: Ending) -> None:
        call.ending = ending
        row = call.row
        row.end_reason, row.ended_by = ending.reason.value, ending.by
        # A hang-up the document or the product chose is no silence, however early it came.
        chosen = ending.by in ("script", "product")
        row.silent = Status.ANSWERED in call.moments and not row.heard and not chosen
        self._move(call, Status.ENDED)
        self._books.close(row)
        # Ended calls stay for look-ups; what only a live one needs would be most of their memory.
        call.task, call.rng = None, SPENT
