"""Captured queries as a test sees them: everything told so far, in order, and each event valid."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from told_queries import Event, told_events

SCHEMA = Path(__file__).resolve().parents[3] / "lineage" / "schemas" / "QueryEvent.json"


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.fixture
def told() -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns the events of all queries that have ended in this test.

    They are held against the schema when the test ends (DC-08).
    """
    with told_events() as take:
        yield take
    assert [error.message for event in take()[:500] for error in validator().iter_errors(event)] == []
