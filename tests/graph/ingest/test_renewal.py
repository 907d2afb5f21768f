"""After an upgrade SQL is read again; what a newer version has read stays."""

from __future__ import annotations

import pytest
from made_events import dataset, edges, feeds, put, run_event

from graph.ingest import derive, renew
from graph.records import EdgeKind
from graph.store import LineageStore
from lineage.version import VERSION

PG = "postgres://db:5432"


@pytest.fixture
def derived(store: LineageStore) -> LineageStore:
    query = {"sql": {"query": "insert into s.c (x) select x from s.a", "dialect": "postgres"}}
    a, c = dataset("shop.s.a", PG), dataset("shop.s.c", PG)
    put(store, run_event("r", "COMPLETE", 0, job_facets=query, inputs=[a], outputs=[c]))
    derive(store)
    return store


def test_what_this_version_has_read_is_not_read_again(derived: LineageStore) -> None:
    assert renew(derived) == 0
    assert derived.counts().underived == 0


@pytest.mark.parametrize(
    ("ours", "engine", "again"),
    [
        ("9.0.0", "0.0.1", 1),  # a newer release of ours, whatever its parser
        ("0.0.1", "9999.0", 0),  # an older one beside us
        (VERSION, "9999.0", 1),
        (VERSION, "0.0.1", 0),
        (VERSION, None, 0),  # the parser is no longer installed
    ],
)
def test_what_an_older_version_has_read_is_read_again(
    derived: LineageStore, monkeypatch: pytest.MonkeyPatch, ours: str, engine: str | None, again: int
) -> None:
    monkeypatch.setattr("graph.ingest.renewal.VERSION", ours)
    monkeypatch.setattr("graph.ingest.renewal._installed", lambda name: engine)
    before = feeds(derived), edges(derived, EdgeKind.FIELD)
    assert renew(derived) == again
    assert derived.counts().underived == again
    assert (feeds(derived), edges(derived, EdgeKind.FIELD)) == before
    assert derive(derived).shapes == again
    assert (feeds(derived), edges(derived, EdgeKind.FIELD)) == before
