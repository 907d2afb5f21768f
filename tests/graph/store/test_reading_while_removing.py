"""Events are read whole, also while others take some out of the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from made_events import dataset, put, run_event, schema

from graph import open_store
from graph.ingest import prune
from graph.nodes import job
from graph.store import LineageStore
from graph.store._log import GoneError, LogReader
from graph.store.retention import Policy

EVER = 2**63 - 1


class Rows:
    """Rows that were read before something else happens."""

    def __init__(self, rows: list[Any]) -> None:
        self.fetchall = lambda: rows
        self.fetchone = lambda: rows[0] if rows else None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class Interrupted:
    """A database where something happens once, behind the first statement with these words."""

    def __init__(self, db: Any, words: str, then: Callable[[], None]) -> None:
        self.db, self.words, self.then = db, words, then
        self.happened = False

    def execute(self, sql: str, values: Any = ()) -> Rows:
        rows = Rows(self.db.execute(sql, values).fetchall())
        if self.words in sql and not self.happened:
            self.happened = True
            self.then()
        return rows


STAYS = run_event("b", "COMPLETE", 2, job="stays", outputs=[dataset("b", schema=schema("y"))])


@pytest.fixture
def stores(place: str) -> Iterator[tuple[LineageStore, LineageStore]]:
    """A store with an event of each of two jobs, opened twice."""
    with closing(open_store(place)) as store, closing(open_store(place)) as other:
        put(store, run_event("a", "COMPLETE", 1, job="goes", outputs=[dataset("a", schema=schema("x"))]))
        put(store, STAYS)
        yield store, other


@pytest.mark.parametrize(
    "read",
    [
        lambda log: log.bodies(0, 10),
        lambda log: log.bodies_of([1, 2], EVER),
        lambda log: log.bodies_at([1, 2]),
    ],
)
def test_what_is_removed_while_events_are_read_is_left_out(
    stores: tuple[LineageStore, LineageStore], read: Callable[[LogReader], list[tuple[int, bytes]]]
) -> None:
    store, other = stores
    db = Interrupted(
        other._db,  # type: ignore[attr-defined]
        "FROM event",
        lambda: prune_job(store),
    )
    (found,) = read(LogReader(db))  # type: ignore[arg-type]
    assert db.happened
    assert (found[0], json.loads(found[1])) == (2, STAYS)


def test_a_form_that_is_removed_while_it_is_read_is_gone(stores: tuple[LineageStore, LineageStore]) -> None:
    store, other = stores
    forms = [key for (key,) in store._db.execute("SELECT form FROM event ORDER BY seq")]  # type: ignore[attr-defined]
    db = Interrupted(
        other._db,  # type: ignore[attr-defined]
        "JOIN form_text",
        lambda: prune_job(store),
    )
    with pytest.raises(GoneError):
        LogReader(db).example(forms[0])  # type: ignore[arg-type]
    assert db.happened
    assert json.loads(LogReader(other._db).example(forms[1]))["outputs"] == STAYS["outputs"]  # type: ignore[attr-defined]


def prune_job(store: LineageStore) -> None:
    assert prune(store, Policy(job=job("ns", "goes"))).events == 1
