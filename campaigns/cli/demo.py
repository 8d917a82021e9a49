"""`outdial demo`: one campaign end to end in the foreground, and what came of it."""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from campaigns.config import Settings
from campaigns.demo import Audit, DemoOptions, DemoRun
from campaigns.demo.run import Progress as Counts
from campaigns.local import Supervisor, embedded_servers, termination_interrupts
from campaigns.stack import LocalStack, StackPlan

ZEROS = {
    "lost": "recipients lost",
    "duplicate_dials": "called twice",
    "dials_to_opted_out": "called after they said stop",
    "dials_outside_hours": "called outside their hours",
    "silent_calls": "picked up a silent phone",
    "optout_keypress_lost": "opt-outs lost",
    "books_differ": "calls the books tell otherwise",
}


def demo(
    csv: Annotated[
        Path | None,
        typer.Option(help="Your own list, called with a fixed announcement; else one is made up."),
    ] = None,
    recipients: Annotated[int, typer.Option(min=20, help="How many people are made up.")] = 200,
    cps: Annotated[float, typer.Option(min=0.5, max=500, help="Calls started per second.")] = 10.0,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Dial worker processes.")] = 2,
    time_scale: Annotated[
        float, typer.Option(min=0.005, max=1, help="Shortens calls and waits, not the pace.")
    ] = 0.02,
    seed: Annotated[int, typer.Option(help="Makes the same people and the same calls.")] = 1,
    knobs: Annotated[str, typer.Option(help="JSON that makes the carrier misbehave.")] = "{}",
    keep: Annotated[bool, typer.Option(help="Keep the data directory afterwards.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Dial one campaign through the simulator on throw-away data, and prove the promises."""
    options = DemoOptions(recipients, cps, workers, time_scale, csv, seed)
    console = Console(stderr=as_json)
    data_dir = Path(tempfile.mkdtemp(prefix="outdial-demo-"))
    try:
        result = _run(options, data_dir, knobs, console)
    finally:
        if keep:
            console.print(f"The data is kept in {data_dir}.")
        else:
            shutil.rmtree(data_dir, ignore_errors=True)
    if result is None:
        raise typer.Exit(130)
    if as_json:
        sys.stdout.write(json.dumps(result.as_json()) + "\n")
    else:
        _print(result, console)
    raise typer.Exit(0 if result.passed else 1)


def _run(options: DemoOptions, data_dir: Path, knobs: str, console: Console) -> Audit | None:
    config = Settings(
        data_dir=data_dir,
        database_url=None,
        redis_url=None,
        broker_url=None,
        public_url=None,
        host="127.0.0.1",
        port=0,
        simulator_port=0,
        time_scale=options.time_scale,
        live_dialling=False,
    )
    plan = StackPlan(
        dial_workers=options.workers,
        imports=False,
        simulator_cps=options.cps * 4,
        simulator_knobs=knobs,
        seed=options.seed,
    )
    with (
        termination_interrupts(),
        embedded_servers(data_dir) as servers,
        Supervisor(data_dir) as supervisor,
    ):
        console.print("Starting PostgreSQL, Redis, web, scheduler, workers and the carrier ...")
        stack = LocalStack(config, servers, supervisor, plan)
        stack.start()
        run = DemoRun(config, stack, options)
        run.prepare()
        console.print(f"Dialling. The overview is at {stack.web_url}")
        try:
            return run.conclude() if _watch(run, console) else None
        finally:
            stack.close()


def _watch(run: DemoRun, console: Console) -> bool:
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("people served", total=None, told="")

        def show(counts: Counts) -> None:
            told = f"{counts.attempts} attempts, {counts.live} on the phone"
            bar.update(task, total=counts.total, completed=counts.done, told=told)

        return run.dial(show)


def _print(result: Audit, console: Console) -> None:
    people = Table(title="People", show_header=False)
    for name in ("recipients", "rejected", "completed", "exhausted", "blocked", "expired"):
        people.add_row(name, f"{getattr(result, name):,}")
    people.add_row("for review", f"{result.review:,}")
    people.add_row("waiting for their calling hours", f"{result.waiting:,}")
    calls = Table(title="Calls", show_header=False)
    calls.add_row("attempts", f"{result.attempts:,}")
    calls.add_row("dialled, by the carrier's own log", f"{result.carrier_dials:,}")
    calls.add_row("refused by the carrier", f"{result.carrier_refused:,}")
    calls.add_row("proven not placed", f"{result.not_placed:,}")
    most = f"{result.max_dials_in_any_second} (limit {result.cps:g})"
    calls.add_row("most in any second", most)
    for name, count in sorted(result.dispositions.items(), key=lambda item: -item[1]):
        calls.add_row(f"  {name.replace('_', ' ')}", f"{count:,}")
    for name, count in result.answers.items():
        calls.add_row(f"  pressed: {name.replace('_', ' ')}", f"{count:,}")
    promises = Table(title="Promises", show_header=False)
    for name, words in ZEROS.items():
        value = getattr(result, name)
        promises.add_row(words, f"[{'red' if value else 'green'}]{value}[/]")
    for table in (people, calls, promises):
        console.print(table)
    for problem in result.problems:
        console.print(f"[red]Broken: {problem}.[/red]")
    if result.passed:
        console.print(f"[green]Every promise was kept[/green], in {result.seconds:g} s.")
