"""Writes that end in time although other processes write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from graph.store.base import LineageStore


@contextmanager
def patient_until(store: LineageStore, deadline: float | None) -> Iterator[None]:
    """Have the writes of a block wait for other processes no longer than to a time of `time.monotonic`.

    None: as long as the store waits anyway. A write that nobody is in the way of is made even when late.
    """
    usual = store.patience
    if deadline is not None:
        store.patience = min(usual, max(0.0, deadline - time.monotonic()))
    try:
        yield
    finally:
        store.patience = usual
