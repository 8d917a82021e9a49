"""The application: what is mounted where, and what lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from sqlalchemy import Engine
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.config import Settings
from campaigns.db import engine_for
from campaigns.hints import HintPublisher
from campaigns.links import public_url_of
from campaigns.provisioning import Carriers
from campaigns.vault import Vault, secret_of
from campaigns.web import api, audio, callflows, health, live, metrics, pages, problems, webhooks
from campaigns.web.auth import is_secure
from campaigns.web.bodies import BoundedBodies
from campaigns.web.clients import throttle_of
from campaigns.web.heartbeat import WebHeartbeat
from campaigns.web.openapi import document_of
from campaigns.web.static_files import HashedFiles

SECURITY_HEADERS = {
    # Images may be data because the style sheet draws its arrows and ticks that way.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it a browser sends our own forms with the origin `null`.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Only for who came over TLS: on plain loopback it would lock a developer out for a year.
STRICT_TRANSPORT = "max-age=31536000"
# Requests worked on at the same time. They wait for the database, not for each other's turn at
# the interpreter, of which more threads would only make each one's share smaller.
THREADS = 16


def create_app(config: Settings, engine: Engine | None = None) -> FastAPI:
    """The web application for these settings. Needs `database_url` and `redis_url` to be set.

    `engine` is for whoever has connections of their own to that database.
    """
    app = OutdialApp(
        title="Outdial",
        version="1",
        docs_url=None,  # a page of ours, with its script from here: pages/api_docs
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_lifespan,
    )
    app.state.settings = config
    app.state.public_url = public_url_of(config)
    app.state.vault = Vault(secret_of(config))
    app.state.engine = engine or engine_for(str(config.database_url), pool_size=THREADS + 4)
    app.state.autocommit = app.state.engine.execution_options(isolation_level="AUTOCOMMIT")
    app.state.carriers = Carriers(app.state.engine, app.state.vault, app.state.public_url)
    app.openapi = partial(document_of, app)  # type: ignore[method-assign] # as FastAPI has it done
    problems.install(app)
    app.router.routes.extend([*webhooks.routes, *callflows.routes, *audio.routes])
    for module in (health, api, live, metrics, pages):
        app.include_router(module.router)
    app.mount("/static", HashedFiles(directory=pages.STATIC), name="static")
    app.add_middleware(BoundedBodies)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The publisher of hints and the heartbeat live as long as the process serves."""
    config: Settings = app.state.settings
    current_default_thread_limiter().total_tokens = THREADS
    app.state.hints = HintPublisher(config.broker_url or str(config.redis_url))
    heartbeat = app.state.heartbeat = WebHeartbeat(app.state.engine)
    heartbeat.start()
    try:
        async with live.watching(app):
            yield
    finally:
        heartbeat.stop()
        app.state.hints.close()
        throttle_of(app).close()
        app.state.engine.dispose()


class OutdialApp(FastAPI):
    """An application whose every answer, faults included, carries the headers for browsers."""

    def build_middleware_stack(self) -> ASGIApp:
        """What a request passes through; the headers outermost, around the answer to a fault."""
        return SecurityHeaders(super().build_middleware_stack())


class SecurityHeaders:
    """Adds the headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the headers with the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if is_secure(Request(scope)):
                    headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
            await send(message)

        await self._app(scope, receive, with_headers)
