"""SignalWire as a provider: our words in, our words out."""

from collections.abc import Callable, Mapping

from campaigns.calls import (
    Answer,
    CallEvent,
    CallRequest,
    DialAnswer,
    HangUp,
    LookupQuery,
    LookupResult,
)
from campaigns.errors import InvalidInput
from campaigns.providers.base import Credentials, Signature
from campaigns.providers.http import NoAnswer, NotSent, ProviderClient, Reply, TooLate
from campaigns.providers.signalwire import events, logs, signatures
from campaigns.providers.signalwire.answers import is_call_id, read_dial_answer, read_hang_up
from campaigns.providers.signalwire.calling import CallingApi
from campaigns.providers.signalwire.params import DialParams, is_e164

# Without these the provider reports the end of a call only (SignalWire documents: `status_events`).
STATUS_EVENTS = ("ringing", "answered", "ended")


class SignalWire:
    """One SignalWire project. Thread-safe; never repeats a request."""

    name = "signalwire"

    def __init__(self, credentials: Credentials, client: ProviderClient | None = None) -> None:
        self._api = CallingApi(credentials, client)
        self._signing_key = credentials.signing_key

    def warm_up(self) -> None:
        """Have a line to the Space open. Asks for nothing."""
        self._api.warm_up()

    def place_call(self, request: CallRequest, still: Callable[[], bool]) -> DialAnswer:
        """Write the one POST that places a call, if `still` says so at its first byte.

        Never raises: a request that our own rules refuse is not sent and counts as a bad number
        or, when anything but the number is wrong, as a fault.
        """
        if not is_e164(request.to):
            return DialAnswer(Answer.BAD_NUMBER, reason="not_e164")
        try:
            params = _dial_params(request)
        except InvalidInput as error:
            return DialAnswer(Answer.FAULT, reason=str(error)[:300])
        return self.dial(params, still)

    def dial(self, params: DialParams, still: Callable[[], bool]) -> DialAnswer:
        """Place a call with any of the provider's own parameters; otherwise like `place_call`."""
        try:
            return read_dial_answer(self._api.dial(params, still))
        except TooLate as error:
            return DialAnswer(Answer.TOO_LATE, reason=str(error))
        except NotSent as error:
            return DialAnswer(Answer.NOT_SENT, reason=str(error))
        except NoAnswer as error:
            return DialAnswer(Answer.IN_DOUBT, reason=str(error))

    def cancel_call(self, provider_call_id: str) -> HangUp:
        """Cancel a call that nobody has answered yet."""
        return _hang_up(
            provider_call_id, lambda: self._api.update(provider_call_id, status="canceled")
        )

    def complete_call(self, provider_call_id: str) -> HangUp:
        """End a call that was answered."""
        return _hang_up(
            provider_call_id, lambda: self._api.update(provider_call_id, status="completed")
        )

    def end_call(self, provider_call_id: str) -> HangUp:
        """End a call in whatever state it is."""
        return _hang_up(provider_call_id, lambda: self._api.end(provider_call_id))

    def look_up(self, query: LookupQuery) -> LookupResult:
        """Ask the voice logs about one call."""
        return logs.look_up(self._api, query)

    def parse_events(self, body: bytes, content_type: str) -> list[CallEvent]:
        """The events in one webhook body; raises `InvalidInput` for anything that is not one."""
        return events.parse_events(body, content_type)

    def check_signature(self, url: str, body: bytes, headers: Mapping[str, str]) -> Signature:
        """Check a request to us. `url` is the public URL as configured; header names any case."""
        return signatures.check(self._signing_key, url, body, headers)


def _dial_params(request: CallRequest) -> DialParams:
    return DialParams(
        from_number=request.caller_id,
        to=request.to,
        url=request.flow_url,
        url_method="POST",
        fallback_url=request.fallback_url,
        timeout=request.ring_timeout,
        status_url=request.status_url,
        status_events=STATUS_EVENTS,
        custom_variables=request.variables,
    )


def _hang_up(call_id: str, send: Callable[[], Reply]) -> HangUp:
    if not is_call_id(call_id):
        return HangUp.GONE  # no call of this provider can have such an id
    try:
        return read_hang_up(send())
    except (NotSent, NoAnswer):
        return HangUp.FAILED
