"""The application: what is mounted where, and what lives as long as the process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from campaigns.config import Settings
from campaigns.db import engine_for
from campaigns.hints import HintPublisher
from campaigns.links import public_url_of
from campaigns.provisioning import Carriers
from campaigns.vault import Vault, secret_of
from campaigns.web import callflows, health, webhooks
from campaigns.web.heartbeat import WebHeartbeat

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# The interactive API pages load their script from elsewhere; they alone get a wider policy.
DOCS_PATH = "/api/docs"


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
    app.state.engine = engine_for(str(config.database_url), pool_size=30)
    app.state.carriers = Carriers(app.state.engine, app.state.vault, app.state.public_url)
    for module in (webhooks, callflows, health):
        app.include_router(module.router)
    app.middleware("http")(_add_security_headers)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The publisher of hints and the heartbeat live as long as the process serves."""
    config: Settings = app.state.settings
    app.state.hints = HintPublisher(config.broker_url or str(config.redis_url))
    heartbeat = WebHeartbeat(app.state.engine)
    heartbeat.start()
    try:
        yield
    finally:
        heartbeat.stop()
        app.state.hints.close()
        app.state.engine.dispose()


async def _add_security_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    if request.url.path != DOCS_PATH:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
    return response
