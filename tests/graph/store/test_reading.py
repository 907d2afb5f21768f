"""The questions of the reader: closures, names, nodes, runs."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest
from made_events import dataset, dataset_event, job_event, put, run_event, run_id, schema

from graph import nodes, open_store
from graph.errors import InvalidQueryError
from graph.ingest import ingest
from graph.nodes import Node, NodeType
from graph.records import Direction, EdgeKind, RunState
from graph.store import LineageStore

DOWN, UP = Direction.DOWNSTREAM, Direction.UPSTREAM


def ds(name: str) -> Node:
    return nodes.dataset("ns", name)


def put_graph(store: LineageStore, pairs: list[tuple[str, str]]) -> None:
    """Declare dataset edges by one job."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for source, target in pairs:
        entries.setdefault(target, []).append({"namespace": "ns", "name": source, "type": "DATASET"})
    listed = [{"namespace": "ns", "name": t, "type": "DATASET", "inputs": i} for t, i in entries.items()]
    put(store, job_event(0, job_facets={"lineage": {"entries": listed}}))


def reached(store: LineageStore, start: str, direction: Direction, depth: int | None = None) -> set[str]:
    found = store.closure([ds(start).key], EdgeKind.FEEDS, direction, depth)
    assert len(found) == len(set(found)), "an edge came twice"
    known = store.nodes({key for edge in found for key in (edge.source, edge.target)})
    return {f"{known[edge.source].name}{known[edge.target].name}" for edge in found}


@pytest.mark.parametrize(
    ("start", "direction", "depth", "expected"),
    [
        ("a", DOWN, None, {"ab", "ac", "bd", "cd", "de"}),
        ("a", DOWN, 0, set()),
        ("a", DOWN, 1, {"ab", "ac"}),
        ("a", DOWN, 2, {"ab", "ac", "bd", "cd"}),
        ("a", DOWN, 99, {"ab", "ac", "bd", "cd", "de"}),
        ("e", UP, None, {"ab", "ac", "bd", "cd", "de"}),
        ("d", UP, 1, {"bd", "cd"}),
        ("b", UP, None, {"ab"}),
        ("e", DOWN, None, set()),
        ("nowhere", DOWN, None, set()),
    ],
)
def test_a_closure_is_every_edge_that_can_be_reached(
    store: LineageStore, start: str, direction: Direction, depth: int | None, expected: set[str]
) -> None:
    put_graph(store, [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e")])
    assert reached(store, start, direction, depth) == expected


def test_cycles_end(store: LineageStore) -> None:
    put_graph(store, [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")])
    assert reached(store, "b", DOWN) == {"ab", "bc", "ca", "cd"}
    assert reached(store, "b", DOWN, 50) == {"ab", "bc", "ca", "cd"}
    assert reached(store, "d", UP) == {"ab", "bc", "ca", "cd"}


def test_two_jobs_on_one_edge_are_two_edges(store: LineageStore) -> None:
    for job in ("one", "two"):
        put(store, run_event(job, "COMPLETE", 0, job=job, inputs=["a"], outputs=["b"]))
    found = store.incident([ds("a").key], EdgeKind.FEEDS, DOWN)
    assert {edge.job for edge in found} == {nodes.job("ns", "one").key, nodes.job("ns", "two").key}
    assert len(store.closure([ds("a").key], EdgeKind.FEEDS, DOWN)) == 2


def test_incident_edges_are_those_that_leave_or_enter(store: LineageStore) -> None:
    put_graph(store, [("a", "b"), ("b", "c"), ("c", "d")])
    keys = [ds("b").key, ds("b").key, ds("c").key]

    def names(direction: Direction) -> list[str]:
        found = store.incident(keys, EdgeKind.FEEDS, direction)
        known = store.nodes({key for edge in found for key in (edge.source, edge.target)})
        return sorted(known[edge.source].name + known[edge.target].name for edge in found)

    assert names(DOWN) == ["bc", "cd"]
    assert names(UP) == ["ab", "bc"]


@pytest.mark.parametrize(
    "length",
    [2_000, pytest.param(20_000, marks=pytest.mark.slow), pytest.param(100_000, marks=pytest.mark.long)],
)
def test_a_long_chain_is_walked_to_its_end(store: LineageStore, length: int) -> None:
    put_graph(store, [(f"c{number}", f"c{number + 1}") for number in range(length)])
    assert len(store.closure([ds("c0").key], EdgeKind.FEEDS, DOWN)) == length
    assert len(store.closure([ds(f"c{length}").key], EdgeKind.FEEDS, UP, 500)) == 500


def test_a_ladder_of_millions_of_paths_is_walked_once(store: LineageStore) -> None:
    rungs = [(f"l{rung}", f"l{rung + 1}") for rung in range(22)]
    put_graph(store, [(a + x, b + y) for a, b in rungs for x, y in itertools.product("ab", "ab")])
    for depth in (None, 1000):
        began = time.perf_counter()
        assert len(store.closure([ds("l0a").key], EdgeKind.FEEDS, DOWN, depth)) == 22 * 4 - 2
        assert time.perf_counter() - began < 1, "2^22 paths were walked one by one"


def test_names_match_whole_or_by_their_end(store: LineageStore) -> None:
    for name in ("shop.public.orders", "lake/orders", "public.orders", "reorders", "orders.csv"):
        put(store, dataset_event(0, name))
    put(store, run_event("r", "COMPLETE", 0, job="load.orders"))

    def found(name: str, *types: NodeType) -> list[str]:
        return [node.name for node in store.named(name, types or [NodeType.DATASET])]

    assert found("orders") == ["lake/orders", "public.orders", "shop.public.orders"]
    assert found("public.orders") == ["public.orders"], "a whole name goes before endings"
    assert found("orders", NodeType.DATASET, NodeType.JOB) == [
        "lake/orders",
        "load.orders",
        "public.orders",
        "shop.public.orders",
    ]
    assert found("orders", NodeType.JOB) == ["load.orders"]
    assert found("rders") == []
    assert found("%") == []


def test_nodes_are_looked_up_by_identity(store: LineageStore) -> None:
    put(store, run_event("r", "COMPLETE", 0, outputs=[dataset("t", schema=schema("x"))]))
    for node in (ds("t"), nodes.field("ns", "t", "x"), nodes.job("ns", "job")):
        assert store.lookup(node) == node
    for node in (ds("job"), nodes.field("ns", "t", "y"), nodes.job("ns", "t"), ds("T")):
        assert store.lookup(node) is None
    assert store.nodes([ds("t").key, 42]) == {ds("t").key: ds("t")}


def test_all_nodes_come_in_pages_of_key_order(store: LineageStore) -> None:
    put(
        store,
        *(run_event("r", "RUNNING", n, outputs=[dataset(f"d{n}", schema=schema("x"))]) for n in range(9)),
    )
    for types in ([NodeType.DATASET], [NodeType.JOB, NodeType.FIELD], list(NodeType)):
        pages, after = [], -1
        while page := store.all_nodes(types, after=after, limit=4):
            assert len(page) <= 4
            pages += page
            after = page[-1][0]
        assert [key for key, _ in pages] == sorted(key for key, _ in pages)
        assert all(node.key == key for key, node in pages)
        expected = {NodeType.DATASET: 9, NodeType.FIELD: 9, NodeType.JOB: 1}
        assert len(pages) == sum(expected[type_] for type_ in types)


def test_runs_come_latest_first_in_pages(store: LineageStore) -> None:
    for number in range(7):
        time = (0, 5, 5, 5, 9, 9, 20)[number]
        put(store, run_event(f"r{number}", "START", time, job=f"job{number % 2}"))
    put(store, run_event("r3", "FAIL", 30, job="job1"))
    whole = store.runs()
    assert [run.started_at for run in whole] == sorted((run.started_at for run in whole), reverse=True)
    paged, after = [], None
    while page := store.runs(after=after, limit=2):
        paged += page
        after = page[-1].run_id
    assert paged == whole
    assert len(whole) == 7
    job1 = nodes.job("ns", "job1").key
    assert {run.job_name for run in store.runs(jobs=[job1])} == {"job1"}
    assert [run.run_id for run in store.runs(states=[RunState.FAIL, RunState.ABORT])] == [run_id("r3")]
    assert store.runs(jobs=[job1], states=[RunState.COMPLETE]) == []
    with pytest.raises(InvalidQueryError, match="no run has the id 'nothing'"):
        store.runs(after="nothing")


def test_a_key_that_stands_for_two_identities_is_refused(
    store: LineageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, dataset_event(0, "a"))
    with open_store(store.location) as again:  # type: ignore[attr-defined]
        again._db.execute("UPDATE node SET name = 'other', reversed = 'rehto'")
    line = json.dumps(dataset_event(1, "a", schema=schema("x"))).encode()
    with pytest.raises(OSError, match="have the same key"):
        ingest(store, [line])
    assert store.counts().events == 1
