"""An empty store, for tests to put events into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from graph import open_store
from graph.store import LineageStore


@pytest.fixture
def store() -> Iterator[LineageStore]:
    with closing(open_store(":memory:")) as opened:
        yield opened
