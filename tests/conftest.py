"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the modules of shared test code beside this file

import event_schemas
from hypothesis import HealthCheck, settings

# A gate tries the same examples each time. `HYPOTHESIS_SEARCH=1 make test-slow` looks for new ones.
# How long examples take to make says only how busy the machine is.
_BUSY = [HealthCheck.too_slow]
settings.register_profile("repeatable", derandomize=True, suppress_health_check=_BUSY)
settings.register_profile("search", derandomize=False, suppress_health_check=_BUSY)
settings.load_profile("search" if os.environ.get("HYPOTHESIS_SEARCH") else "repeatable")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material that lies beside some checkouts; skips where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "events").is_dir():
        pytest.skip("needs the reference material in ../shared, which is not part of the project")
    return folder


@pytest.fixture
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
    reset_config()


@pytest.fixture
def _faults() -> Iterator[None]:
    """Count the faults of each test alone; a folder that judges them has a fixture of this name."""
    from lineage._guard import faults

    faults.clear()
    yield
    faults.clear()


@pytest.fixture(autouse=True)
def _nothing_stays(_own_places: None, _faults: None, _every_emitted_event_is_valid: None) -> Iterator[None]:
    """Leave no library instrumented and no captured query untold.

    This comes before what it depends on is undone: events told at a test's end are checked as well, go to the
    test's own outbox, and their faults are the test's.
    """
    yield
    if (producers := sys.modules.get("producers")) is not None:
        for name in producers.REGISTRY:
            producers.uninstall(name)
    if (delivery := sys.modules.get("lineage.attribution.delivery")) is not None:
        assert delivery.flush_queries(10), "queries are still untold"


@pytest.fixture
def told() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Give a function that returns the events of all queries that have ended in this test."""
    from told_queries import told_events

    with told_events() as take:
        yield take


@pytest.fixture
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
