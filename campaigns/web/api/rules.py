"""The calling rules in force, and whether a number may be called by them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from campaigns import ruling
from campaigns.access import Permission
from campaigns.compliance import LAW
from campaigns.ruling import AnswerView, Asked, RuleView
from campaigns.store.rules import current_rulebook
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SettingsDep, SnapshotDep, SnapshotNowDep

router = APIRouter(prefix="/rules", tags=["rules"], route_class=BoundedRoute)

Text = Annotated[str | None, Query(max_length=200)]


class Rules(BaseModel):
    """The rules of the version in force."""

    version: int = Field(examples=[3])
    items: list[RuleView]


@router.get("", dependencies=[needs(Permission.SEE)])
def list_rules(
    session: SnapshotDep,
    country: Annotated[
        str | None, Query(max_length=2, description="Only those that can bind there, such as US.")
    ] = None,
) -> Rules:
    """Every calling rule with its source; not legal advice."""
    book = current_rulebook(session)
    return Rules(version=book.version, items=ruling.list_rules(book, country))


@router.get("/check", dependencies=[needs(Permission.SEE)])
def check(
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    number: Annotated[str, Query(max_length=200, examples=["+13055550123"])],
    at: Annotated[str | None, Query(max_length=60, description="ISO 8601 with an offset.")] = None,
    zone: Text = None,
    purpose: Text = None,
    voice: Text = None,
    state: Text = None,
    postal_code: Text = None,
    country: Annotated[str | None, Query(max_length=2)] = None,
    rule_set: Annotated[str, Query(max_length=40)] = LAW,
) -> AnswerView:
    """May this number be called at that instant, by hours and zones, and what else is asked for?

    Without a purpose or a voice, the rules for every ordinary one bind.
    """
    asked = Asked(number, at, zone, purpose, voice, state, postal_code, country, rule_set)
    found = ruling.ask(current_rulebook(session), asked, now, config.default_country)
    return viewer.shown(found)
