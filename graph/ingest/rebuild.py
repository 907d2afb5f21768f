"""The log of a store taken in again by this release."""

from __future__ import annotations

from collections.abc import Callable

from graph.ingest.batch import understand
from graph.store.base import LineageStore


def rebuild(store: LineageStore, *, progress: Callable[[int], None] | None = None) -> int:
    """Make the graph anew from the log, and return of how many events.

    It is one transaction: until it is done others go on reading what there was before, and whoever wants to
    write waits. When it raises StoreError, or is killed, the store is as it was. Numbers of events and the
    times when they were received stay. Afterwards `derive` reads all SQL again. `progress` is told how many
    events were taken in so far.
    """
    return store.rebuild(understand, progress)
