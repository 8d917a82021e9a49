"""The repository keeps its own rules: the lock, the pages, the sizes, what must not be in it."""

import os
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import typer

from campaigns import lifecycle
from campaigns.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("campaigns", "workers", "simulator")
# Each has a letter in brackets, so that this file does not contain what it forbids.
UNFINISHED = re.compile(r"[T]ODO|[F]IXME|[X]XX|[N]otImplementedError")
PACKAGE_INDEXES = re.compile(r"[p]ypi\.(?:org|io)|[p]ythonhosted|[r]egistry\.npmjs|[d]evpi")
MACHINE_PATHS = re.compile(r"(?<![\w.:/\\])/(?:home|Users|root|work|mnt|shared)/\w")
OTHER_PAGES = re.compile(r"\b(?:design|providers|compliance|facts|field|style)\.md\b")
REQUIREMENT = re.compile(r"^(\S+==\S+(?: ;[^\\]*)?) \\$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OUTDIAL_COMMAND = re.compile(r"(?:^|[\s`/])outdial((?: (?:[a-z][a-z-]*|--[a-z-]+))+)")


def ignored_names() -> set[str]:
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return {line.strip("/") for line in lines if line and not line.startswith("#")} | {".git"}


@lru_cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the repository, found without git, which a copy may lack."""
    ignored = ignored_names()

    def below(folder: Path) -> Iterator[Path]:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if any(Path(entry.name).match(pattern) for pattern in ignored):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from below(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)

    return tuple(below(ROOT))


@lru_cache
def texts() -> dict[str, str]:
    """The text of every text file, by its path from the top."""
    found = {}
    for path in files():
        try:
            found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def matches(pattern: re.Pattern[str], *, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]}"
        for name, text in texts().items()
        if name not in but
        for found in pattern.finditer(text)
    ]


def pages() -> list[str]:
    return [name for name in texts() if name.endswith(".md")]


def prose(name: str) -> str:
    """A page without its code blocks, in which brackets are not links."""
    return FENCE.sub("", texts()[name])


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", texts()["Makefile"], re.MULTILINE))


def commands() -> set[tuple[str, ...]]:
    """Every command of `outdial`, as the words one types."""

    def below(group: Any, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, command in getattr(group, "commands", {}).items():
            yield (*prefix, name)
            yield from below(command, (*prefix, name))

    return set(below(typer.main.get_command(app), ()))


def options_of(words: tuple[str, ...]) -> set[str]:
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    declared = {one for each in command.params for one in (*each.opts, *each.secondary_opts)}
    return declared | {"--help"}


# --- the lock ---------------------------------------------------------------------------------


def test_the_lock_names_no_place_to_install_from():
    lock = texts()["requirements.lock"]
    assert not re.search(r"https?:|file:|^-|--(?:extra-)?index|--find-links", lock, re.MULTILINE)


def test_every_requirement_is_pinned_with_hashes():
    entries = re.split(r"\n(?=\S)", texts()["requirements.lock"].strip())
    assert len(entries) > 50
    for entry in entries:
        first, *hashes = entry.splitlines()
        assert REQUIREMENT.match(first), first
        assert hashes, first
        for line in hashes:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), line


def test_the_lock_holds_everything_the_project_asks_for():
    project = tomllib.loads(texts()["pyproject.toml"])
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    pinned = {line.split("==")[0] for line in texts()["requirements.lock"].splitlines()}
    names = {re.split(r"[\[<>=!;~ ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names <= pinned


# --- what must not be in the repository -------------------------------------------------------


def test_no_package_index_is_named():
    assert matches(PACKAGE_INDEXES) == []


def test_no_path_of_one_machine_is_named():
    assert matches(MACHINE_PATHS) == []


def test_no_page_outside_the_repository_is_cited():
    assert matches(OTHER_PAGES) == []


def test_nothing_is_left_unfinished():
    assert matches(UNFINISHED) == []


@pytest.mark.parametrize(
    ("pattern", "parts", "forbidden"),
    [
        (PACKAGE_INDEXES, ("https://py", "pi.org/simple"), True),
        (MACHINE_PATHS, ("see /ho", "me/ann/outdial"), True),
        (MACHINE_PATHS, ("`/wo", "rk/main`"), True),
        (MACHINE_PATHS, ("https://example.org/ho", "me/page"), False),
        (MACHINE_PATHS, ("tests/wo", "rk/x"), False),
        (OTHER_PAGES, ("see des", "ign.md, section 6"), True),
        (UNFINISHED, ("# TO", "DO: later"), True),
    ],
)
def test_the_patterns_find_what_they_forbid(pattern, parts, forbidden):
    assert bool(pattern.search("".join(parts))) is forbidden


# --- sizes and names --------------------------------------------------------------------------


def test_no_module_has_more_than_400_lines():
    long = {
        name: text.count("\n")
        for name, text in texts().items()
        if name.startswith(SOURCES) and name.endswith(".py") and text.count("\n") > 400
    }
    assert not long, f"split these by noun: {long}"


def test_no_module_is_a_drawer():
    drawers = {"util", "utils", "helper", "helpers", "common", "misc"}
    assert [str(path) for path in files() if path.stem in drawers] == []


def test_the_folder_of_migrations_does_not_shadow_the_library():
    assert not (ROOT / "alembic" / "__init__.py").exists()


# --- the pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page):
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{page} links to {link}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
            assert anchor in slugs, f"{page} links to {link}"


def test_the_readme_begins_with_the_two_commands():
    language, block = FENCE.findall(texts()["README.md"])[0]
    assert language == "sh"
    assert [line.split("#")[0].strip() for line in block.splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize("page", [*pages(), ".ci/run"])
def test_make_is_asked_only_for_targets_it_has(page):
    blocks = [block for _, block in FENCE.findall(texts()[page])]
    code = "\n".join(blocks) if page.endswith(".md") else texts()[page]
    asked = set(re.findall(r"^make ([a-z][a-z-]*)", code, re.MULTILINE))
    asked |= set(re.findall(r"`make ([a-z][a-z-]*)", prose(page)))
    assert asked <= targets()


@pytest.mark.parametrize("page", [*pages(), "docker-compose.yml"])
def test_every_command_of_outdial_that_is_written_exists(page):
    known = commands()
    for found in OUTDIAL_COMMAND.finditer(texts()[page]):
        words = tuple(word for word in found[1].split() if not word.startswith("--"))
        options = {word for word in found[1].split() if word.startswith("--")}
        command = next((words[:n] for n in range(len(words), 0, -1) if words[:n] in known), None)
        assert command is not None or not words, f"{page}: outdial{found[1]}"
        assert options <= options_of(command or ()), f"{page}: outdial{found[1]}"


def test_every_target_of_make_is_explained_and_phony():
    makefile = texts()["Makefile"]
    phony = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    explained = set(re.findall(r"^([a-z][a-z0-9-]*):[^=\n]*## \S", makefile, re.MULTILINE))
    assert phony == explained == targets()
    assert {"help", "setup", "run", "test", "check"} <= targets()


def test_continuous_integration_runs_the_same_commands():
    assert "make check\nmake test" in texts()[".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_whole_stacks_are_tested_where_make_test_looks_for_them():
    """It collects those folders alone, which is quick; elsewhere such a test would never run."""
    marked = {
        Path(name).parts[1]
        for name, text in texts().items()
        if Path(name).match("tests/**/test_*.py") and re.search(r"mark\.[e]2e\b", text)
    }
    assert marked == {"browser", "e2e"}
    asked = re.findall(r'pytest .*-m "e2e and ([a-z ]+)" (.+)', texts()["Makefile"])
    folders = "tests/browser tests/e2e"
    assert asked == [("beside", folders), ("not beside", folders)]


def test_every_decision_is_listed_and_numbered_without_gaps():
    found = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [name[:4] for name in found] == [f"{n:04d}" for n in range(1, len(found) + 1)]
    assert sorted(LINK.findall(texts()["docs/decisions/index.md"])) == found


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/lifecycle.md", "README.md"])
def test_files_that_a_page_names_exist(page):
    named = set(re.findall(r"`(\w[\w./-]*/[\w./-]*)`", texts()[page]))
    places = (ROOT, ROOT / "campaigns")
    for name in named:
        assert any((place / name).exists() for place in places), f"{page} names {name}"


@pytest.mark.parametrize(
    "words",
    [
        lifecycle.AttemptStatus,
        lifecycle.Disposition,
        lifecycle.RecipientStatus,
        lifecycle.CampaignStatus,
    ],
)
def test_the_life_cycle_page_explains_every_status(words):
    page = texts()["docs/lifecycle.md"]
    assert [word.value for word in words if f"| `{word.value}` |" not in page] == []


def test_the_life_cycle_page_draws_exactly_the_legal_changes_of_a_campaign():
    page = texts()["docs/lifecycle.md"].split("## Campaign")[1]
    names = "|".join(status.value for status in lifecycle.CampaignStatus)
    drawn = set(re.findall(rf"^ +({names}) --> ({names})", page, re.MULTILINE))
    legal = {
        (now.value, then.value)
        for now, thens in lifecycle.CAMPAIGN_TRANSITIONS.items()
        for then in thens
    }
    assert drawn == legal


def test_the_life_cycle_page_explains_every_cancel_reason():
    written = set(re.findall(r"^\| `([a-z_]+)` \|", texts()["docs/lifecycle.md"], re.MULTILINE))
    known = {
        reason
        for name, text in texts().items()
        if name.startswith(("campaigns/outcomes", "campaigns/recording", "campaigns/dialing"))
        for reason in re.findall(
            r'"(late_slot|stale_claim|not_sent|congested|window_closed|paused|stopped'
            r'|account_fault|caller_paused|not_placed|opted_out)"',
            text,
        )
    }
    assert known <= written
    assert len(known) >= 8
