"""The compose file fits the code: its commands exist, its variables are settings, its checks work.

Docker itself is not needed: the file is read, and what it would run is run here.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from campaigns.cli.main import app
from campaigns.config import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "outdial"]
DATABASE = ("postgres", "redis")
# Typer brings its own copy of the library that parses; this is its error for a wrong command.
USAGE_ERROR = typer.BadParameter.__bases__[0]
INTERPOLATION = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")


def parse(command: list[str]) -> str | None:
    """Parse a service's command as Typer would, without running it; raises for a wrong one."""
    assert command[0] == "outdial"
    group: Any = typer.main.get_command(app)
    context = group.make_context("outdial", command[1:])
    name, found, rest = group.resolve_command(context, command[1:])
    found.make_context(name, rest, parent=context)
    return str(name)


def variables(text_: str) -> dict[str, tuple[str | None, str | None]]:
    """Names the text interpolates, with their operator and what follows it."""
    return {m[1]: (m[2], m[3]) for m in INTERPOLATION.finditer(text_)}


def check_of(service: str) -> list[str]:
    """The program of a service's health check, as compose would hand it over."""
    return [part.replace("$$", "$") for part in SERVICES[service]["healthcheck"]["test"]]


def test_every_process_the_product_needs_is_there():
    commands = {name: SERVICES[name]["command"][1:] for name in OURS}
    assert commands == {
        "migrate": ["migrate"],
        "web": ["web"],
        "scheduler": ["scheduler"],
        "worker": ["worker"],
        "import-worker": ["worker", "--imports"],
        "simulator": ["up", "--sample"],
    }
    assert SERVICES["scheduler"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_outdial(name):
    assert parse(SERVICES[name]["command"]) == SERVICES[name]["command"][1]


@pytest.mark.parametrize(
    "wrong", [["outdial", "serve"], ["outdial", "worker", "--nope"], ["outdial", "web", "extra"]]
)
def test_a_wrong_command_would_be_noticed(wrong):
    with pytest.raises(USAGE_ERROR):
        parse(wrong)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_its_value_can_be_used(name, monkeypatch):
    given = SERVICES[name].get("environment", {})
    prefix = Settings.model_config["env_prefix"]
    known = {f"{prefix}{field}".upper() for field in Settings.model_fields}
    assert set(given) <= known
    for variable, value in given.items():
        if value is None:  # passed on from the host as it is there, or not at all
            continue
        monkeypatch.setenv(variable, INTERPOLATION.sub(as_default, str(value)))
    Settings()


def as_default(found: re.Match[str]) -> str:
    return found[3] if found[2] == "-" else "x" * 40


def test_the_host_names_only_settings_and_the_secrets_have_no_default():
    source = (ROOT / "docker-compose.yml").read_text()
    code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))
    found = variables(code)
    known = {f"OUTDIAL_{field}".upper() for field in Settings.model_fields}
    assert {name for name in found if name.startswith("OUTDIAL_")} <= known
    for secret in ("OUTDIAL_SECRET_KEY", "POSTGRES_PASSWORD"):
        assert found[secret][0] == "?", f"{secret} must be required, and never have a default"
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if value is not None and re.search("PASSWORD|SECRET|TOKEN|KEY", name):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value)


def test_live_dialling_is_off_unless_asked_for():
    for name in OURS:
        value = SERVICES[name].get("environment", {}).get("OUTDIAL_LIVE_DIALLING")
        assert value in (None, "${OUTDIAL_LIVE_DIALLING:-false}")


@pytest.mark.parametrize("name", SERVICES)
def test_only_loopback_ports_are_published(name):
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")
    assert SERVICES[name].get("network_mode") is None


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_every_lasting_service_has_a_health_check(name):
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", ["web", "scheduler", "worker", "import-worker"])
def test_processes_wait_for_the_tables(name):
    conditions = {k: v["condition"] for k, v in SERVICES[name]["depends_on"].items()}
    assert conditions == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }


def test_the_migration_runs_once():
    assert SERVICES["migrate"]["restart"] == "no"
    assert "profiles" not in SERVICES["migrate"]


def test_every_process_shares_the_uploads_and_one_configuration():
    for name in ("migrate", "web", "scheduler", "worker", "import-worker"):
        assert SERVICES[name]["volumes"] == ["data:/data"]
        environment = dict(SERVICES[name]["environment"])
        if name == "web":  # where it listens is nobody else's business
            del environment["OUTDIAL_HOST"], environment["OUTDIAL_PORT"]
        assert environment == SERVICES["worker"]["environment"]
        assert environment["OUTDIAL_DATA_DIR"] == "/data"


def test_volumes_are_declared_and_the_simulator_keeps_its_own():
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }
    assert used == set(COMPOSE["volumes"])
    assert SERVICES["simulator"]["profiles"] == ["simulator"]
    assert SERVICES["simulator"]["volumes"] == ["simulator:/data"]
    own = SERVICES["simulator"]["environment"]
    assert "OUTDIAL_DATABASE_URL" not in own
    assert own["OUTDIAL_REDIS_URL"] != SERVICES["web"]["environment"]["OUTDIAL_REDIS_URL"]


def test_redis_refuses_rather_than_forgets():
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options == {
        "--maxmemory-policy": "noeviction",
        "--appendonly": "yes",
        "--appendfsync": "everysec",
    }


def test_the_web_check_asks_the_port_the_process_listens_on():
    source = check_of("web")[-1]
    compile(source, "web check", "exec")
    assert f"127.0.0.1:{SERVICES['web']['environment']['OUTDIAL_PORT']}/readyz" in source


@pytest.mark.parametrize(
    ("name", "process"),
    [("worker", "worker"), ("import-worker", "imports"), ("scheduler", "scheduler")],
)
def test_the_other_checks_ask_outdial_whether_the_process_is_ready(name, process):
    assert check_of(name) == ["CMD", "outdial", "ready", process]
    assert parse(check_of(name)[1:]) == "ready"


def test_the_image_installs_only_what_the_lock_allows():
    source = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes -r requirements.lock" in re.sub(r"\\\n\s*", "", source)
    assert re.search(r"^USER (?!root)\w+$", source, re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", source, re.MULTILINE)
    sources = [name for line in copied for name in line.split()]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    assert {name.rstrip("/") for name in sources} == kept
    for name in sources:
        assert (ROOT / name).exists()
