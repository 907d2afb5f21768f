"""What a sink was told of in a test, for the fixtures called `told`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lineage import configure
from lineage.attribution import flush_queries

Event = dict[str, Any]


@contextmanager
def told_events(*sinks: str) -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns the events of all queries that have ended inside, told beside `sinks`."""
    events: list[Event] = []
    configure(sink=[*sinks, events.append], service_name="shop", environment="test")

    def take() -> list[Event]:
        assert flush_queries(10)
        return events

    yield take
    flush_queries(10)
