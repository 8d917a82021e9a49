"""The API's OpenAPI document: what is derived from the code, and what holds everywhere."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from campaigns.web.problems import MEDIA_TYPE

API = "/api/v1"
DESCRIPTION = """\
Everything the pages do. Send an API key as `Authorization: Bearer odk_...`; what it may do is
what its role may do.

* Lists are read page by page: ask again with `next` of the answer as `after`.
* A POST with an `Idempotency-Key` has its effect once, however often it is sent.
* What can be changed carries an `ETag`; name it in `If-Match` to be told when somebody was faster.
* An error is a problem document (RFC 9457): `detail` says what happened, what was kept, what to do.
* Times are RFC 3339, in UTC in answers. Telephone numbers are E.164.
"""
# What any endpoint may answer, whatever it is for.
EVERYWHERE = {
    "400": "The request cannot be read.",
    "401": "No API key, or one that is not valid.",
    "403": "The role of this key does not allow it.",
    "413": "The body is too large.",
    "422": "Something in the request cannot be used; nothing was changed.",
    "429": "Too many requests; ask again after `Retry-After` seconds.",
    "503": "The database does not answer; ask again.",
}


def document_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application, made on first use."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Outdial",
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
        )
        for path, operations in document["paths"].items():
            if path.startswith(API):
                for operation in operations.values():
                    _tell_errors(operation)
        app.openapi_schema = document
    return app.openapi_schema


def _tell_errors(operation: dict[str, Any]) -> None:
    """Every error of an operation is a problem document."""
    responses = operation["responses"]
    for status, meaning in EVERYWHERE.items():
        responses.setdefault(status, {"description": meaning})
    for status, response in responses.items():
        if status >= "400":
            problem = {"$ref": "#/components/schemas/Problem"}
            response["content"] = {MEDIA_TYPE: {"schema": problem}}
    operation["responses"] = dict(sorted(responses.items()))
