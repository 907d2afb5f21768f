"""What a question is asked of: a store at one moment, or as it was at an earlier time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from graph.queries.answer import Answer, time_as_json
from graph.store.base import LineageReader, LineageStore


@dataclass(frozen=True, slots=True)
class Asked:
    """A store, and what questions read: it, or it as of `time`.

    `incomplete` says that events or SQL were still waiting when it was asked.
    """

    store: LineageStore
    reader: LineageReader
    incomplete: bool
    time: datetime | None = None

    @property
    def query(self) -> dict[str, str | None]:
        """What it adds to the query of an answer: nothing, or the time."""
        return {} if self.time is None else {"asOf": time_text(self.time)}

    def said(self, answer: Answer) -> Answer:
        """Return the answer with what is known about its completeness, and as of when it is."""
        return replace(answer, incomplete=self.incomplete, query={**answer.query, **self.query})


@contextmanager
def moment(store: LineageStore, as_of: str | None = None, *, incomplete: bool = False) -> Iterator[Asked]:
    """Give what a question is asked of, as of the time that the text tells where it is given.

    All that is read is of one moment, whatever other processes write meanwhile. Raises InvalidQueryError when
    the text is no time, or when the events of that time were removed.
    """
    if as_of is None:
        with store.snapshot():
            yield Asked(store, store, incomplete)
        return
    from graph.ingest import as_of as reader_as_of
    from graph.queries import since_time

    time = since_time(as_of, datetime.now(UTC))
    with store.snapshot():
        yield Asked(store, reader_as_of(store, time), incomplete, time)


def time_text(time: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC with milliseconds; None stays None."""
    return None if time is None else time_as_json(time)
