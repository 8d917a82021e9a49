"""The page of settings says everything the class says, and no setting is only decoration."""

import ast
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from campaigns import settings_page
from campaigns.config import Settings, variable_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "settings.md"
# Names under which the code holds a Settings object.
HOLDERS = {"config", "_config", "settings"}


def rows_of(page: str) -> dict[str, list[str]]:
    lines = [line for line in page.splitlines() if line.startswith("| `OUTDIAL_")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("` |"): row for row in cells}


def attributes_read_from_settings(source: str) -> set[str]:
    """Names read as `config.x`, `self._config.x`, `app.state.settings.x` or `settings().x`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        holder = node.value.func if isinstance(node.value, ast.Call) else node.value
        name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", None)
        if name in HOLDERS:
            found.add(node.attr)
    return found


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_and_on_the_page(name):
    field = Settings.model_fields[name]
    assert field.description, f"{name} has no description"
    row = rows_of(PAGE.read_text())[variable_of(name)]
    assert row[-1].strip(" |") == field.description.replace("|", "/")


def test_the_page_in_the_repository_is_the_one_that_would_be_written():
    assert PAGE.read_text() == settings_page.render()


def test_every_setting_is_read_by_the_code():
    read: set[str] = set()
    for folder in ("campaigns", "workers"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name not in ("config.py", "settings_page.py"):
                read |= attributes_read_from_settings(path.read_text())
    unread = sorted(set(Settings.model_fields) - read)
    assert not unread, f"settings that nobody reads: {unread}; use them or remove them"


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("config.port", {"port"}),
        ("settings().lease", {"lease"}),
        ("self._config.port", {"port"}),
        ("request.app.state.settings.max_upload_mb", {"max_upload_mb"}),
        ("other.port; port = 1; 'config.port'", set()),
        ("config.port = 1", set()),
    ],
)
def test_reading_is_told_from_mentioning(source, read):
    assert attributes_read_from_settings(source) == read


def test_types_defaults_and_bounds_are_told(monkeypatch):
    class Small(BaseSettings):
        model_config = {"env_prefix": "OUTDIAL_"}
        ratio: Annotated[float, Field(gt=0, le=1)] = Field(0.5, description="A ratio.")
        code: Annotated[str, Field(min_length=2, max_length=3)] = Field("US", description="A code.")
        word: Literal["a", "b"] = Field("a", description="Either | or.")
        names: list[str] = Field(["x"], description="Names.")
        secret: SecretStr | None = Field(None, description="A secret.")
        on: bool = Field(False, description="A switch.")

    monkeypatch.setattr(settings_page, "Settings", Small)
    page = settings_page.render()
    assert "| `OUTDIAL_RATIO` | number | `0.5` | above 0, at most 1 | A ratio. |" in page
    assert "| text | `US` | at least 2 characters, at most 3 characters | A code. |" in page
    assert "| one word | `a` | `a`, `b` | Either / or. |" in page
    assert '| JSON list | `["x"]` |' in page
    assert "| `OUTDIAL_SECRET` | secret text | unset |" in page
    assert "| `OUTDIAL_ON` | true or false | `false` |" in page


def test_a_secret_default_is_never_shown(monkeypatch):
    class Leaky(BaseSettings):
        model_config = {"env_prefix": "OUTDIAL_"}
        key: SecretStr = Field(SecretStr("do-not-print-me"), description="A key.")

    monkeypatch.setattr(settings_page, "Settings", Leaky)
    assert "do-not-print-me" not in settings_page.render()


def test_writing_then_checking_agrees(tmp_path, capsys):
    page = tmp_path / "settings.md"
    assert settings_page.main([str(page)]) == 0
    assert settings_page.main(["--check", str(page)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("before", "said"), [(None, "does not exist"), ("old", "differs"), ("", "differs")]
)
def test_check_fails_with_a_reason_and_changes_nothing(tmp_path, capsys, before, said):
    page = tmp_path / "settings.md"
    if before is not None:
        page.write_text(before)
    assert settings_page.main(["--check", str(page)]) == 1
    message = capsys.readouterr().err
    assert said in message
    assert "make docs" in message
    assert (page.read_text() if page.exists() else None) == before
