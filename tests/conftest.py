"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the modules of shared test code beside this file

import event_schemas
from hypothesis import settings

# A gate tries the same examples each time. `HYPOTHESIS_SEARCH=1 make test-slow` looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile("search" if os.environ.get("HYPOTHESIS_SEARCH") else "repeatable")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material that lies beside some checkouts; skips where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "events").is_dir():
        pytest.skip("needs the reference material in ../shared, which is not part of the project")
    return folder


@pytest.fixture(autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep every test away from the user's own store, outbox and OpenLineage configuration."""
    from lineage.config import reset_config

    folder = tmp_path_factory.mktemp("lineage")
    for variable in [name for name in os.environ if name.startswith(("OPENLINEAGE", "LINEAGE_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("LINEAGE_STORE", str(folder / "lineage.db"))
    monkeypatch.setenv("LINEAGE_OUTBOX", str(folder / "outbox"))
    reset_config()
    yield
    _tell_of_queries()
    reset_config()


def _tell_of_queries() -> None:
    """Leave no captured query to the next test, and no library instrumented."""
    if (delivery := sys.modules.get("lineage.attribution.delivery")) is not None:
        delivery.flush_queries(10)
    if (producers := sys.modules.get("producers")) is not None:
        for name in producers.REGISTRY:
            producers.uninstall(name)


@pytest.fixture(autouse=True)
def _every_emitted_event_is_valid(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check each event that a test emits in this process against the published schemas and our own."""
    from lineage.encoding import encode
    from lineage.events import run_events

    emitted: list[bytes] = []

    def recorded(event: Any) -> bytes:
        body = encode(event)
        emitted.append(body)
        return body

    monkeypatch.setattr(run_events, "encode", recorded)
    yield
    found = [problem for body in emitted for problem in event_schemas.problems(json.loads(body))]
    assert not found, "an emitted event is not valid"
