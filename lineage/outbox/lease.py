"""The lease: who empties an outbox file at the moment. One holder per file."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from contextlib import suppress
from functools import cache

from lineage.outbox.files import is_alive


@cache
def this_host() -> str:
    """Return what process ids are counted in: the machine and its process id namespace."""
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return f"{platform.node()} {namespace}".strip()


def take(connection: sqlite3.Connection, owner: str, seconds: float) -> bool:
    """Take or prolong the lease inside a transaction; False when somebody else holds it."""
    now = time.time()
    row = connection.execute("SELECT owner, host, pid, until FROM lease").fetchone()
    if row is not None and row[0] != owner and now < row[3] and _may_live(row[1], row[2]):
        return False
    connection.execute(
        "INSERT OR REPLACE INTO lease (one, owner, host, pid, until) VALUES (1, ?, ?, ?, ?)",
        (owner, this_host(), os.getpid(), now + seconds),
    )
    return True


def _may_live(host: str, pid: int) -> bool:
    return host != this_host() or is_alive(pid)


def give_back(connection: sqlite3.Connection, owner: str) -> None:
    """End the lease inside a transaction if this owner holds it."""
    connection.execute("DELETE FROM lease WHERE owner = ?", (owner,))


def holder(connection: sqlite3.Connection) -> tuple[str, float] | None:
    """Return the owner of a lease that still runs, and its end in seconds since 1970."""
    row = connection.execute("SELECT owner, host, pid, until FROM lease").fetchone()
    if row is None or time.time() >= row[3] or not _may_live(row[1], row[2]):
        return None
    return str(row[0]), float(row[3])
