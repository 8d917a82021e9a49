"""The API's OpenAPI document as a file: `python -m campaigns.openapi_page FILE`.

It is kept in the repository so that a change of the API is seen in review, and so that clients can
be made without a running server. With `--check` nothing is written, and the exit code is 1 when
the file is not what the code says; `make check` runs it so.
"""

import argparse
import json
import sys
from pathlib import Path

from campaigns.config import Settings
from campaigns.web.app import create_app


def render() -> str:
    """The document as the running API would show it. Connects to nothing."""
    config = Settings(
        database_url="postgresql://127.0.0.1/none",
        redis_url="redis://127.0.0.1:1/0",
        secret_key="a document needs no secret, so this one opens nothing",
    )
    document = create_app(config).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the document, or with `--check` compare it; the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns.openapi_page", description=__doc__)
    parser.add_argument("page", type=Path, help="the file, docs/openapi.json")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    given = parser.parse_args(arguments)
    if not given.check:
        given.page.write_text(render(), encoding="utf-8")
        return 0
    found = given.page.read_text(encoding="utf-8") if given.page.exists() else None
    if found == render():
        return 0
    state = "does not exist" if found is None else "differs from the API's code"
    sys.stderr.write(f"{given.page} {state}. `make docs` writes it again.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
