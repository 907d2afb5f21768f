"""`Outbox`: events that wait for delivery in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from lineage._guard import logger
from lineage.errors import OutboxError
from lineage.outbox import bound, dead, lease
from lineage.outbox.connection import BUSY_CODES, BUSY_SECONDS, PATIENCE_SECONDS, BusyError, Connection
from lineage.outbox.files import create_file, delete_if_empty, is_alive, own_path, owner_of, read_identity
from lineage.outbox.records import OutboxStats, Refused, Waiting

MEBIBYTE = 1 << 20
READ_BYTES = 8 * MEBIBYTE
FAR_OFF_SECONDS = 3600.0
"""No event is held back for longer, so that a clock set back cannot hold events for days."""

"""How long whoever empties or changes a file waits for other processes, unless the caller says otherwise."""

_T = TypeVar("_T")
_AVOID_SECONDS = 10.0
_MAKE_ROOM_EVERY_SECONDS = 1.0
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_INSERT = (
    "INSERT INTO waiting (seq, run_id, body) "
    "SELECT max(?, coalesce((SELECT max(seq) FROM waiting), 0) + 1), ?, ?"
)
_REMOVE = "DELETE FROM waiting WHERE seq = ?"
_COMPLETE = "UPDATE waiting SET completed = ? WHERE seq = ?"
_POSTPONE = "UPDATE waiting SET attempts = attempts + 1, retry_at = ? WHERE seq = ?"
_DUE = """
SELECT seq, body, run_id, attempts, completed FROM waiting AS event
WHERE (retry_at <= :now OR retry_at > :far) AND NOT EXISTS (
    SELECT 1 FROM waiting AS earlier
    WHERE earlier.retry_at > 0 AND earlier.run_id = event.run_id AND earlier.seq < event.seq
      AND earlier.retry_at > :now AND earlier.retry_at <= :far
)
ORDER BY seq LIMIT :limit
"""


class Outbox:
    """One outbox file. Safe to share between threads and across forks; get it from `open_outbox`.

    The connection is opened on first use and may be given back at any time with `close`. Methods raise
    OutboxError or sqlite3.Error when the file cannot be read or written. One that other processes keep
    busy is waited for up to 5 s by whoever empties it; `append` goes elsewhere after 50 ms.
    """

    def __init__(
        self, path: Path, *, identity: str | None = None, limit: int = 1 << 30, durability: str = "NORMAL"
    ) -> None:
        self.path = path
        self.identity = identity
        self.limit = limit
        self._main = Connection(path, durability, identity)
        self._owns: list[Connection] = []
        self._avoid_main_until = 0.0
        self._make_room_after = 0.0
        self._uncounted = 0
        self._told = False

    def prepare(self, identity: str, limit: int, durability: str) -> None:
        """Make ready for `append`: the file is made when it is missing, bounded and synchronised as said."""
        self.identity, self.limit = identity, limit
        self._main.prepare(identity, durability)

    def append(self, body: bytes, run_id: str | None = None) -> None:
        """Store one serialised event. When this returns the event survives a kill of the process.

        A file that is busy, damaged or inherited through an unseen fork is avoided: the event goes to an
        own file of this process. Over the bound of size, or on a full disk where that frees room, the oldest
        events are dropped and counted. Raises OutboxError when the event cannot be stored at all; it is
        counted as dropped then.
        """
        if len(body) > self.limit:
            self._uncounted += 1
            raise OutboxError(self.path, f"an event of {len(body)} bytes is larger than the outbox may be")
        if not self._main.void and time.monotonic() >= self._avoid_main_until:
            try:
                self._insert(self._main, body, run_id)
                return
            except (OSError, sqlite3.Error) as fault:
                if not _is_full(fault):
                    self._avoid_main_until = time.monotonic() + _AVOID_SECONDS
                elif self._main_has_room_for(body, run_id):
                    return
                else:
                    self._uncounted += 1
                    raise OutboxError(self.path, "the disk is full") from None
        self._append_own(body, run_id)

    def append_aside(self, body: bytes, run_id: str | None = None) -> None:
        """Store one event in a new own file, taking no lock: for a signal handler that interrupted `append`.

        Slower than `append` (some milliseconds). Raises OutboxError when it cannot be stored.
        """
        path = own_path(self.path)
        try:
            create_file(path, self.identity or "null", (time.time_ns(), run_id, body), lock=False)
        except (OSError, sqlite3.Error) as fault:
            raise OutboxError(path, _reason(fault)) from None

    def _insert(self, file: Connection, body: bytes, run_id: str | None) -> None:
        uncounted, dropped = self._uncounted, 0
        with file.transaction() as connection:
            connection.execute(_INSERT, (time.time_ns(), run_id, body))
            if (over := bound.excess(connection, self.limit)) > 0:
                dropped = bound.drop_oldest(connection, over + self.limit // 64)
            bound.count_dropped(connection, dropped + uncounted)
        self._uncounted -= uncounted
        if dropped:
            self._tell_of_drops()

    def _tell_of_drops(self) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "The outbox %s or its disk is full: the oldest events are dropped (told once, counted "
                "after). `lineage status` says why they are not delivered.",
                self.path,
            )

    def _main_has_room_for(self, body: bytes, run_id: str | None) -> bool:
        """Store an event after making room on a full disk: by a checkpoint, then by dropping the oldest."""
        if time.monotonic() < self._make_room_after:
            return False
        for make_room in (self._checkpoint, lambda: self._drop(len(body))):
            with suppress(OSError, sqlite3.Error):
                make_room()
                self._insert(self._main, body, run_id)
                return True
        self._make_room_after = time.monotonic() + _MAKE_ROOM_EVERY_SECONDS
        return False

    def _checkpoint(self) -> None:
        with self._main.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _drop(self, size: int) -> None:
        with self._main.transaction() as connection:
            stored = connection.execute("SELECT total(length(body)) FROM waiting").fetchone()[0]
            dropped = bound.drop_oldest(connection, max(2 * size, int(stored) // 16))
            bound.count_dropped(connection, dropped)
        if dropped:
            self._tell_of_drops()

    def _append_own(self, body: bytes, run_id: str | None) -> None:
        for own in [file for file in self._owns if not file.void]:
            try:
                self._insert(own, body, run_id)
                return
            except (OSError, sqlite3.Error) as fault:
                if _is_full(fault):
                    self._uncounted += 1
                    raise OutboxError(own.path, "the disk is full") from None
        path = own_path(self.path)
        try:
            create_file(path, self.identity or "null", (time.time_ns(), run_id, body))
        except (OSError, sqlite3.Error) as fault:
            self._uncounted += 1
            raise OutboxError(path, _reason(fault)) from None
        # Never dropped while it is open: the garbage collector would close it without its lock.
        self._owns.append(Connection(path, self._main.durability))

    def _patiently(self, work: Callable[[sqlite3.Connection], _T], patience: float = PATIENCE_SECONDS) -> _T:
        """Do something to the file in one transaction, waiting for other processes."""
        deadline = time.monotonic() + patience
        while True:
            try:
                with self._main.transaction() as connection:
                    return work(connection)
            except (BusyError, sqlite3.Error) as fault:
                if not (isinstance(fault, BusyError) or _code(fault) in BUSY_CODES | _FULL):
                    raise
                if time.monotonic() >= deadline:
                    raise
                if _is_full(fault):
                    with suppress(OSError, sqlite3.Error):
                        self._checkpoint()
            time.sleep(BUSY_SECONDS)

    def waiting(self, limit: int, *, now: float | None = None) -> list[Waiting]:
        """Return up to `limit` events that may be delivered now, oldest first, and of about 8 MiB at most.

        Events that were postponed to later than `now` (seconds since 1970; default: the clock) are left
        out, and with them the later events of their runs. An empty list means: nothing to deliver now.
        """
        moment = time.time() if now is None else now
        found: list[Waiting] = []
        size = 0
        with self._main.reading() as connection:
            rows = connection.execute(_DUE, {"now": moment, "far": moment + FAR_OFF_SECONDS, "limit": limit})
            for row in rows:
                found.append(Waiting(*row))
                size += max(len(row[1]), len(row[4] or b""))
                if size >= READ_BYTES:
                    break
            rows.close()
        return found

    def is_empty(self) -> bool:
        """Return whether no event waits, due or not."""
        with self._main.reading() as connection:
            return connection.execute("SELECT 1 FROM waiting LIMIT 1").fetchone() is None

    def remove(self, seqs: Iterable[int]) -> None:
        """Forget events that were delivered; unknown ones are ignored."""
        rows = [(seq,) for seq in seqs]
        self._patiently(lambda connection: connection.executemany(_REMOVE, rows))

    def complete(self, bodies: Mapping[int, bytes]) -> None:
        """Keep beside events, by seq, what is sent in their place; empty where that is the event itself."""
        rows = [(body, seq) for seq, body in bodies.items()]
        self._patiently(lambda connection: connection.executemany(_COMPLETE, rows))

    def postpone(self, seqs: Iterable[int], until: float, error: str) -> None:
        """Put these events off until a time (seconds since 1970, at most an hour ahead); count the attempt.

        `error` says why, without credentials; it becomes `OutboxStats.last_error`.
        """
        moment = min(until, time.time() + FAR_OFF_SECONDS)
        rows = [(moment, seq) for seq in seqs]

        def put_off(connection: sqlite3.Connection) -> None:
            connection.executemany(_POSTPONE, rows)
            _note_error(connection, error)

        self._patiently(put_off)

    def bury(self, seq: int, reason: str) -> None:
        """Move an event that was refused for good to the dead letters, with the reason (no credentials)."""

        def move(connection: sqlite3.Connection) -> None:
            dead.bury(connection, seq, reason)
            connection.execute(_REMOVE, (seq,))
            _note_error(connection, reason)

        self._patiently(move)

    def refused(self, limit: int, *, before: int | None = None) -> list[Refused]:
        """Return up to `limit` dead letters, of about 8 MiB at most, the latest first, from before a seq."""
        with self._main.reading() as connection:
            return dead.letters(connection, before, limit, READ_BYTES)

    def put_back(self, seqs: Iterable[int]) -> int:
        """Let dead letters wait again, in the order they had; return how many. All, or with an error none."""
        rows = sorted(seqs)
        return self._patiently(lambda connection: dead.put_back(connection, rows))

    def drop_refused(self, seqs: Iterable[int]) -> int:
        """Forget dead letters for good; return how many there were."""
        rows = [(seq,) for seq in seqs]
        return self._patiently(lambda connection: connection.executemany(dead.DROP, rows).rowcount)

    def note_error(self, error: str) -> None:
        """Remember why delivery fails (no credentials) without touching an event."""
        self._patiently(lambda connection: _note_error(connection, error))

    def lease(self, owner: str, seconds: float, *, patience: float = PATIENCE_SECONDS) -> bool:
        """Take the right to empty this file, or prolong it; False when another owner holds it.

        `owner` must be one name per worker (not per process). A lease ends after `seconds`, at `release`, or
        at once when the process that took it on this host is gone. `patience` is how many seconds to wait
        for a busy file.
        """
        return self._patiently(lambda connection: lease.take(connection, owner, seconds), patience)

    def release(self, owner: str) -> None:
        """End the lease of this owner; nothing happens when it holds none."""
        self._patiently(lambda connection: lease.give_back(connection, owner))

    def stats(self) -> OutboxStats:
        """Return how much waits, since when, what was lost or refused, and who empties the file."""
        with self._main.reading() as connection:
            count, oldest = connection.execute("SELECT count(*), min(seq) FROM waiting").fetchone()
            refused = connection.execute("SELECT count(*) FROM dead").fetchone()[0]
            owner, until = lease.holder(connection) or (None, None)
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            return OutboxStats(
                path=self.path,
                destination=read_identity(connection),
                waiting=count,
                oldest=datetime.fromtimestamp(oldest / 1e9, UTC) if count else None,
                dropped=int(meta.get("dropped", 0)) + self._uncounted,
                dead_letters=refused,
                last_error=meta.get("last_error"),
                lease=owner,
                lease_until=None if until is None else datetime.fromtimestamp(until, UTC),
            )

    def close(self) -> None:
        """Give the connections back; the next use opens them again.

        An own file of a process that is gone is deleted here once nothing is left in it.
        """
        self._main.close()
        for own in self._owns:
            own.close()
        self.delete_if_done()

    def delete_if_done(self) -> None:
        """Delete an own file whose process is gone if nothing is left in it; leave any other file alone."""
        owner = owner_of(self.path)
        if owner is not None and owner != os.getpid() and not is_alive(owner):
            self._main.close()
            with suppress(OSError, sqlite3.Error):
                delete_if_empty(self.path)

    def before_fork(self) -> list[Connection]:
        """Close all connections; return those whose lock is held now."""
        return [file for file in (self._main, *self._owns) if file.before_fork()]

    def after_fork_in_child(self) -> None:
        """Start over in a forked child, with fresh locks and no connection."""
        self._main.start_over()
        self._owns = []
        self._uncounted = 0


def _note_error(connection: sqlite3.Connection, error: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('last_error', ?)", (error[:500],))


def _code(fault: BaseException) -> int:
    return int(getattr(fault, "sqlite_errorcode", 0)) & 0xFF


def _is_full(fault: BaseException) -> bool:
    return _code(fault) in _FULL


def _reason(fault: BaseException) -> str:
    return (fault.strerror if isinstance(fault, OSError) else None) or str(fault) or type(fault).__name__
