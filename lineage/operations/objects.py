"""Which datasets a run's objects are: each by its key, or the folder that stands for many of them.

A table in a lake is thousands of objects, and a report is one. What integrations see of a store is keys; so
that no run has thousands of datasets, many keys of one folder are told as the folder, and partitions
(`orders/day=2026-01-01/part-0.parquet`) as what they are partitions of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_KEYS = 20
"""More keys than these right in one folder are told as the folder."""

MAX_NAMES = 100
"""With more names than these in one bucket, the deepest folders that hold several of them stand for them."""

_BUCKET = "/"
_PARTITIONED = re.compile(r"(.+?)/[^/=]+=[^/]*/.*", re.DOTALL)
"""A key in a partition of a folder, as Hive writes them."""


class Objects:
    """The objects that one run reads, or writes, in one bucket.

    `names` stand for them, in the order of their first use: keys, paths of folders, and `/` for the bucket.
    It holds at most `MAX_NAMES`, however many objects are added.
    """

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._keys: dict[str, int] = {}
        self._full: set[str] = set()
        self._folded: set[str] = set()

    def add(self, key: str) -> None:
        """Take an object over; `key` has no slashes around it."""
        if key in self.names or self._stands_for(key):
            return
        if (partitioned := _PARTITIONED.fullmatch(key)) is not None:
            self._fold_into(partitioned[1])
        else:
            self._add_key(key)
        if len(self.names) > MAX_NAMES:
            self._fold()

    def _add_key(self, key: str) -> None:
        folder = _folder_of(key)
        self.names[key] = None
        self._keys[folder] = self._keys.get(folder, 0) + 1
        if self._keys[folder] > MAX_KEYS:
            folders = self._full | self._folded
            keys = [name for name in self.names if _folder_of(name) == folder and name not in folders]
            self._replace(folder, keys)
            self._full.add(folder)

    def _stands_for(self, key: str) -> bool:
        """Whether a folder stands for a key already."""
        folder = _folder_of(key)
        if folder in self._full:
            return True
        while self._folded and folder not in self._folded:
            if folder == _BUCKET:
                return False
            folder = _folder_of(folder)
        return bool(self._folded)

    def _fold(self) -> None:
        depth = max(name.count("/") for name in self.names)
        while len(self.names) > MAX_NAMES:
            inside: dict[str, list[str]] = {}
            for name in self.names:
                if name.count("/") >= depth:
                    inside.setdefault("/".join(name.split("/")[:depth]) or _BUCKET, []).append(name)
            for folder, names in inside.items():
                if len(names) > 1:
                    self._fold_into(folder)
            depth -= 1

    def _fold_into(self, folder: str) -> None:
        """Have a folder stand for all in it, and ask for no other in it any more."""
        inside = "" if folder == _BUCKET else f"{folder}/"
        self._replace(folder, [name for name in self.names if name.startswith(inside)])
        self._keys = {name: count for name, count in self._keys.items() if not name.startswith(inside)}
        self._full = {name for name in self._full if not name.startswith(inside)}
        self._folded = {name for name in self._folded if not name.startswith(inside)} | {folder}

    def _replace(self, folder: str, names: list[str]) -> None:
        for name in names:
            del self.names[name]
        self.names[folder] = None


def names_around(name: str) -> Iterator[str]:
    """Yield the names that may stand for a file or an object: its own, then its folders', outwards."""
    while True:
        yield name
        if name == _BUCKET:
            return
        name = _folder_of(name)


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0] or _BUCKET
