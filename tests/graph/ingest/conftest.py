"""A store to ingest into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph import open_store
from graph.store import LineageStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LineageStore]:
    opened = open_store(tmp_path / "lineage.db")
    yield opened
    opened.close()
