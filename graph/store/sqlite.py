"""The embedded store: one SQLite file in WAL mode, durable at every commit."""

from __future__ import annotations

from pathlib import Path

from graph.store.sql_store import SqlStore
from graph.store.sqlite_file import connect


class SqliteStore(SqlStore):
    """A store in one SQLite file. It serves one thread; open another one for each further thread."""

    def __init__(self, location: str | Path, *, read_only: bool, patience: float) -> None:
        text = str(location)
        db, read_only, version = connect(text, read_only=read_only, patience=patience)
        super().__init__(db, text, read_only=read_only, format=version, patience=patience)
