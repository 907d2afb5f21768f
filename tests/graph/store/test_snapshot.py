"""Questions that read in many steps are answered from one moment, although others write."""

from __future__ import annotations

from contextlib import closing

import pytest
from made_events import dump, put, run_event

from graph import open_store
from graph.errors import StoreError
from graph.ingest import rebuild
from graph.records import EdgeKind
from graph.store import LineageStore

EVENT = run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["b"])
LATER = run_event("r2", "COMPLETE", 1, inputs=["b"], outputs=["c"])


def test_what_others_write_is_not_seen_before_the_snapshot_ends(store: LineageStore) -> None:
    put(store, EVENT)
    with closing(open_store(store.location)) as other:
        with store.snapshot():
            before = dump(store)
            put(other, LATER)
            with store.snapshot():
                assert dump(store) == before
            rebuild(other)
            assert dump(store) == before
        assert dump(store) == dump(other) != before


def test_a_long_answer_and_others_are_of_one_snapshot(store: LineageStore) -> None:
    put(store, EVENT)
    with closing(open_store(store.location)) as other, store.snapshot():
        long = iter(store.edges(EdgeKind.FEEDS))
        first = next(long)
        put(other, LATER)
        assert set(store.nodes([first.source, first.target])) == {first.source, first.target}
        assert list(long) == []
        assert len(list(store.edges(EdgeKind.FEEDS))) == 1
    assert len(list(store.edges(EdgeKind.FEEDS))) == 2


def fail(store: LineageStore) -> None:
    with store.snapshot():
        dump(store)
        raise KeyError


def write(store: LineageStore) -> None:
    with store.snapshot():
        put(store, LATER)


def test_a_snapshot_ends_with_an_error_too_and_nothing_is_written_in_it(store: LineageStore) -> None:
    put(store, EVENT)
    with pytest.raises(KeyError):
        fail(store)
    with pytest.raises(StoreError, match="a snapshot of it is being read: write when that has ended"):
        write(store)
    assert store.counts().events == 1
    put(store, LATER)
    assert store.counts().events == 2
