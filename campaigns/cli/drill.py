"""`outdial drill`: everything fails, and nobody is called twice."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from campaigns.drill import DrillOptions, Report, groups
from campaigns.drill import drill as run_drill
from campaigns.local import termination_interrupts


def drill(
    seed: Annotated[int, typer.Option(help="Makes the same plan of faults.")] = 1,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="How long faults are thrown; rest and checks follow.")
    ] = 2.0,
    faults: Annotated[
        str, typer.Option(help="Only these, with commas: names or groups. `list` shows them.")
    ] = "",
    cps: Annotated[
        float, typer.Option(min=1, max=50, help="Calls started per second through each account.")
    ] = 12.0,
    workers: Annotated[int, typer.Option(min=2, max=8, help="Dial worker processes.")] = 3,
    keep: Annotated[bool, typer.Option(help="Keep the data directory afterwards.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Kill, freeze and cut off a private stack while it dials, then prove every invariant."""
    if faults.strip() == "list":
        _list(Console())
        return
    kinds = tuple(filter(None, (kind.strip() for kind in faults.split(","))))
    options = DrillOptions(seed, minutes, kinds, cps, workers)
    console = Console(stderr=as_json)
    data_dir = Path(tempfile.mkdtemp(prefix="outdial-drill-"))
    try:
        report = _run(options, data_dir, console)
    finally:
        if keep:
            console.print(f"The data is kept in {data_dir}.")
        else:
            shutil.rmtree(data_dir, ignore_errors=True)
    if as_json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        _print(report, console)
    raise typer.Exit(0 if report.passed else 1)


def _run(options: DrillOptions, data_dir: Path, console: Console) -> Report:
    with termination_interrupts(), console.status("Starting a private stack ...") as status:
        began = time.monotonic()

        def show(report: Report) -> None:
            thrown = sum(report.faults.values())
            status.update(
                f"{time.monotonic() - began:.0f} s: {report.phase}; {report.attempts:,} attempts, "
                f"{thrown} faults"
            )

        return run_drill(options, data_dir, show)


def _list(console: Console) -> None:
    for group, names in groups().items():
        console.print(f"[bold]{group}[/bold]: {', '.join(names)}")


def _print(report: Report, console: Console) -> None:
    found = report.found
    thrown = Table(title="Faults that struck", show_header=False)
    for name, count in report.faults.items():
        thrown.add_row(name.replace("_", " "), f"{count:,}")
    for name, count in report.crash_points.items():
        thrown.add_row(f"  at {name}", f"{count:,}" if count else "reached" * _was(report, name))
    kept = Table(title="Invariants", show_header=False)
    for one in found.invariants.values():
        state = "[green]kept[/green]" if one.kept else f"[red]{len(one.broken)}[/red]"
        kept.add_row(one.name, one.says, state)
    measured = Table(title="Measured", show_header=False)
    for what, value in (
        ("calls, by the carrier's own log", f"{found.carrier_dials:,}"),
        ("refused by the carrier", f"{found.carrier_refused:,}"),
        ("ever in doubt", f"{found.in_doubt:,}"),
        ("proven not placed", f"{found.not_placed:,}"),
        ("silent calls, while nothing could speak", f"{found.silent:,}"),
        ("slots missed", f"{report.slots_missed:.0%}"),
        ("last dial after a pause or stop", f"{found.worst_pause:.3f} s"),
        ("last dial after an opt-out", f"{found.worst_opt_out:.3f} s"),
        ("most dials in any second", str(found.most_in_a_second)),
    ):
        measured.add_row(what, value)
    for table in (thrown, kept, measured):
        console.print(table)
    for one in found.invariants.values():
        for sentence in one.broken[:10]:
            console.print(f"[red]{one.name}: {sentence}[/red]", markup=True, highlight=False)
    if report.passed:
        console.print(
            f"[green]Every invariant was kept[/green] (seed {report.seed}, {report.seconds:g} s)."
        )


def _was(report: Report, name: str) -> bool:
    return name in report.crash_points_reached
