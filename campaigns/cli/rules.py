"""`outdial rules ...`: may this number be called, and which rules are there. No database."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from campaigns import ruling
from campaigns.access import CLI
from campaigns.cli import context
from campaigns.cli.output import Command, JsonOption, say, show_json, show_table
from campaigns.compliance import HOUSE, LAW, shipped_rulebook
from campaigns.config import settings
from campaigns.db import database_now
from campaigns.ruling import AnswerView, Asked

app = typer.Typer(help="Calling rules: hours, caps and consents as data.", no_args_is_help=True)


@app.command(cls=Command)
def check(
    number: Annotated[str, typer.Argument(help="A telephone number, best as +15551234567.")],
    at: Annotated[str | None, typer.Option(help="ISO 8601 with an offset or Z; else now.")] = None,
    zone: Annotated[str | None, typer.Option(help="IANA time zone of the person.")] = None,
    purpose: Annotated[
        str | None,
        typer.Option(
            help="reminder, informational, marketing, debt, survey or emergency; unset: whatever "
            "binds any but emergencies."
        ),
    ] = None,
    voice: Annotated[str | None, typer.Option(help="recorded, ai or live; unset: any.")] = None,
    state: Annotated[str | None, typer.Option(help="State or province of the person.")] = None,
    postal_code: Annotated[str | None, typer.Option(help="Postal code of the person.")] = None,
    country: Annotated[
        str | None, typer.Option(help="ISO 3166 country of a number without a country code.")
    ] = None,
    rule_set: Annotated[str, typer.Option(help="law, or house: the law and our own rules.")] = LAW,
    as_json: JsonOption = False,
) -> None:
    """May this number be called at that instant? By hours and zones; `needs` says what else.

    Answered from the rules that come with this release, without a database.
    """
    asked = Asked(number, at, zone, purpose, voice, state, postal_code, country, rule_set)
    now = datetime.now(UTC)
    home = settings().default_country
    found = ruling.ask(shipped_rulebook(), asked, now, home)
    if as_json:
        show_json(found)
        return
    _tell(found)
    if rule_set == LAW:
        house = Asked(number, at, zone, purpose, voice, state, postal_code, country, HOUSE)
        ours = ruling.ask(shipped_rulebook(), house, now, home)
        say("")
        say("By the house rules, which live campaigns keep unless told otherwise:")
        _tell(ours, brief=True)


@app.command("list", cls=Command)
def list_(
    country: Annotated[
        str | None, typer.Option(help="Only rules that can bind there: US, DE, ...")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The rules that come with this release, with their sources."""
    found = ruling.list_rules(shipped_rulebook(), country)
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one.code,
            "-".join(filter(None, (one.jurisdiction, one.subdivision))),
            "; ".join(one.says) or one.note,
            one.status.replace("_", " "),
            " to ".join((one.effective_from or "", one.effective_to or "")).strip(),
            one.source,
        )
        for one in found
    ]
    show_table(("code", "where", "says", "status", "holds", "source"), rows, "There is no rule.")


@app.command(cls=Command)
def versions(as_json: JsonOption = False) -> None:
    """The versions that this installation has had, and which one is in force."""
    with context.open_session() as session:
        found = ruling.versions(session)
    if as_json:
        show_json(found)
        return
    rows = [
        (one.version, one.seeded_at, one.activated_at, one.activated_by, one.in_force)
        for one in found
    ]
    columns = ("version", "came", "put in force", "by", "in force")
    show_table(columns, rows, "There are no calling rules: outdial migrate")


@app.command(cls=Command)
def activate(
    version: Annotated[int, typer.Argument(min=1, max=2**31 - 1)], as_json: JsonOption = False
) -> None:
    """Put a known version in force; what is queued is judged anew."""
    with context.open_session() as session:
        recall = ruling.put_rules_in_force(session, version, CLI, database_now(session))
    context.send_recall(recall)
    if as_json:
        show_json({"version": version, "recalled": recall})
    else:
        say(f"Calling rules of version {version} are in force.")


def _tell(found: AnswerView, *, brief: bool = False) -> None:
    word = "may be called" if found.allowed else "may not be called"
    say(f"{found.number} {word} at {found.at:%Y-%m-%d %H:%M}Z by {found.version}.")
    for reason in found.reasons:
        say(f"  {reason}")
    if not found.allowed and found.next_allowed is not None:
        say(f"  Next: {found.next_allowed:%A %Y-%m-%d %H:%M}Z.")
    if not brief:
        parts = ", ".join(found.subdivisions)
        say(f"  Where: {found.country or 'unknown'}{f' ({parts})' if parts else ''}.")
        say(f"  Rules: {', '.join(found.rules)}.")
    say(f"  Needs: {', '.join(found.needs) or 'nothing more'}.")
