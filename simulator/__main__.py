"""`python -m simulator`: start the carrier, say where it listens, stop when told."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from simulator.app import build_app
from simulator.carrier import Carrier, Options
from simulator.knobs import Knobs

HOST = "127.0.0.1"
FAREWELL = 0.3  # seconds that requests still being answered are given at the end


def main() -> None:
    options, port, exit_fd = read_arguments(sys.argv[1:])
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        _run(_serve(options, port, exit_fd))
    except OSError as error:
        sys.exit(f"The simulator cannot start: {error}")


def read_arguments(arguments: list[str]) -> tuple[Options, int, int | None]:
    """Options, port and the descriptor whose end means ours. Exits with 2 for a bad argument."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8090, help="0 takes any free one")
    parser.add_argument("--time-scale", type=float, default=1.0, help="scales durations of calls")
    parser.add_argument("--cps", type=float, help="calls dialled a second")
    parser.add_argument("--project", default="sim-project")
    parser.add_argument("--token", default="sim-token")
    parser.add_argument("--signing-key", default="PSK_simulator")
    parser.add_argument("--log", type=Path, help="file the call log is appended to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--knobs", type=_json_object, default={}, help="JSON object")
    parser.add_argument("--personas", type=_json_object, help="JSON object, by number")
    parser.add_argument("--exit-with-fd", type=int, help="stop when this descriptor is closed")
    given = parser.parse_args(arguments)
    if not given.time_scale > 0:
        parser.error("--time-scale must be above 0")
    try:
        knobs = Knobs().merged(_knob_arguments(given))
    except ValidationError as error:
        parser.error(str(error))
    options = Options(
        project=given.project,
        token=given.token,
        signing_key=given.signing_key,
        time_scale=given.time_scale,
        seed=given.seed,
        log=given.log,
        knobs=knobs,
    )
    return options, given.port, given.exit_with_fd


def _knob_arguments(given: argparse.Namespace) -> dict[str, Any]:
    own = {"cps": given.cps, "personas": given.personas}
    return {**given.knobs, **{name: value for name, value in own.items() if value is not None}}


def _json_object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


def _run(work: Any) -> None:
    """Run on uvloop where it is installed: it halves the cost of a small request."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)


async def _serve(options: Options, port: int, exit_fd: int | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_fd is not None:
        _stop_at_end_of(exit_fd, stop)
    carrier = Carrier(options)
    runner = web.AppRunner(build_app(carrier), access_log=None, shutdown_timeout=FAREWELL)
    try:
        await runner.setup()
        await web.TCPSite(runner, HOST, port, backlog=1024).start()
        _announce(runner)
        await stop.wait()
    finally:
        await carrier.stop()
        await runner.cleanup()


def _announce(runner: web.AppRunner) -> None:
    host, port = runner.addresses[0][:2]
    sys.stdout.write(json.dumps({"listening": f"http://{host}:{port}"}) + "\n")
    sys.stdout.flush()


def _stop_at_end_of(descriptor: int, stop: asyncio.Event) -> None:
    """The owner holds the other end of a pipe: it closes however the owner dies."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        try:
            ended = not os.read(descriptor, 4096)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            loop.remove_reader(descriptor)
            stop.set()

    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, look)


if __name__ == "__main__":
    main()
