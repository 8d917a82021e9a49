"""Every change of a campaign and every automatic decision about one is a sentence in its log.

The table is complete by construction: every place in the code that writes a sentence is reached by
a row, every kind of change that the audit log knows is one of them or is named here as none of a
campaign, and so is every use case of `changing`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import text

import campaigns
from campaigns import changing
from campaigns.auditing.words import PHRASES
from campaigns.store import dispatch
from tests.integration.core.conftest import Bench
from tests.integration.life.changes import CHANGES
from tests.integration.life.decisions import DECISIONS
from tests.integration.life.world import World

ROWS = (*CHANGES, *DECISIONS)
CODE = Path(campaigns.__file__).parent
# Functions that write a sentence for who calls them: what calls these is what must be reached.
FOR_OTHERS = {
    *("write_log", "pause_account", "pause_caller_id", "switch_account_off", "slow_down"),
    *("pause_campaign", "stop_campaign", "start_campaign", "resume_campaign", "hold"),
}
# The same within one module.
FOR_THE_MODULE = {
    *("_log", "_tell", "_tell_growth", "_change", "_run", "_end", "_log_missed", "_back_off"),
    *("_slow_down", "_say"),
}
# What only calls the use cases: the edges, and what tries or shows the product as a whole.
ELSEWHERE = ("cli", "web", "demo", "drill", "samples.py", "test_call.py")
# Changes that are about no campaign; each is told where it belongs.
ABOUT_NO_CAMPAIGN = {
    "audio": "the list of recordings",
    "user": "the audit log",
    "key": "the audit log",
    "webhook": "the page of the webhook",
    "evidence": "nothing is changed",
    "consent": "the list of consents: about a person, in every campaign",
}
NOTHING_IS_CHANGED = {"campaign.export", "import.export", "opt_out.export"}
ANOTHER_WAY = {"test_call.place": "a test call is a campaign that is started"}
READS = {"hold_person", "last_pause"}


def _sites() -> set[tuple[str, int, int]]:
    """Each call that leads to a sentence: file, first and last line."""
    found = set()
    for path in sorted(CODE.rglob("*.py")):
        name, tree = str(path.relative_to(CODE)), ast.parse(path.read_text())
        if name.startswith(ELSEWHERE):
            continue
        leading = FOR_OTHERS | {
            one.name
            for one in ast.walk(tree)
            if isinstance(one, ast.FunctionDef)
            and one.name in FOR_THE_MODULE
            and any(word in FOR_OTHERS | FOR_THE_MODULE - {one.name} for word, _ in _calls(one))
        }
        found |= {
            (name, call.lineno, call.end_lineno or call.lineno)
            for word, call in _calls(tree)
            if word in leading
        }
    return found


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            yield getattr(called, "attr", getattr(called, "id", "")), node


class Reached:
    """Where in the code each sentence came from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: set[tuple[str, int]] = set()
        write = dispatch.write_log

        def noted(*args: Any, **named: Any) -> None:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                path = Path(frame.f_code.co_filename)
                if path.is_relative_to(CODE):
                    self.lines.add((str(path.relative_to(CODE)), frame.f_lineno))
                frame = frame.f_back
            write(*args, **named)

        monkeypatch.setattr(dispatch, "write_log", noted)

    def missed(self) -> list[str]:
        """Places that write sentences and that no row came to."""
        return [
            f"{name}:{first}"
            for name, first, last in sorted(_sites())
            if not any((name, line) in self.lines for line in range(first, last + 1))
        ]


@pytest.fixture
def world(bench: Bench, tmp_path: Path) -> Iterator[World]:
    yield World(bench, tmp_path)
    with bench.engine.begin() as connection:
        connection.execute(text("DELETE FROM restorations"))
        connection.execute(text("ALTER TABLE rule_activations DISABLE TRIGGER USER"))
        connection.execute(text("DELETE FROM rule_activations WHERE n > 1"))
        connection.execute(text("ALTER TABLE rule_activations ENABLE TRIGGER USER"))
        connection.execute(text("UPDATE dialing_switch SET enabled = true, reason = NULL"))


def test_every_change_and_decision_is_a_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, wrong = Reached(monkeypatch), []
    for row in ROWS:
        before = world.bench.value("SELECT coalesce(max(id), 0) FROM campaign_log")
        try:
            row.does(world)
        except Exception as problem:  # told with the others
            wrong.append(f"{row.what}: {problem!r}")
        said = [
            one.sentence
            for one in world.bench.rows(
                "SELECT sentence FROM campaign_log WHERE id > :id ORDER BY id", id=before
            )
        ]
        if not any(re.fullmatch(row.says, sentence) for sentence in said):
            wrong.append(f"{row.what}: {said}")
        wrong += [f"{row.what} reads badly: {one}" for one in said if not _is_plain(one)]
    assert not wrong, "\n".join(wrong)
    assert not reached.missed(), "\n".join(reached.missed())
    done = {one.action for one in world.bench.rows("SELECT DISTINCT action FROM audit_log")}
    assert {
        action
        for action in PHRASES
        if action.split(".")[0] not in ABOUT_NO_CAMPAIGN
        and action not in {*done, *NOTHING_IS_CHANGED, *ANOTHER_WAY}
    } == set()


def _is_plain(sentence: str) -> bool:
    """Begins as a sentence does, ends as one does, and shows nothing of the machine."""
    begins = sentence[:1].isupper() or sentence[:1].isdigit() or sentence[:1] in "“+"
    plain = re.sub(r"[A-Z][a-z]+/[A-Z]\w+|\{\w+\}", "a zone or a column", sentence)
    machine = re.search(r"\w_\w|\bNone\b|\d\dT\d\d:|[{}<>]|\.\.$| ,|  ", plain)
    return begins and sentence.endswith(".") and machine is None


def test_every_use_case_of_changing_is_in_the_table() -> None:
    verbs = {
        name
        for name in changing.__all__
        if name.islower() and callable(getattr(changing, name)) and name not in READS
    }
    used = (Path(__file__).parent / "changes.py").read_text()
    assert {name for name in verbs if f"changing.{name}" not in used} == set()
