"""What was seen lately, by keys that come and go."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_KEPT = 1_000


class Latest(Generic[K, V]):
    """A mapping of the latest 1,000 keys, for many threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def put(self, key: K, value: V) -> None:
        """Keep a value, in the place of the oldest one."""
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = value
            if len(self._known) > MAX_KEPT:
                self._known.popitem(last=False)

    def get(self, key: K) -> V | None:
        """Return the value of a key, None where none is kept."""
        return self._known.get(key)

    def clear(self) -> None:
        """Keep nothing more of what was put."""
        with self._lock:
            self._known.clear()
