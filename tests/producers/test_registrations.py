"""Several targets of one library are instrumented beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import producers
from lineage import configure
from lineage.attribution import flush_queries


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    configure(sink=events.append)
    yield events
    producers.uninstall("sqlalchemy")


def test_a_second_target_of_a_library_is_not_dropped(told: list[dict[str, Any]]) -> None:
    """fault 2.3-3: each engine named is watched and no other, and undoing one leaves another."""
    one, other, third = (create_engine("sqlite://") for _ in range(3))

    def ask() -> int:
        told.clear()
        for engine in (one, other, third):
            with engine.connect() as connection:
                connection.execute(text("select 1"))
        assert flush_queries(10)
        return len(told)

    producers.install("sqlalchemy", one)
    assert ask() == 1
    producers.install("sqlalchemy", other)
    assert ask() == 2
    producers.uninstall("sqlalchemy", one)
    assert ask() == 1
    for engine in (one, other, third):
        engine.dispose()
