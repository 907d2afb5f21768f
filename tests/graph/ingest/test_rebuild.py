"""The log taken in again gives the store that it gave before."""

from __future__ import annotations

import json
from contextlib import closing
from random import Random
from typing import Any

import pytest
from made_events import FIXTURES, dump, put, run_event
from random_events import some_event
from seeds import seeds

from graph import open_store
from graph.errors import StoreError
from graph.ingest import IngestCounts, derive, ingest, rebuild
from graph.store import LineageStore
from graph.store._replaying import FOLLOWING, LOG, projection
from graph.store.changes import Changes, Rejected
from graph.store.commands import Command

NAMES = ("airflow", "airflow_failed_task", "dbt", "dbt_failed_test", "shop_changes")
EVENTS = [line for name in NAMES for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()]


def rows(store: LineageStore, table: str) -> list[Any]:
    return sorted(store._db.execute(f"SELECT * FROM {table}").fetchall(), key=repr)  # type: ignore[attr-defined]


EDGES = """
(SELECT e.kind, e.origin, s.key AS source, t.key AS target, sign(e.owner) * o.key AS owner, m.key AS made
FROM edge AS e JOIN node AS s ON s.number = e.source JOIN node AS t ON t.number = e.target
JOIN node AS o ON o.number = abs(e.owner) LEFT JOIN transformation AS m
ON m.number = e.transformation) AS edges
"""
"""The table `edge` with keys: a rebuild numbers nodes anew."""


@pytest.mark.parametrize("seed", seeds(1, 3, 10))
def test_a_rebuild_gives_the_identical_store(store: LineageStore, seed: int) -> None:
    """PV-13: captured events in any order, and the log taken in again, give one identical graph."""
    random = Random(seed)
    events = random.sample(EVENTS, len(EVENTS))
    ingest(store, events, batch=random.randint(1, 20))
    derive(store)
    before, bodies, log = dump(store), store.bodies(), [rows(store, each) for each in ("event", "receipt")]

    assert rebuild(store) == len(events)
    derive(store)

    assert dump(store) == before
    assert store.bodies() == bodies
    assert [rows(store, each) for each in ("event", "receipt")] == log
    assert ingest(store, events) == IngestCounts(duplicate=len(events))


@pytest.mark.parametrize("seed", seeds(1, 3, 10))
def test_a_rebuild_of_contradictions_gives_the_identical_store(store: LineageStore, seed: int) -> None:
    random = Random(seed)
    ingest(store, [json.dumps(some_event(random)).encode() for _ in range(60)], batch=random.randint(1, 20))
    derive(store)
    before = dump(store)
    kept = {
        table: rows(store, table) for table in ("run", "job_run", EDGES, "form", "content", "form_entity")
    }
    rebuild(store)
    derive(store)
    assert dump(store) == before
    assert {table: rows(store, table) for table in kept} == kept


def test_a_rebuild_that_fails_in_the_middle_loses_nothing(store: LineageStore) -> None:
    """Killed or broken off, the store is as it was, and still takes events."""
    ingest(store, EVENTS)
    derive(store)
    before, seen = dump(store), 0

    def broken(body: bytes) -> Changes | Rejected | Command:
        nonlocal seen
        seen += 1
        if seen > len(EVENTS) // 2:
            raise KeyboardInterrupt
        from graph.ingest.batch import understand

        return understand(body)

    with pytest.raises(KeyboardInterrupt):
        store.rebuild(broken)
    assert dump(store) == before
    put(store, run_event("r", "COMPLETE", 1, inputs=["a"], outputs=["b"]))


def test_an_event_that_is_none_any_more_stops_a_rebuild(store: LineageStore) -> None:
    put(store, run_event("r", "COMPLETE", 1, inputs=["a"], outputs=["b"]))
    before = dump(store)
    with pytest.raises(
        StoreError, match="event 1 of the log is none: out of fashion: nothing was changed by this step"
    ):
        store.rebuild(lambda body: Rejected(body, ("out of fashion",)))
    assert dump(store) == before


def test_others_read_the_old_graph_until_a_rebuild_is_done(place: str) -> None:
    with closing(open_store(place)) as store, closing(open_store(place)) as other:
        ingest(store, EVENTS)
        before, during = dump(other), []
        rebuild(store, progress=lambda done: during.append((done, dump(other))))
        assert during == [(len(EVENTS), before)]
        put(other, run_event("r", "COMPLETE", 1, inputs=["a"], outputs=["b"]))
        assert dump(other) == dump(store)


def test_events_are_kept_in_the_form_that_this_release_gives_them(
    store: LineageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(store, EVENTS)
    before, bodies = dump(store), store.bodies()
    with monkeypatch.context() as patched:
        patched.setattr("graph.ingest.form.MEASURING", frozenset())
        patched.setattr("graph.ingest.plan._forms", {})
        rebuild(store)
        others = rows(store, "event")
        again = [json.loads(body) for _, body in store.bodies()]
    assert again == [json.loads(body) for _, body in bodies]
    rebuild(store)
    assert rows(store, "event") != others
    assert dump(store) == before
    assert store.bodies() == bodies


def test_every_table_is_of_the_log_or_made_anew(file_store: LineageStore) -> None:
    tables = {
        name
        for (name,) in file_store._db.execute(  # type: ignore[attr-defined]
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    }
    tables = {name for name in tables if not name.startswith("search_words_")}
    assert tables == LOG | FOLLOWING | set(projection())
    assert not LOG & FOLLOWING
    assert {"node", "edge", "run", "annotation"} <= set(projection())
