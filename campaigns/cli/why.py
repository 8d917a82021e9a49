"""`outdial why` and `outdial evidence`: one number's verdicts, and everything about it."""

import json
import sys
from typing import Annotated

import typer

from campaigns import auditing, reporting
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import JsonOption, say, show_json, show_table
from campaigns.config import settings
from campaigns.db import database_now, transaction
from campaigns.phone import parse_number
from campaigns.reporting import Surroundings, read_one_snapshot
from campaigns.reporting.why_values import VerdictView, WhyInCampaign

Number = Annotated[str, typer.Argument(help="A telephone number, as people write it.")]
Country = Annotated[
    str | None, typer.Option(help="ISO 3166 country of a number without a country code.")
]


def why(
    number: Number,
    at: Annotated[
        str, typer.Option(help="An instant with offset, 2026-03-01T09:00-05:00; else now.")
    ] = "",
    campaign: Annotated[
        int | None, typer.Option("--campaign", min=1, help="Only in this campaign.")
    ] = None,
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Why a number is, or was, not called: every gate's verdict with its evidence."""
    config = settings()
    wanted = parse_number(number, country or config.default_country)
    instant = reporting.read_instant(at)
    with context.open_session() as session:
        read_one_snapshot(session)
        found = reporting.why(
            session,
            wanted,
            database_now(session),
            Surroundings.of(config),
            at=instant,
            campaign_id=campaign,
        )
    if as_json:
        show_json(found)
        return
    if not found.campaigns:
        say(found.sentence)
    for one in found.campaigns:
        _show(one)


def evidence(
    number: Number,
    country: Country = None,
    as_json: JsonOption = False,
) -> None:
    """Everything about one number, for a complaint. As JSON with every word the provider said."""
    wanted = parse_number(number, country or settings().default_country)
    with context.open_engine() as engine:
        with transaction(engine) as session:
            now = database_now(session)
            after = {"number": wanted}
            auditing.record(session, CLI, "evidence.export", "evidence", now, after=after)
        if as_json:
            for piece in reporting.evidence.json_document(engine, wanted):
                sys.stdout.write(piece)
            return
        with transaction(engine) as session:
            head = reporting.evidence.about(session, wanted, now)
        state = "is not called anywhere" if head["opted_out_everywhere"] else "has not opted out"
        say(f"{wanted}, {', '.join(head['zones']) or 'nobody knows where'}: {state}.")
        for name, items in reporting.evidence.sections(engine, wanted):
            columns = _COLUMNS[name]
            say("")
            say(name.replace("_", " ").capitalize())
            rows = [tuple(_cell(item.get(column)) for column in columns) for item in items]
            show_table(columns, rows, "Nothing is recorded.")


_COLUMNS: dict[str, tuple[str, ...]] = {
    "opt_outs": ("id", "shown", "state", "source", "who", "evidence", "created_at", "lifted_why"),
    "consents": ("id", "basis", "purpose", "state", "evidence", "given_at", "revoked_at"),
    "recipients": ("recipient_id", "campaign", "status", "reason", "came_from", "created_at"),
    "attempts": (
        *("id", "campaign_id", "status", "disposition", "cancel_reason", "claimed_at"),
        *("local_times", "rule_version", "consent_id", "keypresses"),
    ),
    "audit_log": ("at", "actor_name", "action", "subject"),
}


def _cell(value: object) -> object:
    """A value for a table: what is nested as short JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, default=str) if value else None
    return value


def _show(one: WhyInCampaign) -> None:
    say(f"Campaign {one.campaign_id}, {one.campaign_name}; recipient {one.recipient_id}")
    say(one.sentence)
    if one.note:
        say(one.note)
    if one.rules:
        say(f"Rules: {', '.join(one.rules)} ({one.rule_version})")
    rows = [(each.gate, _passed(each), each.evidence, each.until) for each in one.verdicts]
    show_table(("gate", "passes", "evidence", "until"), rows, "No gate could be asked.")
    say("")


def _passed(one: VerdictView) -> str:
    told = "yes" if one.passed else "no"
    return f"{told} (as of today)" if one.as_of_today else told
