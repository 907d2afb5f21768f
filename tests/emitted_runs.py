"""The events of runs that a test emits, in their order, as they go on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lineage.attribution import flush_queries
from lineage.events import sources

Event = dict[str, Any]


@contextmanager
def told_runs() -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns the events of all runs that were told of inside."""
    events: list[Event] = []
    deliver = sources.deliver

    def recorded(body: bytes, run_id: str | None) -> None:
        events.append(json.loads(body))
        deliver(body, run_id)

    def take() -> list[Event]:
        assert flush_queries(10)
        return list(events)

    sources.deliver = recorded
    try:
        yield take
    finally:
        sources.deliver = deliver


def ends(events: list[Event]) -> dict[str, Event]:
    """Return the last terminal event of each job."""
    return {event["job"]["name"]: event for event in events if event["eventType"] not in ("START", "RUNNING")}


def names(datasets: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in datasets]


def parent(event: Event) -> str | None:
    """Return the name of the job whose run is around that of an event."""
    facet = event["run"]["facets"].get("parent")
    return facet["job"]["name"] if facet else None


def root(event: Event) -> str:
    """Return the name of the job of the outermost run around that of an event."""
    name: str = event["run"]["facets"]["parent"]["root"]["job"]["name"]
    return name


def error(event: Event) -> str:
    message: str = event["run"]["facets"]["errorMessage"]["message"]
    return message
