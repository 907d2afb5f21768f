"""The command, run in this process, and stores to ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from typer.testing import CliRunner

from graph.cli import app

# Before click 8.2 the two streams had to be kept apart by asking for it.
RUNNER = CliRunner(**({"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}))

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "events"
SCHEMAS = {
    name: json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("answer", "items")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()]
)


@dataclass(frozen=True)
class Said:
    """What the command printed, and how it ended."""

    out: str
    err: str
    code: int

    @property
    def answer(self) -> Any:
        """The printed JSON, checked against the schema of answers."""
        return self._checked("answer")

    @property
    def items(self) -> Any:
        """The printed JSON, checked against the schema of items."""
        return self._checked("items")

    def _checked(self, schema: str) -> Any:
        value = json.loads(self.out)
        jsonschema.Draft202012Validator(SCHEMAS[schema], registry=REGISTRY).validate(value)
        return value


@pytest.fixture(scope="session")
def lineage() -> Callable[..., Said]:
    """Run the command with these arguments; what it raises is raised here."""

    def run(*arguments: str, input: str | bytes | None = None) -> Said:
        done = RUNNER.invoke(app, [str(each) for each in arguments], input=input, catch_exceptions=False)
        return Said(done.stdout, done.stderr, done.exit_code)

    return run


@pytest.fixture
def warehouse(lineage: Callable[..., Said]) -> None:
    """Put the events of Airflow and dbt into the store of the test."""
    assert lineage("ingest", FIXTURES / "airflow.jsonl", FIXTURES / "dbt.jsonl").code == 0


@pytest.fixture
def marquez(lineage: Callable[..., Said], shared: Path) -> None:
    """Put Marquez's example, a food delivery, into the store of the test."""
    assert lineage("ingest", shared / "events" / "marquez_seed.jsonl").code == 0
