"""A backup of half a campaign, restored after the other half: nobody is called twice."""

import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns import restoring
from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.demo import DemoOptions, books
from campaigns.providers import list_calls
from campaigns.provisioning import credentials_of
from campaigns.vault import Vault, secret_of
from tests.e2e.harness import scene

pytestmark = [pytest.mark.e2e, pytest.mark.beside, pytest.mark.timeout(300)]


def test_a_restored_database_dials_nobody_until_it_was_reconciled(tmp_path: Path) -> None:
    options = DemoOptions(
        recipients=100, cps=20, workers=1, time_scale=0.05, seed=8,
        retry_policy={"max_attempts": 1},
    )  # fmt: skip
    backup = tmp_path / "half.backup"
    seen: dict[str, Any] = {}
    with scene(tmp_path, options) as stage:
        url = stage.stack.servers.database_url

        def back_up() -> None:
            restoring.create_backup(url, backup)
            seen["backed up"] = len(stage.dials())

        def restore() -> None:
            """What an operator does: stop everything, restore, start everything."""
            for name in list(stage.supervisor.pids()):
                if name != "simulator":
                    stage.supervisor.end(name)
            seen["lost"] = len(stage.dials())
            restoring.restore_backup(url, backup)
            seen["attempts"] = stage.value("SELECT count(*) FROM attempts WHERE spent")
            stage.stack.start_processes()
            wait_for_leader()
            time.sleep(3)  # long enough for sixty slots
            seen["after restoring"] = len(stage.dials())
            seen["enabled"] = stage.value("SELECT enabled FROM dialing_switch")
            reconcile()

        def wait_for_leader() -> None:
            for _ in range(200):
                if stage.value("SELECT count(*) FROM leases WHERE expires_at > now()"):
                    return
                time.sleep(0.1)
            raise AssertionError("nobody leads")

        def reconcile() -> None:
            vault = Vault(secret_of(Settings(data_dir=tmp_path)))
            with transaction(stage.engine) as session:
                restoring.allow_long_work(session)
                seen["reconciled"] = restoring.reconcile(
                    session,
                    lambda account, begin: list_calls(
                        account.provider, credentials_of(account, vault), begin
                    ),
                    hold=timedelta(days=1),
                )

        def watch(_progress: object) -> None:
            """By what the carrier has seen: a busy machine makes attempts without calls."""
            if "backed up" not in seen:
                if len(stage.dials()) >= 20:
                    back_up()
            elif "lost" not in seen and len(stage.dials()) >= max(50, seen["backed up"] + 25):
                restore()

        assert stage.run.dial(watch)
        dials = stage.dials()
        in_review = stage.value("SELECT count(*) FROM recipients WHERE status = 'review'")
        with transaction(stage.engine) as session:
            left = books.unfinished(session, stage.run.open_zones)
    lost = seen["lost"] - seen["backed up"]
    assert lost > 20, "nothing was lost that could be called twice"
    assert seen["attempts"] < seen["lost"]
    assert (seen["after restoring"], seen["enabled"]) == (seen["lost"], False)
    found = seen["reconciled"]
    assert found.booked + found.known >= lost
    assert found.held == ()
    assert len(dials) > seen["lost"], "it never went on"
    twice = {number: n for number, n in Counter(dial.number for dial in dials).items() if n > 1}
    assert twice == {}
    assert in_review >= found.to_review > 0
    assert left == 0  # but for those whose hours are closed
