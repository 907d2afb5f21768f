"""The compose file and the Dockerfile: no container engine runs here, so they are read."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from receiver import Receiver
from typer.testing import CliRunner

from graph.cli import app

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.marquez.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with what they say."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def said(name: str) -> list[str]:
    return [what for instruction, what in instructions() if instruction == name]


def test_the_compose_file_is_one_by_the_published_schema() -> None:
    # Found and not imported: the newest check-jsonschema does not import with the oldest click we accept.
    found = importlib.util.find_spec("check_jsonschema")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.validate(COMPOSE)
    broken = {**COMPOSE, "services": {"x": {"image": 5, "port": ["80"]}}}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "pipeline"])
def test_every_service_is_pinned_watched_and_on_this_machine_alone(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", service["image"]), "no exact version"
    assert "healthcheck" in service or "HEALTHCHECK" in dict(instructions())
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    for needed, how in service.get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert set(SERVICES[needed]["profiles"]) >= set(service["profiles"])


def test_each_profile_is_a_whole() -> None:
    """Marquez's web UI talks to Marquez in one and to `lineage serve` in the other."""
    by_profile = {
        profile: {name for name, service in SERVICES.items() if profile in service["profiles"]}
        for profile in ("marquez", "lineage", "example")
    }
    assert by_profile == {
        "marquez": {"marquez-db", "marquez", "marquez-web"},
        "lineage": {"lineage", "lineage-web"},
        "example": {"pipeline"},
    }
    for name in ("marquez", "lineage"):
        web = SERVICES[f"{name}-web"]
        assert web["environment"] == {"MARQUEZ_HOST": name, "MARQUEZ_PORT": "5000", "WEB_PORT": "3000"}
        assert [port.rpartition(":")[2] for port in SERVICES[name]["ports"]] == ["5000"]
    taken = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len({port.rsplit(":", 1)[0] for port in taken}) == len(taken), "profiles run side by side"


def test_volumes_that_services_name_are_declared() -> None:
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert named == set(COMPOSE["volumes"])


def test_the_image_runs_the_server_as_nobody_in_particular() -> None:
    assert all(re.search(r":\d+\.\d+\.\d+-", image) for image in said("FROM")), "no exact version"
    (user,) = said("USER")
    assert user.split(":")[0].isdecimal()
    assert int(user.split(":")[0]) >= 10_000
    order = [name for name, _ in instructions()]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert "ADD" not in order
    assert json.loads(said("ENTRYPOINT")[0]) == ["lineage"]


@pytest.mark.parametrize(
    "arguments", [json.loads(said("CMD")[0]), SERVICES["lineage"]["command"]], ids=["image", "compose"]
)
def test_the_server_has_the_options_that_it_is_given(arguments: list[str]) -> None:
    help_ = CliRunner().invoke(app, [arguments[0], "--help"], terminal_width=200).output
    for option in (word for word in arguments if word.startswith("--")):
        assert option in help_


def test_what_is_copied_into_the_image_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*"
    copied = [part for line in said("COPY") if "--from" not in line for part in shlex.split(line)[:-1]]
    assert {f"!{part}" for part in copied} <= set(ignored)
    assert all((ROOT / part).exists() for part in copied)


def test_the_pipeline_of_the_compose_file_sends_what_it_does(tmp_path: Path) -> None:
    (script,) = SERVICES["pipeline"]["command"]
    with Receiver() as backend:
        environment = {name: value for name, value in os.environ.items() if name != "LINEAGE_STORE"}
        environment |= {
            "OPENLINEAGE_URL": backend.url,
            "LINEAGE_OUTBOX": str(tmp_path),
            "PYTHONPATH": str(ROOT),
        }
        ran = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60, check=False)
        sent = [json.loads(body) for body in backend.distinct]
    assert ran.returncode == 0
    assert {event["job"]["name"] for event in sent} == {"load_orders"}
    assert {event["eventType"] for event in sent} >= {"START", "COMPLETE"}
