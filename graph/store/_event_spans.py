"""Spans of the log and the times of their events: events arrive nearly in the order of their times.

So those of a day are in few spans, whatever comes late; all that is between two times is in the spans that
reach into that time. No event costs a byte for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from graph.store.changes import Changes
from graph.store.database import Database

_EVENTS = 4096
"""How many numbers a span has."""

IN_SPANS = f"event AS e ON e.seq >= k.value * {_EVENTS} AND e.seq < (k.value + 1) * {_EVENTS}"
"""What finds the events `e` of the spans in a table `each_key(?) AS k`."""


class Span(NamedTuple):
    """The events with some numbers: their least and greatest time, and how many they are, also of runs."""

    number: int
    first: int
    last: int
    events: int
    of_runs: int

    def lies_in(self, first: int, before: int) -> bool:
        """Tell whether all its events are between two times."""
        return first <= self.first and self.last < before


def spans_in(db: Database, first: int, before: int) -> list[Span]:
    """Return the spans that may have events between two times."""
    rows = db.execute(
        "SELECT s.span, s.first_time, s.last_time, s.events, s.of_runs FROM event_span AS s"
        " WHERE s.last_time >= ? AND s.first_time < ?",
        (first, before),
    )
    return [Span(*row) for row in rows]


def note_spans(db: Database, numbers: Sequence[int], batch: Sequence[Changes]) -> None:
    """Note events that are new, with their numbers."""
    spans: dict[int, list[Changes]] = {}
    for number, item in zip(numbers, batch, strict=True):
        spans.setdefault(number // _EVENTS, []).append(item)
    rows = []
    for span, items in spans.items():
        times = [item.event_time for item in items]
        rows.append((span, min(times), max(times), len(items), sum(item.run is not None for item in items)))
    db.executemany(
        """
        INSERT INTO event_span VALUES (?, ?, ?, ?, ?) ON CONFLICT (span) DO UPDATE SET
            first_time = least(event_span.first_time, excluded.first_time),
            last_time = greatest(event_span.last_time, excluded.last_time),
            events = event_span.events + excluded.events, of_runs = event_span.of_runs + excluded.of_runs
        """,
        rows,
    )


def measure_spans(db: Database, numbers: Collection[int]) -> None:
    """Measure the spans of these numbers anew: some events were taken out of them."""
    spans = sorted({number // _EVENTS for number in numbers})
    db.executemany("DELETE FROM event_span WHERE span = ?", [(span,) for span in spans])
    db.execute(
        f"INSERT INTO event_span SELECT k.value, min(e.event_time), max(e.event_time), count(*), count(e.run)"
        f" FROM each_key(?) AS k CROSS JOIN {IN_SPANS} GROUP BY k.value",
        (spans,),
    )
