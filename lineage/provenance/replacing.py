"""A file replaced by another at once: whoever opens it gets the one or the other, whole."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_PIECE = 1 << 20


def replace_file(
    path: Path, write: Callable[[BinaryIO], None], *, like: Path, unchanged: os.stat_result | None = None
) -> None:
    """Write a file beside `path` and put it in its place, once it is safe on disk.

    It gets the mode and the owner of `like`. With `unchanged`, what was known of the file that goes, it
    stays when somebody has written to it since. OSError when that or anything else goes wrong; the file at
    `path` is whole then.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".lineage-tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _own(Path(name), like.stat())
        if unchanged is not None and _moment(path.stat()) != _moment(unchanged):
            raise OSError("somebody else has written to the file meanwhile")
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def copy_bytes(source: BinaryIO, write: Callable[[bytes], object], start: int, end: int) -> None:
    """Give a part of a file to `write` in pieces; OSError when the file ends too soon."""
    source.seek(start)
    while start < end:
        piece = source.read(min(_PIECE, end - start))
        if not piece:
            raise OSError("the file became shorter while it was read")
        write(piece)
        start += len(piece)


def _moment(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _own(new: Path, like: os.stat_result) -> None:
    if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):  # only root may give files away
            os.chown(new, like.st_uid, like.st_gid)
    new.chmod(stat.S_IMODE(like.st_mode) if stat.S_ISREG(like.st_mode) else like.st_mode & 0o666)
