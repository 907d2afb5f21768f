"""The store that a question is asked of, up to date within a bound of time."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from graph.cli._output import time_text
from graph.errors import StoreError
from graph.queries.answer import Answer
from graph.store import default_location, may_exist, open_store
from graph.store.base import LineageReader, LineageStore
from lineage.config import current_config
from lineage.destination import store_destination, store_location
from lineage.outbox import outbox_files

SECONDS = 2.0
"""How long a question may wait for events and SQL to be taken in."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A store to ask; `incomplete` says that events or SQL were still waiting when the time was up."""

    reader: LineageStore
    incomplete: bool

    def said(self, answer: Answer) -> Answer:
        """Return the answer with what is known about its completeness."""
        return replace(answer, incomplete=self.incomplete)


@dataclass(frozen=True, slots=True)
class Asked:
    """What questions read: a store, or the store as of `time`; `incomplete` as of `Opened`."""

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
def asking(store: str | None, as_of: str | None) -> Iterator[Asked]:
    """Open a store for questions as `opened` does, as of the time that the text tells where it is given.

    All that is read is of one moment, whatever other processes write meanwhile.

    Raises InvalidQueryError when the text is no time, or when the events of that time were removed.
    """
    if as_of is None:
        with opened(store) as now, now.reader.snapshot():
            yield Asked(now.reader, now.incomplete)
        return
    from graph.ingest import as_of as reader_as_of
    from graph.queries import since_time

    time = since_time(as_of, datetime.now(UTC))
    with opened(store) as now, now.reader.snapshot():
        yield Asked(reader_as_of(now.reader, time), now.incomplete, time)


def location_of(store: str | None) -> str:
    """Return where the store is that `--store` names, or the configured one."""
    return default_location() if store is None else store_location(store)


@contextmanager
def opened(store: str | None) -> Iterator[Opened]:
    """Open a store for questions, after draining its outbox and reading its SQL for at most two seconds.

    What cannot be taken in (the store is read-only, another process is writing, the disk is full, time is
    up) waits on, and answers are incomplete. Raises StoreError when the store cannot be opened, or when there
    is none and nothing waits for it.
    """
    location = location_of(store)
    waiting = outbox_files(current_config().outbox, store_destination(location))
    if not waiting and not may_exist(location):
        raise StoreError(location, "there is no such file: ingest something first, or give another --store")
    deadline = clock.monotonic() + SECONDS
    with closing(open_store(location, patience=SECONDS)) as reader:
        if reader.early_bodies(1) and not reader.read_only:
            _take_in_early(reader)
        drained = _drain(reader, waiting, deadline)
        derived = _derive(reader, deadline)
        yield Opened(reader, incomplete=not (drained and derived))


def _take_in_early(store: LineageStore) -> None:
    from graph.ingest import take_in_early

    take_in_early(store)


def _drain(store: LineageStore, waiting: list[Path], deadline: float) -> bool:
    """Take in the events of outbox files; False when some wait on."""
    if not waiting:
        return True
    from graph.ingest import drain

    try:
        return drain(store, waiting, seconds=_left(deadline)).complete
    except StoreError:
        return False


def _derive(store: LineageStore, deadline: float) -> bool:
    """Read the SQL that waits in the store; False when some waits on."""
    if not store.underived(1):
        return True
    from graph.ingest import derive

    try:
        return derive(store, seconds=_left(deadline)).complete
    except StoreError:
        return False


def _left(deadline: float) -> float:
    return max(0.0, deadline - clock.monotonic())
