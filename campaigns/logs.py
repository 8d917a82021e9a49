"""Logs: one JSON object a line, with every telephone number masked."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_NUMBER = re.compile(r"(\+|%2B)(\d{4})\d{3,7}(\d{4})\b")
# The signed token of an attempt authenticates callbacks; a log must not give it away. Nor a key,
# the secret of a webhook, or the token of a form.
_TOKEN = re.compile(r"(/(?:flows|audio|hooks/[a-z_]+)/|\bodk_|\bwhsec_|\bcsrf=)[^/\s\"?&']+")


def masked(text: str) -> str:
    """`text` with telephone numbers like +1555***0123, and tokens and keys cut out."""
    return _TOKEN.sub(r"\1***", _NUMBER.sub(r"\1\2***\3", text))


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: masked(value) if isinstance(value, str) else value for key, value in event.items()}


def configure(level: str, process: str) -> None:
    """Send all logging of this process to stderr as JSON lines that name the process."""

    def name_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_process,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "apscheduler", "kombu", "amqp", "alembic"):
        logging.getLogger(noisy).setLevel("ERROR")
