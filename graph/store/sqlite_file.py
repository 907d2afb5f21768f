"""Open a SQLite file as a store: create, check, migrate; a StoreError says what failed and what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from graph.errors import StoreError
from graph.store._migrations import require_current, require_known, scripts, statements
from graph.store._sqlite_database import SqliteDatabase, sqlite_errors, wait_for_others

_APPLICATION_ID = 0x4C4E4752  # "LNGR", in the header of every store


def connect(location: str, *, read_only: bool, patience: float) -> tuple[SqliteDatabase, bool, int]:
    """Return the database of the store, whether it is read-only, and the number of its format.

    The store is made and migrated where that is due. A file that may not be written is opened for reading; a
    store of a newer release is refused. `patience` is how many seconds to wait for other writers.
    """
    path = Path(location).expanduser()
    if location != ":memory:":
        _check_place(location, path, read_only)
        read_only = read_only or (path.exists() and not os.access(path, os.W_OK))
    with sqlite_errors(location):
        db = _open(location, path, read_only)
        try:
            wait_for_others(db, patience)
            db.execute("PRAGMA cache_size = -65536")
            _check_identity(db, location)
            if read_only:
                require_current(location, _version(db), len(scripts("sqlite")))
            else:
                _prepare(db, location)
            return SqliteDatabase(db, location), read_only, _version(db)
        except BaseException:
            db.close()
            raise


def _check_place(location: str, path: Path, read_only: bool) -> None:
    if path.is_dir():
        raise StoreError(location, "is a folder: give the path of a file in it, such as lineage.db")
    if read_only and not path.exists():
        raise StoreError(location, "there is no such file to read from: ingest something first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(location, f"its folder cannot be made: {error.strerror}") from error


def _open(location: str, path: Path, read_only: bool) -> sqlite3.Connection:
    if location == ":memory:":
        return sqlite3.connect(":memory:", isolation_level=None)
    if read_only:
        return _open_for_reading(path)
    return sqlite3.connect(path, isolation_level=None)


def _open_for_reading(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        # WAL needs a writable folder even to read; without a log beside it the file is whole by itself.
        db.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        return sqlite3.connect(uri + "&immutable=1", uri=True, isolation_level=None)
    except BaseException:
        db.close()
        raise
    return db


def _check_identity(db: sqlite3.Connection, location: str) -> None:
    """Refuse databases of others: an empty file may become a store, a filled one must be one."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if application == _APPLICATION_ID:
        return
    if application or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(location, "is a SQLite database of something else: give another path")


def _prepare(db: sqlite3.Connection, location: str) -> None:
    known = scripts("sqlite")
    require_known(location, _version(db), len(known))
    if location != ":memory:":
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if _version(db) < len(known):
        _migrate(db, location, known)


def _migrate(db: sqlite3.Connection, location: str, known: Sequence[str]) -> None:
    """Run the migrations that are due as one transaction; another process may have run them meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db)
        require_known(location, version, len(known))
        for script in known[version:]:
            for statement in statements(script):  # `executescript` would commit the transaction around it
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(known)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
