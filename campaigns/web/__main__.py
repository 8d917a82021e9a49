"""The web process: `python -m campaigns.web`."""

import contextlib
import sys

import uvicorn

from campaigns import logs
from campaigns.config import settings
from campaigns.local.owner import exit_with_owner
from campaigns.web.app import create_app
from campaigns.web.draining import DrainingServer

STARTUP_FAILURE = 3  # what `uvicorn.run` would leave with


def main() -> None:
    """Serve until SIGTERM."""
    exit_with_owner()
    config = settings()
    logs.configure(config.log_level, "web")
    app = create_app(config)
    server = DrainingServer(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            access_log=False,  # addresses carry attempt tokens
            log_config=None,
            timeout_graceful_shutdown=5,
            proxy_headers=False,
        ),
        app,
    )
    app.state.stopping = lambda: server.should_exit  # live pages end before the server waits
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
