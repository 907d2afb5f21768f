"""The operations facet of captured events."""

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
