"""Captured queries as a test sees them: everything told so far, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lineage import configure
from lineage.attribution import flush_queries

Event = dict[str, Any]


@pytest.fixture
def told() -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns the events of all queries that have ended in this test."""
    events: list[Event] = []
    configure(sink=events.append, service_name="shop", environment="test")

    def take() -> list[Event]:
        assert flush_queries(10)
        return events

    yield take
    flush_queries(10)


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    yield
    flush_queries(10)
