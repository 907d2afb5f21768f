"""What the frames in memory of polars are made from, for as long as they are what they were.

A frame in a plan does not say which one of the program's it is. Polars' own methods make their frames lazy
and collect at once, in this order; frames that a program made lazy itself are known by their columns and
height, and where two of different origin are alike, neither is.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any
from weakref import ref

from producers._polars_columns import Origin, unknown

_Key = tuple[tuple[str, ...], int]

_MOST_KEYS = 10_000
_ALIKE = unknown(())
"""Stands for frames that are alike but of different origin."""


class Origins:
    """The origins of the frames of this process."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[Any], Origin]] = {}
        self._lazy: dict[_Key, Origin | None] = {}
        self._here = threading.local()

    def remember(self, frame: Any, origin: Origin) -> None:
        """Take note of what a frame is made from."""
        number = id(frame)

        def gone(dead: Any) -> None:
            known = self._known.get(number)
            if known is not None and known[0] is dead:
                del self._known[number]

        self._known[number] = ref(frame, gone), origin

    def forget(self, frame: Any) -> None:
        """Know no more what a frame is made from: it was changed in place."""
        self._known.pop(id(frame), None)

    def of(self, frame: Any) -> Origin | None:
        """Return what a frame is made from; None where that is not known."""
        kept, origin = self._known.get(id(frame), (None, _ALIKE))
        alive = kept() if kept is not None else None
        if alive is None or alive is not frame:
            return None
        # In another order or by other names it is not the frame that it was.
        return origin if list(origin.columns) == alive.columns else None

    def made_lazy(self, frame: Any, *, by_polars: bool) -> None:
        """Take note of a frame that becomes part of a plan."""
        key, origin = _key(frame), self.of(frame)
        if by_polars:
            self._notes.append((key, origin))
        elif key not in self._lazy:
            self._lazy[key] = origin if len(self._lazy) < _MOST_KEYS else _ALIKE
        elif self._lazy[key] != origin:
            self._lazy[key] = _ALIKE

    def in_plan(self, frames: list[Any], *, by_polars: bool) -> list[Origin]:
        """Return the origins of the frames of a plan, given from left to right."""
        keys = [_key(frame) for frame in frames]
        if by_polars:
            notes = list(self._notes)[-len(keys) :] if keys else []
            found = (
                [origin for _, origin in notes] if [key for key, _ in notes] == keys else [None] * len(keys)
            )
        elif len(self._lazy) >= _MOST_KEYS:
            found = [None] * len(keys)
        else:
            found = [self._lazy.get(key) for key in keys]
        return [
            unknown(key[0]) if origin is None or origin is _ALIKE else origin
            for key, origin in zip(keys, found, strict=True)
        ]

    @property
    def any_noted(self) -> bool:
        """Whether the latest frames that polars made lazy in this thread are of a known origin."""
        return any(origin is not None for _, origin in self._notes)

    @property
    def _notes(self) -> deque[tuple[_Key, Origin | None]]:
        notes: deque[tuple[_Key, Origin | None]] | None = getattr(self._here, "notes", None)
        if notes is None:
            notes = self._here.notes = deque(maxlen=16)
        return notes


def _key(frame: Any) -> _Key:
    return tuple(frame.columns), frame.height
