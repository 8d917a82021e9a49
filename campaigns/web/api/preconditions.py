"""`ETag` and `If-Match`: who changes something says which version of it they have seen.

found = reporting.campaign_view(session, campaign_id)
check_if_match(request, found)      # 412 when it was changed since
return tagged(response, found)      # what the next change must name
"""

import hashlib
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from campaigns.errors import Outdated

T = TypeVar("T", bound=BaseModel)

PRECONDITION: dict[int | str, dict[str, Any]] = {
    412: {"description": "It was changed since the version that `If-Match` names."}
}


def etag_of(value: BaseModel) -> str:
    """The version of what an endpoint shows: the same while, and only while, it shows the same."""
    return f'"{hashlib.sha256(value.model_dump_json().encode()).hexdigest()[:32]}"'


def tagged(response: Response, value: T) -> T:
    """The value, with its version in the answer's `ETag`."""
    response.headers["ETag"] = etag_of(value)
    return value


def check_if_match(request: Request, current: BaseModel) -> None:
    """Raise `Outdated` when `If-Match` names another version than the current one.

    Without the header the change is made whatever the version is.
    """
    named = request.headers.get("if-match")
    if named is None or named.strip() == "*":
        return
    # A version is compared strongly (RFC 9110, 13.1.1): a weak one matches nothing.
    if etag_of(current) not in [tag.strip() for tag in named.split(",")]:
        raise Outdated(
            "It was changed since you read it. Nothing was changed now. "
            "Read it again and decide anew."
        )
