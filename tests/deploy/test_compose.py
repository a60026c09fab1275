"""docker-compose.yml: valid, closed but for the page, and complete without one password in it."""

import json
import re
import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from monitor.cli import COMMANDS
from monitor.config import load
from tests.deploy.site import DEPLOY, ROOT, compose, read

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
ONE_SHOT = ("setup",)
OURS = ("api", "evaluator", "setup", "worker")
NAMES = sorted(SERVICES)


def test_it_follows_the_compose_specification() -> None:
    """Second source: the specification's own schema."""
    package = find_spec("check_jsonschema")  # which brings the schema; as a command it is not needed
    assert package is not None and package.origin is not None
    schema = Path(package.origin).with_name("builtin_schemas") / "vendor" / "compose-spec.json"
    jsonschema.validate(compose(), json.loads(schema.read_text(encoding="utf-8")))


def test_the_parts_are_all_there() -> None:
    parts = {"kafka", "postgres", "setup", "api", "worker", "evaluator", "prometheus", "alertmanager", "grafana"}
    assert set(SERVICES) == parts
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


def test_without_the_folder_of_secrets_it_says_what_to_run() -> None:
    with pytest.raises(KeyError, match="SECRETS: run deploy/prepare first"):
        compose({})


@pytest.mark.parametrize("name", NAMES)
def test_every_service_is_watched_limited_and_unprivileged(name: str) -> None:
    service = SERVICES[name]
    assert ("disable" if name in ONE_SHOT else "test") in service["healthcheck"]
    assert service["restart"].startswith("on-failure" if name in ONE_SHOT else "unless-stopped")
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert re.fullmatch(r"\d+s", service["stop_grace_period"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert service.get("user") != "root"
    assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & set(service)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(OURS)))
def test_foreign_images_have_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)*", SERVICES[name]["image"])


def test_only_the_page_can_be_reached_from_other_machines() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    public = {name for name, ports in published.items() if any(not port.startswith("127.0.0.1:") for port in ports)}
    assert public == {"api"}
    assert published["api"] == ["0.0.0.0:4000:4000"]
    assert "postgres" not in published


def test_what_must_survive_is_in_named_volumes_and_the_rest_is_read_only() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", ())]
    named = {source for source, *_ in mounts if not source.startswith(".")}
    assert named == set(compose()["volumes"])
    bound = [(source, rest[-1]) for source, *rest in mounts if source.startswith(".")]
    assert {mode for _, mode in bound} == {"ro"}
    assert [source for source, _ in bound if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert wait == {"condition": "service_completed_successfully" if other in ONE_SHOT else "service_healthy"}
    if name in ("api", "worker", "evaluator"):
        assert set(SERVICES[name]["depends_on"]) == {"setup", "kafka", "postgres"}


def test_no_value_is_a_secret_and_each_secret_is_a_file_of_its_readers() -> None:
    declared = compose()["secrets"]
    assert {name: entry["file"] for name, entry in declared.items()} == {name: f"./deploy/secrets/{name}" for name in declared}
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(declared)
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert key.endswith("_FILE") or not re.search("PASSWORD|TOKEN|SECRET|CREDENTIAL", key)
            assert not str(value).startswith("/run/secrets/") or Path(value).name in service["secrets"]


def test_every_file_of_secrets_that_a_configuration_names_is_mounted() -> None:
    for name, file in (("api", "plumbline.yaml"), ("worker", "plumbline.yaml"), ("prometheus", "prometheus/prometheus.yml")):
        named = set(re.findall(r"/run/secrets/(\w+)", (DEPLOY / file).read_text(encoding="utf-8")))
        assert named == set(SERVICES[name]["secrets"])


def test_what_it_runs_are_commands_of_plumbline() -> None:
    script = SERVICES["setup"]["command"][0].splitlines()
    called = [SERVICES[name]["command"][0] for name in ("api", "worker", "evaluator")] + [line.split()[1] for line in script]
    assert called == ["api", "worker", "evaluator", "db", "topics"]
    assert set(called) <= set(COMMANDS)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A checkout in which deploy/prepare has run."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(DEPLOY / "prepare", tmp_path / "deploy")
    shutil.copy(ROOT / ".env.example", tmp_path)
    prepare(tmp_path)
    return tmp_path


def prepare(checkout: Path) -> None:
    subprocess.run([checkout / "deploy" / "prepare"], check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})


def secrets(checkout: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in (checkout / "deploy" / "secrets").iterdir()}


def test_prepare_makes_every_secret_once_and_nobody_else_can_enter_their_folder(prepared: Path) -> None:
    made = secrets(prepared)
    assert set(made) == set(compose()["secrets"])
    password = made["postgres_password"]
    assert made["store_url"] == f"postgresql+psycopg://plumbline:{password}@postgres:5432/plumbline"
    plain = [made[name] for name in made if name != "store_url"]
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in plain)
    assert len(set(plain)) == len(plain)
    assert stat.S_IMODE((prepared / "deploy" / "secrets").stat().st_mode) == 0o700
    prepare(prepared)
    assert secrets(prepared) == made


def test_what_prepare_makes_must_not_be_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "deploy/secrets/"} <= set(ignored)


def test_the_example_of_env_names_every_variable_of_the_file() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    given = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(given) == used


def test_the_configuration_is_accepted_with_the_secrets_that_prepare_made(prepared: Path) -> None:
    text = (DEPLOY / "plumbline.yaml").read_text(encoding="utf-8")
    file = prepared / "plumbline.yaml"
    file.write_text(text.replace("/run/secrets", str(prepared / "deploy" / "secrets")), encoding="utf-8")
    config = load(file, {})
    assert config.stream == "kafka://kafka:9092"
    assert {role for token in config.tokens for role in token.roles} == {"ingest", "read", "admin"}
    assert read(DEPLOY / "plumbline.yaml")["listen"] == "0.0.0.0:4000"
