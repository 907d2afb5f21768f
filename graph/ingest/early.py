"""Events that an earlier format of a store left behind, taken in by this one."""

from __future__ import annotations

from graph.ingest.batch import IngestCounts, apply_bodies
from graph.store.base import LineageStore

_BATCH = 500


def take_in_early(store: LineageStore) -> IngestCounts:
    """Take in the events that wait since a store was upgraded, and return what became of them.

    It takes as long as it takes: until it is done, answers lack what they say. When it is interrupted, what
    is left waits for the next time. Raises StoreError when the store cannot be written.
    """
    counts = IngestCounts()
    while batch := store.early_bodies(_BATCH):
        counts = counts.plus(apply_bodies(store, [body for _, body in batch]))
        store.forget_early(batch[-1][0])
    return counts
