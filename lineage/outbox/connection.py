"""One connection to one outbox file, kept open by a process and given up around every fork.

SQLite's locks belong to a process. A connection that a child inherits open makes the child's own locks
void, and the rows it writes vanish with the parent's write-ahead log. So connections are closed
before a fork and opened again lazily; a connection that came through a fork unseen is never touched.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from lineage.errors import OutboxError
from lineage.outbox.files import create_file

BUSY_SECONDS = 0.05
"""How long an append waits for a file before it goes elsewhere: it must not wait behind a drain."""

PATIENCE_SECONDS = 5.0
"""How long those who empty a file wait for it."""

BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

forking: int | None = None
"""The thread that is about to fork. The others let it pass, or it would starve behind busy ones and the
child would inherit SQLite's mutexes in whatever state they are."""

_abandoned: list[sqlite3.Connection] = []
"""Connections inherited open. They are kept so that the garbage collector does not close them."""


class BusyError(OutboxError):
    """The file is in use for longer than BUSY_SECONDS."""


class Connection:
    """A file opened on first use. `identity` given: the file is made when it is missing.

    Every method raises OutboxError or sqlite3.Error when the file cannot be used or is busy for longer
    than BUSY_SECONDS.
    """

    def __init__(self, path: Path, durability: str, identity: str | None = None) -> None:
        self.path = path
        self.durability = durability
        self.identity = identity
        self.void = False
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._pid = os.getpid()

    def prepare(self, identity: str, durability: str) -> None:
        """Have the file made when it is missing, and synchronised as `durability` says."""
        self.identity = identity
        if self.durability != durability:
            self.durability = durability
            self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock of the file; commit at the end, roll back when the block raises."""
        with self._held():
            connection = self._begun()
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection for queries, without the file's write lock."""
        with self._held(PATIENCE_SECONDS):
            yield self._opened()

    @contextmanager
    def _held(self, seconds: float = BUSY_SECONDS) -> Iterator[None]:
        self.leave_unseen_fork()
        if self.void:
            raise OutboxError(self.path, "this process was forked while the file was open")
        if forking is not None:
            _let_pass()
        lock = self._lock
        if not lock.acquire(timeout=seconds):
            raise BusyError(self.path, "busy in another thread")
        try:
            if self._connection is not None and self._connection.in_transaction:
                # A signal handler that interrupted a transaction of its own thread.
                raise BusyError(self.path, "busy in an interrupted call")
            yield
        finally:
            lock.release()

    def _begun(self) -> sqlite3.Connection:
        for _ in range(2):
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            # Asked under the lock: whoever removes a file holds that lock while doing so.
            if self._file == _file_at(self.path):
                return connection
            self._close()
        raise OutboxError(self.path, "was removed")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if self.identity is not None and not self.path.exists():
                create_file(self.path, self.identity, durability=self.durability)
            connection = sqlite3.connect(
                f"file:{quote(os.fspath(self.path))}?mode=rw",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                connection.execute(f"PRAGMA synchronous = {self.durability}")
                file = _file_at(self.path)
            except BaseException:
                connection.close()
                raise
            if self._connection is None:
                self._connection, self._file = connection, file
            else:  # A signal handler has opened it meanwhile.
                connection.close()
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Give the connection back; the next use opens it again."""
        self.leave_unseen_fork()
        with self._lock:
            self._close()

    def leave_unseen_fork(self) -> None:
        """Give up what was inherited when the process id changed and no fork hook ran (a fork made in C)."""
        if self._pid != os.getpid():
            self.start_over()

    def start_over(self) -> None:
        """Take no part in what a parent process left: new lock, no connection; void if one was open."""
        if self._connection is not None:
            _abandoned.append(self._connection)
            self._connection = None
            self.void = True
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def before_fork(self) -> bool:
        """Take the lock and close; False when the lock cannot be had within five seconds."""
        held = self._lock.acquire(timeout=PATIENCE_SECONDS)
        if held:
            self._close()
        return held

    def after_fork_in_parent(self) -> None:
        """Release what `before_fork` took."""
        self._lock.release()


def announce_fork(thread: int | None) -> None:
    """Let a thread that forks go before the others, until None ends it."""
    global forking
    forking = thread


def _let_pass() -> None:
    # Longer than BUSY_SECONDS: an own file that came up meanwhile has no lock that the fork holds.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while forking not in (None, threading.get_ident()) and time.monotonic() < deadline:
        time.sleep(0.0005)


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino
