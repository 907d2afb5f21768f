"""Captured queries as a test sees them: everything told so far, in order, and each event valid."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lineage import _guard, configure
from lineage.attribution import flush_queries

Event = dict[str, Any]
SCHEMA = Path(__file__).resolve().parents[3] / "lineage" / "schemas" / "QueryEvent.json"


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.fixture
def told() -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns the events of all queries that have ended in this test.

    They are held against the schema when the test ends (DC-08).
    """
    events: list[Event] = []
    configure(sink=events.append, service_name="shop", environment="test")

    def take() -> list[Event]:
        assert flush_queries(10)
        return events

    yield take
    flush_queries(10)
    assert [error.message for event in events[:500] for error in validator().iter_errors(event)] == []


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    yield
    flush_queries(10)


@pytest.fixture(autouse=True)
def _faults_of_this_test_alone() -> Iterator[None]:
    _guard.faults.clear()
    yield
    _guard.faults.clear()
