"""Fetching call-flow documents: signed, with the call's facts in the body, once per URL."""

from typing import Any

from simulator.answers import dumps
from simulator.auth import Signer
from simulator.calls import NODE_ID, SPACE_ID, Call
from simulator.clock import Instant
from simulator.swml.document import NOT_SWML, Document, ScriptError
from simulator.wire import DOCUMENT_TIMEOUT, Unreachable, Wire

DOCUMENT_TYPES = ("application/json", "application/yaml", "application/x-yaml", "text/x-yaml")


class FetchFailed(Exception):
    """No document: the product did not answer, answered badly, or sent something else."""


class Documents:
    """Fetches documents from the product and notes each fetch in the call's row."""

    def __init__(self, wire: Wire, signer: Signer) -> None:
        self._wire = wire
        self._signer = signer

    async def fetch(
        self, call: Call, url: str, scopes: dict[str, Any], method: str = "POST"
    ) -> Document:
        """The document at `url`.

        Raises `FetchFailed` when there is none (the fallback's case) and `ScriptError` when there
        is one that cannot be executed.
        """
        note: dict[str, Any] = {
            "url": url,
            "at": Instant.now().iso(),
            "ok": False,
            "status": None,
            "error": None,
        }
        call.row.documents.append(note)
        try:
            document = await self._fetch(call, url, scopes, method, note)
        except (FetchFailed, ScriptError) as error:
            note["error"] = str(error)
            raise
        note["ok"] = True
        return document

    async def _fetch(
        self, call: Call, url: str, scopes: dict[str, Any], method: str, note: dict[str, Any]
    ) -> Document:
        body = b"" if method == "GET" else dumps({"call": call_facts(call), **scopes})
        headers = self._signer.headers(url, body)
        if body:
            headers["Content-Type"] = "application/json"
        try:
            reply = await self._wire.send(method, url, body or None, headers, DOCUMENT_TIMEOUT)
        except Unreachable as error:
            raise FetchFailed(str(error)) from error
        note["status"] = reply.status
        if not reply.ok:
            raise FetchFailed(f"HTTP {reply.status}")
        if not reply.content_type.lower().startswith(DOCUMENT_TYPES):
            raise FetchFailed(f"content type {reply.content_type[:80]!r}")
        try:
            return Document.parse(reply.body)
        except ScriptError as error:
            if error.code in NOT_SWML:
                raise FetchFailed(str(error)) from error
            raise


def call_facts(call: Call) -> dict[str, Any]:
    """The `call` object of a fetch's body and of the variables in a document."""
    return {
        "call_id": call.id,
        "node_id": NODE_ID,
        "segment_id": call.id,
        "call_state": call.status.value,
        "direction": "outbound",
        "type": "phone",
        "from": call.request.from_number,
        "to": call.request.to_number,
        "from_number": call.request.from_number,
        "to_number": call.request.to_number,
        "headers": [],
        "project_id": call.project,
        "space_id": SPACE_ID,
    }
