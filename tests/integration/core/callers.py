"""The provider's side of the application, as the web process mounts it, over a test's database."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from campaigns.provisioning import Carriers
from campaigns.vault import Vault
from campaigns.web import callflows, health, problems, webhooks
from tests.factories import SECRET

PUBLIC_URL = "https://public.example"


class RecordedHints:
    """Stands where the publisher of hints is, and remembers what was to be recalled."""

    def __init__(self) -> None:
        self.recalled: list[int] = []

    def recall(self, ids: Sequence[int]) -> None:
        self.recalled += ids


def provider_app(engine: Engine) -> FastAPI:
    """Webhooks, call flows and health on `engine`."""
    app = FastAPI()
    app.state.public_url = PUBLIC_URL
    app.state.vault = Vault(SECRET)
    app.state.engine = engine
    app.state.autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    app.state.carriers = Carriers(engine, app.state.vault, PUBLIC_URL)
    app.state.hints = RecordedHints()
    problems.install(app)
    app.router.routes.extend([*webhooks.routes, *callflows.routes])
    app.include_router(health.router)
    return app


class Caller:
    """A provider that knows the addresses of its attempts."""

    def __init__(self, engine: Engine) -> None:
        self.app = provider_app(engine)
        self.hints: RecordedHints = self.app.state.hints
        self._client = TestClient(self.app, raise_server_exceptions=False)

    def token(self, attempt_id: int) -> str:
        token: str = self.app.state.vault.attempt_token(attempt_id)
        return token

    def hook(self, attempt_id: int, payload: Any, **headers: str) -> int:
        """The status of the answer to one notification."""
        return self.post(f"/hooks/signalwire/{self.token(attempt_id)}", payload, **headers)

    def post(self, path: str, payload: Any, **headers: str) -> int:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        named = {"content-type": "application/json", **headers}
        status: int = self._client.post(path, content=body, headers=named).status_code
        return status

    def fetch(self, path: str, payload: Any = None) -> tuple[int, Any]:
        """The status and the document that a POST is answered with."""
        answer = self._client.post(path, json=payload if payload is not None else {})
        return answer.status_code, answer.json()

    def flow(self, attempt_id: int, more: str = "", payload: Any = None) -> tuple[int, Any]:
        """A document of an attempt's call flow."""
        return self.fetch(f"/flows/{self.token(attempt_id)}{more}", payload)

    def get(self, path: str) -> tuple[int, Any]:
        answer = self._client.get(path)
        return answer.status_code, answer.json()


def signed(path: str, body: bytes, key: str = "PSK_test") -> dict[str, str]:
    """The header with which SignalWire signs a callback."""
    digest = hmac.new(key.encode(), f"{PUBLIC_URL}{path}".encode() + body, hashlib.sha256)
    return {"x-signalwire-sha256-signature": digest.hexdigest()}


def state(name: str, call_id: str = "call-1", **params: Any) -> dict[str, Any]:
    """A notification about a call's state, as SignalWire nests it."""
    return {
        "event_type": "calling.call.state",
        "timestamp": 1772366400.25,
        "params": {"call_id": call_id, "call_state": name, **params},
    }
