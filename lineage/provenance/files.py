"""The content hashes of files and folders."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from lineage.errors import ContentError
from lineage.provenance.canonical import content_text, encode, hasher
from lineage.provenance.replacing import copy_bytes
from lineage.provenance.sidecars import is_sidecar
from lineage.provenance.slots import find_slot


def hash_file(path: str | os.PathLike[str]) -> str:
    """Return `bytes-sha256:HEX` of a file's bytes: HEX is what `sha256sum` prints.

    An id that `embed` put into a Parquet, Arrow, Feather or PNG file is left out: the hash is that of the
    file as it was without. A SQLite or DuckDB database has `tree-sha256:HEX` of its tables and their rows
    instead of its bytes, which differ from copy to copy. The file is read once, in pieces.

    ContentError for what is no regular file, for one that was written to while it was read, and for a
    database that cannot be read; MissingDependencyError for a DuckDB database without duckdb or pyarrow;
    OSError for a file that cannot be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # asked before it is opened: opening a pipe would wait
        raise ContentError(f"{os.fspath(path)!r} is no regular file: a folder has hash_folder")
    with open(path, "rb") as file:
        database = database_at(file)
        if database is None:
            return _hash_bytes(file, path)
    return str(database.hash_database(Path(path)))


def database_at(file: BinaryIO) -> ModuleType | None:
    """Return the module that knows the kind of database a file is, or None."""
    file.seek(0)
    head = file.read(4096)
    # What SQLite writes at the same places of every header; DuckDB's is never shorter than this.
    if head.startswith(b"SQLite format 3\0") and head[21:24] == b"\x40\x20\x20" and len(head) >= 512:
        return import_module("lineage.provenance.sqlite")
    return import_module("lineage.provenance.duckdb") if head[8:12] == b"DUCK" and len(head) == 4096 else None


def _hash_bytes(file: BinaryIO, path: str | os.PathLike[str]) -> str:
    before = os.fstat(file.fileno())
    slot = find_slot(file)
    file.seek(0)
    if slot is None:
        digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # any file opened to be read
    else:
        digest = hashlib.sha256()
        for start, end in ((0, slot.start), (slot.end, before.st_size)):
            copy_bytes(file, digest.update, start, end)
    after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ContentError(f"{os.fspath(path)!r} was written to while it was read: hash it when it is whole")
    return content_text("bytes", digest)


def hash_folder(
    path: str | os.PathLike[str], *, leave_out: Sequence[str] = (), follow_links: bool = False
) -> str:
    """Return `tree-sha256:HEX` of a folder or a partitioned dataset: the names in it and what they hold.

    Names are relative, so a folder may move; times, owners and modes do not count, nor do folders without a
    file, nor ids that `embed` puts beside files. `leave_out` are patterns as of a shell (`_SUCCESS`, `.*`)
    for the names that do not count. A symbolic link counts as the text it points to, or with `follow_links`
    as what stands there. ContentError for a socket, a pipe or a device, for a link to a folder around it,
    and for a file written to meanwhile.
    """
    root = Path(path)
    if not root.is_dir():
        raise ContentError(f"{os.fspath(path)!r} is no folder: a single file has hash_file")
    return _hash_folder(root, tuple(leave_out), follow_links, ()) or _tree([])


def _hash_folder(
    path: Path, leave_out: tuple[str, ...], follow_links: bool, above: tuple[tuple[int, int], ...]
) -> str | None:
    status = path.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise ContentError(f"{str(path)!r} is a link to a folder it stands in: it has no end")
    entries: list[tuple[bytes, str, str | bytes]] = []
    for name, kind in _listed(path, leave_out, follow_links):
        place = path / name
        if kind == "folder":
            inner = _hash_folder(place, leave_out, follow_links, (*above, here))
            if inner is None:
                continue
            content: str | bytes = inner
        elif kind == "file" and (is_sidecar(place) or _is_log(place)):
            continue
        else:
            content = os.fsencode(os.readlink(place)) if kind == "link" else hash_file(place)
        entries.append((os.fsencode(name), kind, content))
    return _tree(entries) if entries else None


_LOGS = re.compile(r"(?P<database>.+)(?P<log>-wal|-shm|-journal|\.wal)")


def _is_log(path: Path) -> bool:
    """Whether a file belongs to a database beside it, whose hash tells what stands in both."""
    named = _LOGS.fullmatch(path.name)
    if named is None:
        return False
    try:
        with path.with_name(named["database"]).open("rb") as file:
            database = database_at(file)
    except OSError:
        return False
    return database is not None and named["log"] in database.LOGS


def _listed(path: Path, leave_out: tuple[str, ...], follow_links: bool) -> Iterator[tuple[str, str]]:
    with os.scandir(path) as entries:
        for entry in entries:
            if any(fnmatchcase(entry.name, pattern) for pattern in leave_out):
                continue
            link = entry.is_symlink() and not follow_links
            yield entry.name, "link" if link else "folder" if entry.is_dir() else "file"


def _tree(entries: list[tuple[bytes, str, str | bytes]]) -> str:
    digest = hasher("tree")
    digest.update(encode(sorted(entries)))
    return content_text("tree", digest)
