"""The application: what is mounted where, and what lives as long as the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.config import Settings
from campaigns.db import engine_for
from campaigns.hints import HintPublisher
from campaigns.links import public_url_of
from campaigns.provisioning import Carriers
from campaigns.vault import Vault, secret_of
from campaigns.web import api, callflows, health, metrics, pages, problems, webhooks
from campaigns.web.heartbeat import WebHeartbeat

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# The interactive API page loads its script from elsewhere; it alone gets no such policy.
DOCS_PATH = "/api/docs"
# Requests worked on at the same time. They wait for the database, not for each other's turn at
# the interpreter, of which more threads would only make each one's share smaller.
THREADS = 16


def create_app(config: Settings) -> FastAPI:
    """The web application for these settings. Needs `database_url` and `redis_url` to be set."""
    app = FastAPI(
        title="Outdial",
        version="1",
        docs_url=DOCS_PATH,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_lifespan,
    )
    app.state.settings = config
    app.state.public_url = public_url_of(config)
    app.state.vault = Vault(secret_of(config))
    app.state.engine = engine_for(str(config.database_url), pool_size=THREADS + 4)
    app.state.autocommit = app.state.engine.execution_options(isolation_level="AUTOCOMMIT")
    app.state.carriers = Carriers(app.state.engine, app.state.vault, app.state.public_url)
    problems.install(app)
    app.router.routes.extend([*webhooks.routes, *callflows.routes])
    for module in (health, api, metrics, pages):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.add_middleware(SecurityHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The publisher of hints and the heartbeat live as long as the process serves."""
    config: Settings = app.state.settings
    current_default_thread_limiter().total_tokens = THREADS
    app.state.hints = HintPublisher(config.broker_url or str(config.redis_url))
    heartbeat = WebHeartbeat(app.state.engine)
    heartbeat.start()
    try:
        yield
    finally:
        heartbeat.stop()
        app.state.hints.close()
        app.state.engine.dispose()


class SecurityHeaders:
    """Adds the headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the headers with the answer."""
        if scope["type"] != "http" or scope["path"] == DOCS_PATH:
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)
