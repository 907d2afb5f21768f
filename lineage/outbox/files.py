"""Where outbox files lie: their names, their folder, and how an empty one comes into being.

There is one file per destination and format version. A process that must not or cannot use it (it
was forked unseen, or the file is busy) writes *own files* beside it, named after the main file with
its process id and a random word; whoever empties the outbox reads those too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sqlite3
import tempfile
import threading
from contextlib import closing, nullcontext, suppress
from pathlib import Path

from lineage._guard import logger
from lineage.destination import Destination
from lineage.errors import OutboxError

FORMAT = 1
PAGE_SIZE = 4096
_NAME = re.compile(rf"^.+-[0-9a-f]{{16}}-v{FORMAT}(?:-(?P<pid>\d+)-[0-9a-f]{{8}})?\.db$")
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs"}
_LOCAL_FUSE = {"fuse.fuse-overlayfs", "fuse.lxcfs"}

making = threading.RLock()
"""Held while a file is made or deleted. A fork waits for it, or SQLite's mutexes may be held in the child."""

SCHEMA = f"""
PRAGMA page_size = {PAGE_SIZE};
PRAGMA journal_mode = WAL;
PRAGMA user_version = {FORMAT};
BEGIN;
CREATE TABLE waiting (
    seq INTEGER PRIMARY KEY,
    run_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at REAL NOT NULL DEFAULT 0,
    body BLOB NOT NULL,
    completed BLOB
);
CREATE INDEX held_back ON waiting (run_id, seq) WHERE retry_at > 0;
CREATE TABLE dead (
    seq INTEGER PRIMARY KEY,
    run_id TEXT,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    owner TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    until REAL NOT NULL
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
COMMIT;
"""
"""`seq` is the time of the append in nanoseconds, so that events of several files have one order."""


def outbox_path(folder: Path, destination: Destination) -> Path:
    """Return the main outbox file of a destination in a folder, whether or not it exists.

    The name holds the destination's kind, a hash of its identity, and the format version.
    """
    kind = re.sub(r"[^A-Za-z0-9_.]+", "_", destination.kind)[:40]
    digest = hashlib.sha256(destination.identity.encode()).hexdigest()[:16]
    return folder / f"{kind}-{digest}-v{FORMAT}.db"


def own_path(main: Path) -> Path:
    """Return a new name for a file of this process alone beside a main file."""
    return main.with_name(f"{main.stem}-{os.getpid()}-{secrets.token_hex(4)}.db")


def owner_of(path: Path) -> int | None:
    """Return the id of the process that an own file belongs to; None for a main file."""
    match = _NAME.match(path.name)
    return int(match["pid"]) if match and match["pid"] else None


def is_alive(pid: int) -> bool:
    """Return whether a process of this host runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def fallback_folder(folder: Path) -> Path:
    """Return where events wait when `folder` cannot be used: in the temp directory, for this user alone."""
    digest = hashlib.sha256(os.fspath(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"lineage-outbox-{os.getuid()}-{digest}"


def outbox_files(folder: Path, destination: Destination | None = None) -> list[Path]:
    """Return the existing outbox files of a destination (of all, when None is given).

    The main file comes first, then the own files of processes that could not use it. Files that went
    to the temp directory because `folder` could not be written are among them.
    """
    found: list[Path] = []
    for place in (folder, fallback_folder(folder)):
        stem = outbox_path(place, destination).stem if destination else ""
        with suppress(OSError):
            paths = [path for path in place.glob("*.db") if path.name.startswith(stem) and is_outbox(path)]
            found += sorted(paths, key=lambda path: (owner_of(path) is not None, path.name))
    return found


def is_outbox(path: Path) -> bool:
    """Return whether a file's name is one of this format version."""
    return _NAME.match(path.name) is not None


def usable_folder(folder: Path) -> Path:
    """Return `folder`, made if missing, or the fallback in the temp directory when it cannot be written.

    Raises OutboxError when neither can be.
    """
    try:
        _prepare(folder)
    except OSError as fault:
        fallback = fallback_folder(folder)
        try:
            _prepare(fallback)
        except OSError as second:
            raise OutboxError(fallback, f"cannot be written ({second.strerror})") from None
        logger.warning(
            "The outbox folder %s cannot be written (%s); events wait in %s, which a reboot may clear. "
            "Set LINEAGE_OUTBOX to a folder this user can write.",
            folder,
            fault.strerror,
            fallback,
        )
        return fallback
    kind = file_system_of(folder)
    if kind is not None and is_network(kind):
        logger.warning(
            "The outbox folder %s is on a network file system (%s), where SQLite cannot keep events safe. "
            "Set LINEAGE_OUTBOX to a folder on a local disk.",
            folder,
            kind,
        )
    return folder


def _prepare(folder: Path) -> None:
    """Make a folder for this user alone and see that a file can be made in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.parent == Path(tempfile.gettempdir()):
        state = folder.lstat()
        if folder.is_symlink() or state.st_uid != os.getuid() or state.st_mode & 0o077:
            raise PermissionError(13, "it belongs to somebody else")
    descriptor, probe = tempfile.mkstemp(prefix=".probe-", dir=folder)
    os.close(descriptor)
    os.unlink(probe)


def is_network(kind: str) -> bool:
    """Return whether a file system type is one whose locks cannot be trusted."""
    return kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


def file_system_of(folder: Path, mounts: str | None = None) -> str | None:
    """Return the type of the file system a folder is on; None where the system does not tell (macOS).

    `mounts` is text in the form of /proc/mounts, which is read when it is None.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    place = os.path.realpath(folder)
    best, kind = "", None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1])
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def create_file(
    path: Path,
    identity: str,
    event: tuple[int, str | None, bytes] | None = None,
    *,
    durability: str = "NORMAL",
    lock: bool = True,
) -> None:
    """Make an outbox file that is complete when it appears; one that exists already is left as it is.

    It is filled under a passing name and then linked, so that two processes cannot meet in a half-made
    file. Only this user can read it. `event` is a first row: `(seq, run_id, body)`. `lock` false is for
    signal handlers, which must not wait for what they interrupted.
    """
    with making if lock else nullcontext():
        _create(path, identity, event, durability)


def _create(path: Path, identity: str, event: tuple[int, str | None, bytes] | None, durability: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA synchronous = {durability}")
            connection.execute("INSERT INTO meta VALUES ('destination', ?)", (identity,))
            if event is not None:
                connection.execute("INSERT INTO waiting (seq, run_id, body) VALUES (?, ?, ?)", event)
        _publish(draft, path)
    finally:
        for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm"), Path(f"{draft}-journal")):
            with suppress(OSError):
                leftover.unlink()


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:
        # A file system without hard links.
        if not path.exists():
            os.rename(draft, path)


def read_identity(connection: sqlite3.Connection) -> str:
    """Return the identity of the destination that a file's events are for."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'destination'").fetchone()
    return str(row[0]) if row else json.dumps(None)


def delete_if_empty(path: Path) -> None:
    """Delete an own file that holds nothing, under a lock that shows that nobody else has it open."""
    with making, closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        if mode != "delete":
            return
        connection.execute("BEGIN EXCLUSIVE")
        waiting = connection.execute("SELECT count(*) FROM waiting").fetchone()[0]
        dead = connection.execute("SELECT count(*) FROM dead").fetchone()[0]
        if waiting == dead == 0:
            path.unlink()


def start_over() -> None:
    """Make a fresh lock in a forked child."""
    global making
    making = threading.RLock()
