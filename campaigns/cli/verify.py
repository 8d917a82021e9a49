"""`outdial verify`: the promises, proved again over the database and the carrier's log."""

from dataclasses import asdict
from typing import Annotated

import typer

from campaigns.cli import context
from campaigns.cli.output import JsonOption, complain, say, show_json, show_table
from campaigns.proving import Proof, prove_against_carrier, prove_database
from campaigns.vault import vault


def verify(
    carrier: Annotated[
        bool, typer.Option("--carrier", help="Compare with the simulated carrier's log as well.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove over every row that nobody was called twice, wrongly or in vain. Changes nothing."""
    with context.open_engine() as engine:
        found = prove_database(engine)
        if carrier:
            found += prove_against_carrier(engine, vault())
    calls = max(one.rows for one in found if one.name == "posted_once")
    broken = [one for one in found if one.broken]
    if as_json:
        show_json({
            "passed": bool(calls) and not broken,
            "calls": calls,
            "proofs": [asdict(one) for one in found],
        })  # fmt: skip
    else:
        _print(found, calls)
    raise typer.Exit(0 if calls and not broken else 1)


def _print(found: list[Proof], calls: int) -> None:
    rows = [(one.says, one.rows, one.broken or "") for one in found]
    show_table(("promise", "rows", "broken by"), rows, "")
    for one in found:
        for sentence in one.examples:
            complain(f"{one.name}: {sentence}.")
        if one.broken > len(one.examples):
            complain(f"{one.name}: and {one.broken - len(one.examples)} more.")
    if not calls:
        complain("Nobody was ever called, so nothing is proved.")
    elif not any(one.broken for one in found):
        say(f"Every promise was kept, over {calls:,} calls.")
