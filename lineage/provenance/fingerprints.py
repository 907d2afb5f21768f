"""What a look from outside tells of a file: its size and time, by `stat` alone.

A look never goes to a file system that can keep its caller waiting: a path is followed from the root, and
where it comes upon a network file system, an automounted or a kernel's own one, nothing is told. That is
known from /proc/mounts; where there is none (macOS) every path is looked at.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lineage.datasets import Dataset
from lineage.outbox.files import is_network

_KERNELS = frozenset(
    {
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs"),
        *("efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs"),
        *("securityfs", "sysfs", "tracefs"),
    }
)
_MAX_LINKS = 40


def local_path(dataset: Dataset) -> str | None:
    """Return the path of a dataset that is a file or folder of this machine; None of any other."""
    return dataset.name if dataset.namespace == "file" and dataset.name.startswith("/") else None


def look(path: str) -> dict[str, Any]:
    """Return `fingerprint`, `size` and `modifiedAt` of a file; nothing of what is none, or cannot be asked.

    The fingerprint is `stat:SIZE:MTIME` with the time in nanoseconds: another one means that the file was
    written, not that it holds something else.
    """
    try:
        if not is_near(os.path.dirname(path)):
            return {}
        state = os.lstat(path)
        if stat.S_ISLNK(state.st_mode):
            if not _followed(path, _far_places()):
                return {}
            state = os.stat(path)
    except (OSError, ValueError):
        return {}
    if not stat.S_ISREG(state.st_mode):
        return {}
    modified = datetime.fromtimestamp(state.st_mtime_ns // 1_000_000 / 1000, UTC)
    return {
        "fingerprint": f"stat:{state.st_size}:{state.st_mtime_ns}",
        "size": state.st_size,
        "modifiedAt": modified.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def kind_of_file_system(path: str) -> str | None:
    """Return the type of a kernel's own file system that a path is on; None elsewhere."""
    place = os.path.realpath(path)
    while place != "/":
        kind = _mounts().get(place)
        if kind is not None:
            return kind if kind in _KERNELS else None
        place = os.path.dirname(place)
    return None


@functools.lru_cache(maxsize=4096)
def is_near(folder: str) -> bool:
    """Return whether a folder, as this process first saw it, can be asked without waiting for anybody.

    OSError or ValueError where there is none: that may change, and is asked again.
    """
    return _followed(folder, _far_places())


def _followed(path: str, far: frozenset[str]) -> bool:
    """Follow a path from the root, links included, and stop before what is far."""
    place, links = "/", 0
    parts = deque(path.split("/"))
    while parts:
        part = parts.popleft()
        if part in ("", "."):
            continue
        place = os.path.dirname(place) if part == ".." else os.path.join(place, part)
        if place in far:
            return False
        if not stat.S_ISLNK(os.lstat(place).st_mode):
            continue
        target = os.readlink(place)
        links += 1
        if links > _MAX_LINKS:
            return False
        place = "/" if target.startswith("/") else os.path.dirname(place)
        parts.extendleft(reversed(target.split("/")))
    return True


@functools.lru_cache(maxsize=1)
def _far_places() -> frozenset[str]:
    return frozenset(place for place, kind in _mounts().items() if is_network(kind) or kind in _KERNELS)


@functools.lru_cache(maxsize=1)
def _mounts() -> dict[str, str]:
    """Return the type of the file system at each mount point; of several at one point, the last counts."""
    try:
        table = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = (line.split(" ") for line in table.splitlines())
    return {
        re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]): fields[2]
        for fields in found
        if len(fields) > 2
    }
