"""The outboxes of this process: one object per file, closed around every fork."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from lineage.destination import Destination
from lineage.errors import OutboxError
from lineage.outbox import files
from lineage.outbox.connection import Connection, announce_fork
from lineage.outbox.files import outbox_path, usable_folder
from lineage.outbox.storage import Outbox

_lock = threading.RLock()
_outboxes: dict[Path, Outbox] = {}
_folders: dict[Path, Path] = {}
_held: list[Connection] = []


def open_outbox(
    folder: Path, destination: Destination, *, limit: int = 1 << 30, durability: str = "NORMAL"
) -> Outbox:
    """Return the outbox of a destination in a folder; there is one object per file and process.

    The folder is made when it is missing (0700). Where it cannot be written the outbox lies in the temp
    directory, which is told once as a warning. `limit` bounds the file in bytes. Raises OutboxError when
    the temp directory cannot be written either.
    """
    with _lock:
        place = _folders.get(folder)
        if place is None:
            place = _folders[folder] = usable_folder(folder)
        path = outbox_path(place, destination)
        outbox = _outboxes.setdefault(path, Outbox(path))
        outbox.prepare(destination.identity, limit, durability)
        return outbox


def open_existing(path: Path) -> Outbox:
    """Return the outbox of a file from `outbox_files`, to be emptied or asked.

    Raises OutboxError when the file is missing. Call `close` on it when done: that also deletes an own
    file that is empty and whose process is gone.
    """
    with _lock:
        if not path.is_file():
            _outboxes.pop(path, None)
            raise OutboxError(path, "there is no such file")
        return _outboxes.setdefault(path, Outbox(path))


def close_all() -> None:
    """Give back every connection of this process."""
    with _lock:
        for outbox in _outboxes.values():
            outbox.close()


def _before_fork() -> None:
    _lock.acquire()
    announce_fork(threading.get_ident())
    for outbox in list(_outboxes.values()):
        _held.extend(outbox.before_fork())
    files.making.acquire()


def _after_fork_in_parent() -> None:
    announce_fork(None)
    files.making.release()
    while _held:
        _held.pop().after_fork_in_parent()
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    _held.clear()
    announce_fork(None)
    files.start_over()
    for outbox in _outboxes.values():
        outbox.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
