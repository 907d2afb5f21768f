"""Stores to ask why a number is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from graph import open_store
from graph.ingest import derive, ingest
from graph.store import LineageStore


@pytest.fixture
def store_of() -> Iterator[Callable[[Iterable[bytes]], LineageStore]]:
    """Put events into a new store, read its SQL, and return it."""
    opened: list[LineageStore] = []

    def build(bodies: Iterable[bytes]) -> LineageStore:
        store = open_store(":memory:")
        opened.append(store)
        assert ingest(store, bodies).rejected == 0
        assert derive(store).complete
        return store

    yield build
    for store in opened:
        store.close()
