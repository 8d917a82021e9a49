"""The web process: `python -m campaigns.web`."""

import uvicorn

from campaigns import logs
from campaigns.config import settings
from campaigns.local.owner import exit_with_owner
from campaigns.web.app import create_app


def main() -> None:
    """Serve until SIGTERM."""
    exit_with_owner()
    config = settings()
    logs.configure(config.log_level, "web")
    uvicorn.run(
        create_app(config),
        host=config.host,
        port=config.port,
        access_log=False,  # addresses carry attempt tokens
        log_config=None,
        timeout_graceful_shutdown=5,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
