"""Commands that run processes: `up`, and each process by itself."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from campaigns import migrations, ruling, samples
from campaigns.cli.output import complain
from campaigns.cli.user import make_first_admin
from campaigns.config import Settings, settings
from campaigns.db import engine_for, transaction
from campaigns.errors import NotAllowed
from campaigns.local import (
    ChildSpec,
    ServerUrls,
    Supervisor,
    embedded_servers,
    termination_interrupts,
)
from campaigns.stack import LocalStack, StackPlan
from campaigns.vault import Vault, secret_of

console = Console()
# With it the sample campaign dials for a minute and has made its last retry after four.
SAMPLE_TIME_SCALE = 0.05
MODULES = {
    "web": "campaigns.web",
    "dial": "workers.dial",
    "imports": "workers.imports",
    "scheduler": "workers.scheduler",
}


@contextmanager
def servers(config: Settings) -> Iterator[ServerUrls]:
    """The servers the settings name, or the embedded ones for whatever they leave out."""
    if config.database_url and config.redis_url:
        yield ServerUrls(config.database_url, config.redis_url)
        return
    with embedded_servers(
        config.data_dir, postgres=not config.database_url, redis=not config.redis_url
    ) as embedded:
        yield ServerUrls(
            config.database_url or embedded.database_url, config.redis_url or embedded.redis_url
        )


def up(
    sample: Annotated[
        bool, typer.Option(help="Dial sample campaigns through the simulator in an empty database.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Dial worker processes.")] = 1,
    simulator: Annotated[bool, typer.Option(help="Run the simulated carrier too.")] = True,
    time_scale: Annotated[
        float | None,
        typer.Option(
            min=0.005,
            max=1,
            help="Shortens calls and waits on the simulator, never the pace. "
            "Unset: OUTDIAL_TIME_SCALE, or 0.05 with --sample.",
        ),
    ] = None,
) -> None:
    """Run everything on this machine until Ctrl-C."""
    config = _scaled(settings(), time_scale, sample=sample)
    plan = StackPlan(dial_workers=workers, simulator=simulator)
    # The servers come first, so that they are stopped last and the processes can drain.
    with (
        termination_interrupts(),
        only_one(config.data_dir) as tell_where,
        servers(config) as urls,
        Supervisor(config.data_dir, say=_say) as supervisor,
    ):
        stack = LocalStack(config, urls, supervisor, plan)
        stack.start()
        make_first_admin(stack.engine, config)
        if sample and simulator:
            _seed(stack, config)
        if stack.port != config.port:
            console.print(f"Port {config.port} is taken; Outdial uses {stack.port} instead.")
        console.print(f"Outdial is running: [bold]{stack.web_url}[/bold]   (Ctrl-C stops it)")
        tell_where(stack.web_url)
        stack.close()
        stack.run(lambda: False)
        console.print("Stopping ...")
    console.print("Everything has stopped. Start again to go on where it left off.")


@contextmanager
def only_one(data_dir: Path) -> Iterator[Callable[[str], object]]:
    """Hold the data directory for one `outdial up`; yields how to note its address.

    Two of them would share one database and each would point the simulator account at a
    simulator of its own. Raises `NotAllowed` naming the one that runs; the kernel lets go of the
    lock when its holder ends, however it ends.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise NotAllowed(
                f"Outdial runs in {data_dir} already ({lock.read() or 'it is starting'}). Nothing "
                "was started. Stop it first, or set OUTDIAL_DATA_DIR to another directory."
            ) from None
        lock.truncate(0)

        def note(url: str) -> None:
            lock.write(url)
            lock.flush()

        try:
            yield note
        finally:
            lock.truncate(0)


def _scaled(config: Settings, asked: float | None, *, sample: bool) -> Settings:
    """The settings with the time scale that was asked for; a sample is over in minutes."""
    if asked is None and sample and "time_scale" not in config.model_fields_set:
        asked = SAMPLE_TIME_SCALE
    return config if asked is None else config.model_copy(update={"time_scale": asked})


def _seed(stack: LocalStack, config: Settings) -> None:
    vault = Vault(secret_of(config))
    with transaction(stack.engine) as session:
        seeded = samples.point_at_simulator(session, stack.simulator_url, vault)
    if not seeded:
        for sentence in samples.create_sample_campaigns(
            stack.engine, stack.simulator_url, vault, config.time_scale, config.data_dir
        ):
            console.print(sentence)


def _say(line: str) -> None:
    console.print(f"[yellow]{line}[/yellow]")


def web() -> None:
    """Run a web process: callbacks, API and pages."""
    run_process("web")


def worker(
    imports: Annotated[
        bool, typer.Option("--imports", help="Import files instead of dialling.")
    ] = False,
) -> None:
    """Run a dial worker, or the import worker."""
    run_process("imports" if imports else "dial")


def scheduler() -> None:
    """Run a scheduler; of several, one leads."""
    run_process("scheduler")


def run_process(name: str) -> None:
    """Become the process when its servers are given; else look after it and the embedded ones."""
    config = settings()
    command = [sys.executable, "-m", MODULES[name]]
    if config.database_url and config.redis_url:
        if name == "web":
            _look_for_first_admin(config.database_url, config)
        os.execv(sys.executable, command)
    with (
        termination_interrupts(),
        servers(config) as urls,
        Supervisor(config.data_dir, say=_say) as supervisor,
    ):
        _migrate(urls)
        if name == "web":
            _look_for_first_admin(urls.database_url, config)
        env: Mapping[str, str] = {
            "OUTDIAL_DATABASE_URL": urls.database_url,
            "OUTDIAL_REDIS_URL": urls.redis_url,
        }
        supervisor.start(ChildSpec(name=name, command=command, env=env, restart=False))
        supervisor.run(lambda: bool(supervisor.exit_codes()))
        code = supervisor.exit_codes().get(name, 0)
    raise typer.Exit(1 if code else 0)


def _look_for_first_admin(database_url: str, config: Settings) -> None:
    engine = engine_for(database_url, pool_size=1)
    try:
        make_first_admin(engine, config)
    except SQLAlchemyError as error:
        complain(
            f"Nobody can sign in yet: the database does not answer, or its tables are not up to "
            f"date ({type(error).__name__}). Start this process again once `outdial migrate` ran."
        )
    finally:
        engine.dispose()


def simulator(ctx: typer.Context) -> None:
    """Run the simulated carrier; options as `python -m simulator --help` lists them."""
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *ctx.args])


def migrate() -> None:
    """Bring the database's tables up to date."""
    with termination_interrupts(), servers(settings()) as urls:
        _migrate(urls)
    console.print("The tables are up to date.")


def _migrate(urls: ServerUrls) -> None:
    engine = engine_for(urls.database_url)
    migrations.upgrade(engine)
    ruling.adopt_shipped_rules(engine)
    engine.dispose()
