"""Stores of lineage: `open_store`, and the contract in `graph.store.base`."""

from __future__ import annotations

from pathlib import Path

from graph.errors import StoreError
from graph.store.base import LineageReader, LineageStore

__all__ = ["LineageReader", "LineageStore", "default_location", "open_store"]

_PATIENCE_SECONDS = 10.0


def open_store(
    location: str | Path | None = None, *, read_only: bool = False, patience: float | None = None
) -> LineageStore:
    """Open the store at `location`, a file path; it is made, with its folder, when there is none.

    None means `default_location()`, ":memory:" a store that is gone when it is closed. With `read_only`, and
    where the file may not be written, questions can be asked and nothing can be ingested. `patience` is how
    many seconds a write waits for other processes that write (None: ten). Raises StoreError when it cannot be
    opened, saying why and what to do.
    """
    from graph.store.sqlite import SqliteStore
    from lineage.destination import store_location

    if location is None:
        location = default_location()
    elif location != ":memory:":
        location = store_location(location)
    if "://" in str(location):
        raise StoreError(str(location), "only files are supported: give a file path")
    return SqliteStore(
        location, read_only=read_only, patience=_PATIENCE_SECONDS if patience is None else patience
    )


def default_location() -> str:
    """Return where the store is: `LINEAGE_STORE`, else the file lineage.db in the user's data folder."""
    from lineage.config import current_config

    return current_config().store
