"""The API keeps what its OpenAPI document says, whatever schemathesis sends."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from campaigns import api_keys
from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.web.app import create_app
from tests.integration.reporting.seed import SECRET, make_running_campaign

# Raised by hand for a longer search; a handful finds most of what a hundred do.
EXAMPLES = os.environ.get("OUTDIAL_SCHEMATHESIS_EXAMPLES", "2")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
    "missing_required_header,unsupported_method,ignored_auth"
)


@pytest.fixture
def served(engine, database_url, servers, tmp_path):
    """The real application on a real port, with people in it."""
    make_running_campaign(engine)
    config = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        redis_url=servers.redis_url,
        secret_key=SECRET,
        max_upload_mb=1,
        api_rate=1_000_000,
    )
    app = create_app(config)
    app.openapi()  # takes seconds on a busy machine, and is asked for with a time limit
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.mark.timeout(600)
def test_the_api_keeps_its_document_whatever_is_sent(served, engine, tmp_path):
    with transaction(engine) as session:
        token = api_keys.create_key(session, "schemathesis", role="admin").token
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", f"{served}/api/openapi.json"),
            *("--header", f"Authorization: Bearer {token}"),
            *("--checks", CHECKS),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", EXAMPLES),
            *("--seed", "20261121"),
            "--continue-on-failure",
            "--generation-deterministic",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=580,
    )  # fmt: skip
    assert done.returncode == 0, _told(done)
    tested = re.search(r"(\d+) generated", done.stdout)
    assert tested is not None, done.stdout[-2000:]
    assert int(tested[1]) > 200, done.stdout[-2000:]


def _told(done: "subprocess.CompletedProcess[str]") -> str:
    """What schemathesis found, without its drawings."""
    found = done.stdout.partition("FAILURES")[2] or done.stdout
    return f"{found[:20_000]}\n{found[-3000:]}\n{done.stderr[-1000:]}"
