"""The graph as it was at an earlier time, by event time."""

from __future__ import annotations

from datetime import datetime

from graph.ingest.batch import understand
from graph.store.base import LineageReader, LineageStore


def as_of(store: LineageStore, time: datetime) -> LineageReader:
    """Return what questions read of a store as of a time; see `LineageStore.as_of`.

        then = as_of(store, datetime(2026, 1, 3, tzinfo=UTC))
        upstream(then, "gold.daily_revenue")

    Raises InvalidQueryError where the events of that time were removed from the store.
    """
    return store.as_of(time, understand)
