"""Have search know what the store holds."""

from __future__ import annotations

import time

from graph.store.base import LineageStore


def index(store: LineageStore, *, seconds: float | None = None) -> bool:
    """Bring what search knows up to date; False when time was up before it knew all.

    `seconds` bounds how long it goes on; at least one step is made. Other processes write in between. Raises
    StoreError where the store cannot be written.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    while not store.index():
        if deadline is not None and time.monotonic() > deadline:
            return False
    return True
