"""The calling rules: what applies where, from which source, since when; and "may I call now?"."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from campaigns import ruling
from campaigns.access import Permission
from campaigns.compliance import HOUSE, LAW, Rulebook
from campaigns.errors import InvalidInput
from campaigns.ruling import AnswerView, Asked
from campaigns.store.rules import current_rulebook
from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import SettingsDep, SnapshotDep, SnapshotNowDep
from campaigns.web.pages.rendering import render

router = APIRouter(prefix="/rules", route_class=BoundedRoute)

PURPOSES = [
    ("", "Not said: whatever binds any"),
    ("reminder", "Reminder"),
    ("informational", "Information"),
    ("marketing", "Marketing"),
    ("debt", "Debt"),
    ("survey", "Survey"),
    ("emergency", "Emergency"),
]
VOICES = [("", "Not said"), ("recorded", "Recorded"), ("ai", "AI"), ("live", "A person")]
STATUSES = {
    "law_confirmed": "Law, text seen",
    "secondary": "Law, told by others",
    "house": "House rule",
}
SETS = [(LAW, "By law"), (HOUSE, "By the house rules, as live campaigns are called")]
Text = Annotated[str, Query(max_length=200)]


@router.get("", dependencies=[needs(Permission.SEE)])
def show_rules(
    request: Request,
    session: SnapshotDep,
    now: SnapshotNowDep,
    config: SettingsDep,
    viewer: ViewerDep,
    country: Annotated[str, Query(max_length=20)] = "",
    number: Text = "",
    at: Annotated[str, Query(max_length=60)] = "",
    purpose: Text = "",
    voice: Text = "",
    zone: Text = "",
    state: Text = "",
    postal_code: Text = "",
) -> HTMLResponse:
    """Every rule with its source, and the answer for a number if one was asked about."""
    book = current_rulebook(session)
    values: dict[str, Any] = {
        "number": number,
        "at": at,
        "purpose": purpose,
        "voice": voice,
        "zone": zone,
        "state": state,
        "postal_code": postal_code,
    }
    found, problem = _answers(book, values, now, config.default_country)
    rules, refused = _rules(book, country)
    return render(
        request,
        "rules/list.html",
        rules=rules,
        version=book.version,
        country=country,
        countries=_countries(book),
        refused=refused,
        form=values,
        purposes=PURPOSES,
        voices=VOICES,
        statuses=STATUSES,
        answers=[(name, viewer.shown(one)) for name, one in found],
        problem=problem,
        status=422 if problem or refused else 200,
    )


def _answers(
    book: Rulebook, values: dict[str, Any], now: datetime, country: str
) -> tuple[list[tuple[str, AnswerView]], str]:
    """What each rule set says; nothing and the problem when it cannot be asked so."""
    if not values["number"].strip():
        return [], ""
    try:
        return [
            (name, ruling.ask(book, Asked(**values, rule_set=code), now, country))
            for code, name in SETS
        ], ""
    except InvalidInput as problem:
        return [], str(problem)


def _rules(book: Rulebook, country: str) -> tuple[list[ruling.RuleView], str]:
    try:
        return ruling.list_rules(book, country), ""
    except InvalidInput as problem:
        return ruling.list_rules(book), str(problem)


def _countries(book: Rulebook) -> list[tuple[str, str]]:
    """The countries that rules are about, for the filter."""
    named = sorted({rule.jurisdiction for rule in book.rules} - {"*"})
    return [("", "Everywhere"), *((code, code) for code in named)]
