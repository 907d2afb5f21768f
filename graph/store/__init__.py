"""Stores of lineage: `open_store`, and the contract in `graph.store.base`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from graph.errors import StoreError
from graph.store.base import LineageReader, LineageStore

__all__ = ["LineageReader", "LineageStore", "default_location", "may_exist", "open_store"]

_PATIENCE_SECONDS = 10.0


def open_store(
    location: str | Path | None = None, *, read_only: bool = False, patience: float | None = None
) -> LineageStore:
    """Open the store at `location`: a file path, or the URL of a PostgreSQL database (postgresql://...).

    A file is made, with its folder, when there is none, and so are the tables in an empty database. None
    means `default_location()`, ":memory:" a store that is gone when it is closed. With `read_only`, and where
    the place may not be written, questions can be asked and nothing can be ingested. `patience` is how many
    seconds a write waits for other processes that write (None: ten). Raises StoreError when it cannot be
    opened, saying why and what to do.
    """
    from lineage.destination import store_location

    if location is None:
        location = default_location()
    elif location != ":memory:":
        location = store_location(location)
    open_ = _engine(str(location))
    return open_(
        str(location), read_only=read_only, patience=_PATIENCE_SECONDS if patience is None else patience
    )


def _engine(location: str) -> Callable[..., LineageStore]:
    """Return what opens stores at such a location."""
    scheme, is_url, _ = location.partition("://")
    if not is_url:
        from graph.store.sqlite import SqliteStore

        return SqliteStore
    from lineage.destination import is_server
    from lineage.redaction import redact_url

    if is_server(location):
        raise StoreError(
            location, "is a server: it answers questions and takes events; for this, give the store behind it"
        )
    if scheme not in {"postgresql", "postgres"}:
        raise StoreError(
            redact_url(location),
            "there are stores in files and in PostgreSQL: give a file path or postgresql://...",
        )
    if find_spec("psycopg") is None:
        raise StoreError(
            redact_url(location), "a store in PostgreSQL needs psycopg: pip install 'lineage-graph[postgres]'"
        )
    from graph.store.postgresql import PostgresqlStore

    return PostgresqlStore


def default_location() -> str:
    """Return where the store is: `LINEAGE_STORE`, else the file lineage.db in the user's data folder."""
    from lineage.config import current_config

    return current_config().store


def may_exist(location: str) -> bool:
    """Tell whether there is a file at the location; of a URL it is known when it is opened."""
    return "://" in location or Path(location).exists()
