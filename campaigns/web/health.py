"""Health: alive, and ready. The public URL's own probe asks the first one from outside.

Readiness says no before liveness dies: a process that cannot do its work any more is taken out of
the rotation while it still answers. So the question is answered on a thread of its own, which no
request can keep busy, and within a bound.
"""

from functools import partial

import anyio
from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import QueuePool, text
from sqlalchemy.exc import SQLAlchemyError, TimeoutError

from campaigns.db import transaction
from campaigns.migrations import schema_problem

router = APIRouter(include_in_schema=False)

LOOK_SECONDS = 2.0
_IN_USE = "every connection of this process is in use"
_BUSY = "every thread of this process is busy"


@router.get("/healthz")
async def healthz(request: Request) -> dict[str, str]:
    """This process is alive; `instance` tells a probe whose process it reached."""
    return {"status": "ok", "instance": request.app.state.vault.instance}


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """This process can do its work; if not, the answer is 503 and names what is missing."""
    problems = await problems_of(request.app)
    body = {"ready": not problems, **problems}
    return JSONResponse(body, status_code=503 if problems else 200)


async def problems_of(app: FastAPI) -> dict[str, str]:
    """What keeps this process from its work, by part; empty when nothing does."""
    problems = _own_problems(app)
    with anyio.move_on_after(LOOK_SECONDS) as looking:
        look = partial(_database_problems, app)
        limiter = anyio.CapacityLimiter(1)
        problems |= await anyio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=limiter)
    if looking.cancelled_caught:
        problems["database"] = _IN_USE if _pool_is_empty(app) else "does not answer in time"
    return problems


def _own_problems(app: FastAPI) -> dict[str, str]:
    problems = {}
    if getattr(app.state, "draining", False):
        problems["process"] = "it was told to end"
    heartbeat = getattr(app.state, "heartbeat", None)  # none while nobody runs the application
    if heartbeat is not None and heartbeat.age > app.state.settings.heartbeat_limit:
        problems["heartbeat"] = f"the last sign of life is {heartbeat.age:.0f} s old"
    threads = current_default_thread_limiter()
    if threads.statistics().tasks_waiting and not threads.available_tokens:
        problems["threads"] = _BUSY
    return problems


def _database_problems(app: FastAPI) -> dict[str, str]:
    try:
        with transaction(app.state.engine) as session:
            session.execute(text("SELECT 1"))
            unfit = schema_problem(session.connection())
    except TimeoutError:
        return {"database": _IN_USE}
    except SQLAlchemyError as error:
        return {"database": type(error).__name__}
    return {"migrations": unfit} if unfit else {}


def _pool_is_empty(app: FastAPI) -> bool:
    pool = app.state.engine.pool
    return isinstance(pool, QueuePool) and pool.checkedout() >= pool.size() + pool._max_overflow
