"""What a process that writes a store remembers of it."""

from __future__ import annotations

from typing import Any

_REMEMBERED = 100_000
_BASES_REMEMBERED = 5_000


class Memory:
    """What a process knows to be in the store, and need not ask; right as long as nothing is removed."""

    def __init__(self) -> None:
        self.removals = 0
        self.forms: dict[int, tuple[int, bytes]] = {}
        """By the key of a form its number and its sample."""
        self.contents: set[int] = set()
        self.shapes: set[int] = set()
        self.shape_sets: dict[int, frozenset[int]] = {}
        self.bases: dict[int, tuple[int, bytes]] = {}
        """By owner the form that its others are packed with: its number, and its bytes with its sample."""

    def forget(self) -> None:
        """Know nothing: a transaction failed, or something was removed."""
        for known in (*self._large(), self.bases):
            known.clear()

    def trim(self, removals: int) -> None:
        """Begin a transaction: forget what may not hold any more, and what is too much."""
        if removals != self.removals:
            self.forget()
            self.removals = removals
        for known in self._large():
            if len(known) > _REMEMBERED:
                known.clear()
        if len(self.bases) > _BASES_REMEMBERED:
            self.bases.clear()

    def _large(self) -> tuple[dict[int, Any] | set[int], ...]:
        return self.forms, self.contents, self.shapes, self.shape_sets
