"""The web application as tests make it: many times in one process, each with a state of its own."""

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.routing import BaseRoute

from campaigns.config import Settings
from campaigns.web.app import create_app

_first: list[BaseRoute] = []


def application(config: Settings, engine: Engine) -> FastAPI:
    """The application, which shares with those before it what FastAPI found out about its routes.

    FastAPI looks into the routes that were included when the first request comes: that takes half
    a second each time, and nothing of it depends on settings or engine. What an application keeps
    is in its `state`, which is never shared.
    """
    app = create_app(config, engine)
    own = app.router.routes
    if not _first:
        _first.extend(own)
    own[:] = [
        first if hasattr(first, "effective_candidates") else route
        for first, route in zip(_first, own, strict=True)
    ]
    return app
