"""Windows of a service's operation: runs of which each statement speaks for itself and for its day.

A service tells what it did in the last second as a run. Which statements that were is chance, so they are
kept apart, one shape each, and counted by day (decision 6 in docs/decisions).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import msgspec

from graph.ingest.event import Event
from graph.ingest.facets import Facet, Facets
from graph.ingest.shape import build_shape, shape_content
from graph.nodes import hash63
from graph.store.changes import EventKind, Part, Window
from lineage.sql.named import STATEMENTS_FACET, statements_of

_DAY = 86_400 * 10**9
_SQL_FACETS = ("sql", STATEMENTS_FACET)
_encode = msgspec.json.Encoder(order="deterministic").encode


def is_window(event: Event) -> bool:
    """Tell whether an event is of a window of a service's operation."""
    if event.kind is not EventKind.RUN or event.job is None:
        return False
    kind = event.job.facets.get("jobType", {})
    return bool(kind.get("processingType") == "SERVICE") and kind.get("jobType") == "OPERATION"


def without_statements(event: Event) -> Event:
    """Return the event without its SQL."""
    assert event.job is not None
    facets = {
        name: facet for name, facet in (event.job.facets.whole or {}).items() if name not in _SQL_FACETS
    }
    return replace(event, job=replace(event.job, facets=Facets(facets)))


def window(event: Event, rest: Part) -> Window:
    """Return what a window says; `rest` is what it says without its statements."""
    if event.event_type != "COMPLETE":
        return Window(None)
    return Window(event.time // _DAY, (rest, *map(part_of, statement_events(event))))


def statement_events(event: Event) -> list[Event]:
    """Return an event for each statement of a window's event, with that statement alone."""
    assert event.job is not None
    alone = replace(event, inputs=None, outputs=None)
    return [
        replace(alone, job=replace(event.job, facets=_alone(one))) for one in statements_of(event.job.facets)
    ]


def _alone(statement: dict[str, str]) -> Facets:
    return Facets({STATEMENTS_FACET: Facet(msgspec.json.encode({"statements": [statement]}))})


def part_of(event: Event) -> Part:
    """Return what an event says of lineage, with its key."""
    return Part(shape_key(event), partial(build_shape, event))


def shape_key(event: Event) -> int:
    """Return the key of the shape of an event."""
    return hash63(_encode(shape_content(event)))
