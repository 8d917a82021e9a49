"""The requests of SignalWire's Calling API and voice logs, one method each, nothing decided.

Every command is a POST of `{"command", "params"}` to one address, with the project id and the API
token as basic credentials (SignalWire documents: Calling API). Each method sends exactly one
request and raises `NotSent` or `NoAnswer` when no complete answer came back.
"""

from collections.abc import Callable, Mapping
from urllib.parse import quote

from campaigns.calls import JSON
from campaigns.providers.base import Credentials
from campaigns.providers.http import ProviderClient, Reply, exchange, shared_client
from campaigns.providers.signalwire.params import DialParams

CALLS_PATH = "/api/calling/calls"
LOGS_PATH = "/api/voice/logs"


class CallingApi:
    """One project of one Space. Stateless, therefore safe on any number of threads."""

    def __init__(self, credentials: Credentials, client: ProviderClient | None = None) -> None:
        self._base_url = credentials.base_url.rstrip("/")
        self._auth = (credentials.project_id, credentials.api_token)
        self._client = client

    def warm_up(self) -> None:
        """Have a line open. Writes nothing."""
        self._http().warm_up(self._base_url)

    def dial(self, params: DialParams, still: Callable[[], bool]) -> Reply:
        """Place a call, if `still` says so at its first byte; raises `TooLate` if not."""
        return self._command({"command": "dial", "params": params.as_wire()}, still)

    def update(self, call_id: str, **changes: str) -> Reply:
        """Change a call; `update` is the one command that takes the id inside `params`."""
        return self._command({"command": "update", "params": {"id": call_id, **changes}})

    def end(self, call_id: str, reason: str = "hangup") -> Reply:
        """End a call with the end reason that its events shall carry."""
        return self._command(
            {"command": "calling.end", "id": call_id, "params": {"reason": reason}}
        )

    def log(self, call_id: str) -> Reply:
        """The voice log of one call."""
        return self._get(f"{LOGS_PATH}/{quote(call_id, safe='')}", {})

    def logs(self, query: Mapping[str, str]) -> Reply:
        """One page of the voice logs."""
        return self._get(LOGS_PATH, query)

    def _command(self, body: JSON, still: Callable[[], bool] | None = None) -> Reply:
        url = self._base_url + CALLS_PATH
        return exchange(self._http(), "POST", url, auth=self._auth, json=body, still=still)

    def _get(self, path: str, query: Mapping[str, str]) -> Reply:
        return exchange(self._http(), "GET", self._base_url + path, auth=self._auth, params=query)

    def _http(self) -> ProviderClient:
        return self._client or shared_client()
