"""What the facets of captured events say of operations, and of what queries cost."""

from __future__ import annotations

from typing import Any

from lineage.testing import CapturedEvents

Event = dict[str, Any]


def facet(events: CapturedEvents, job: str | None = None) -> Event:
    """Return the operations facet of the last event, or of a job's."""
    found = events.of_job(job)[-1] if job is not None else events[-1]
    assert found["eventType"] in ("COMPLETE", "FAIL", "ABORT")
    one: Event = found["run"]["facets"]["lineageGraph_operations"]
    return one


def only(events: CapturedEvents) -> Event:
    """Return the only entry of the last event's facet."""
    (entry,) = facet(events)["operations"]
    found: Event = entry
    return found


def costs_by_statement(queries: list[Event]) -> dict[str, float | None]:
    """Return what queries cost by statement, wherever in the code; None where it is not known."""
    found: dict[str, float | None] = {}
    for one in queries:
        cost, before = one["counts"].get("cost"), found.get(one["query"])
        found[one["query"]] = before if cost is None else cost + (before or 0)
    return found
