"""Odd input: taken in where the specification can bear it, else rejected with the reason; on both engines."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from made_events import dataset, dataset_event, edges, feeds, job_event, put, run_event, schema

from graph import nodes
from graph.ingest import IngestCounts, derive, ingest, rebuild
from graph.ingest.batch import apply_bodies
from graph.nodes import NodeType
from graph.queries import downstream
from graph.records import EdgeKind, RunState
from graph.store import LineageStore
from graph.store.changes import Status
from graph.store.queries import QueryFilter

WHOLE = run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["b"])


def named(namespace: str, name: str) -> dict[str, Any]:
    return {**WHOLE, "outputs": [dataset(name, namespace)]}


def in_run(run_id: Any) -> dict[str, Any]:
    return {**WHOLE, "run": {"runId": run_id}}


ODD_NAMES = [
    ("arn:aws:glue:eu-west-1:1", "table/db/t"),
    ("postgres://h:5432", "db.s.a:b"),
    ("ns", "struct<a:bigint,b:array<int>>"),
    ("ns", "two\nlines\tand a tab"),
    ("ns, with commas; and spaces", "a, b"),
    ("ns", "Ärger_数据_🚀"),
    ("ns", "a\u0301 beside \u00e1"),
    ("ns#?%", "50%_of' it\"s \\ x"),
    ("ns", "e\u200bmpty?"),
    ("ns", "x" * 2_498),
    ("n" * 1_250, "\N{SNOWMAN}" * 416),
]


@pytest.mark.parametrize(("namespace", "name"), ODD_NAMES)
def test_any_text_can_be_a_name(store: LineageStore, namespace: str, name: str) -> None:
    """Colons, commas, newlines, unicode, long ones; they are found again by id and by name."""
    put(store, named(namespace, name))
    node = nodes.dataset(namespace, name)
    assert store.lookup(node) == node
    assert store.named(name, [NodeType.DATASET]) == [node]
    assert node in {each.node for each in downstream(store, "dataset:ns:a").nodes}
    assert downstream(store, node.id).query["node"] == node.id
    assert [json.loads(body) for _, body in store.bodies()] == [named(namespace, name)]


ODD_EVENTS = {
    "a run id that is no UUID": in_run("manual__2026-01-01T00:00:00+00:00"),
    "a run id of sixteen bytes": in_run("sixteen-bytes-id"),
    "a UUID in capitals": in_run("0190E3A0-0000-7000-8000-00000000ABCD"),
    "a time without a zone": {**WHOLE, "eventTime": "2026-01-01T00:00:00"},
    "nanoseconds": {**WHOLE, "eventTime": "2026-01-01T00:00:00.123456789Z"},
    "a time with a far zone": {**WHOLE, "eventTime": "2026-01-01T14:00:00+14:00"},
    "nulls for lists": {**WHOLE, "inputs": None, "outputs": None},
    "null facets": {**WHOLE, "job": {**WHOLE["job"], "facets": {"sql": None}}, "producer": None},
    "no schemaURL and no producer": {k: v for k, v in WHOLE.items() if k not in ("schemaURL", "producer")},
    "no eventType": {k: v for k, v in WHOLE.items() if k != "eventType"},
    "an eventType in small letters": {**WHOLE, "eventType": "complete"},
    "unknown keys everywhere": {**WHOLE, "extra": {"x": [1, None]}, "job": {**WHOLE["job"], "id": 7}},
    "numbers beyond 64 bits": {**WHOLE, "extra": 10**30, "fraction": 1e300},
    "a facet with a NUL": {**WHOLE, "outputs": [dataset("b", documentation={"description": "a\0b"})]},
    "a field with a NUL": {**WHOLE, "outputs": [dataset("b", schema=schema("x\0y", "z"))]},
    "an error with a NUL": run_event("r", "FAIL", 0, run_facets={"errorMessage": {"message": "a\0b"}}),
    "SQL with a NUL": {**WHOLE, "job": {**WHOLE["job"], "facets": {"sql": {"query": "select '\0'"}}}},
    "facets of the wrong kind": {
        **WHOLE,
        "outputs": [dataset("b", schema=[1], columnLineage="x", symlinks=3)],
    },
    "a parent without a name": run_event("r", "START", 0, run_facets={"parent": {"run": {}, "job": {}}}),
    "a dataset twice": {**WHOLE, "inputs": [dataset("a"), dataset("a", schema=schema("x"))]},
    "a job event": job_event(0, inputs=["a"], outputs=["b"]),
    "a dataset event": dataset_event(0, "a", schema=schema("x")),
}


@pytest.mark.parametrize("event", ODD_EVENTS.values(), ids=ODD_EVENTS.keys())
def test_odd_events_are_taken_in_as_they_are(store: LineageStore, event: dict[str, Any]) -> None:
    """Given back equal as JSON values, and what can be read of them can be asked for."""
    put(store, event)
    assert [json.loads(body) for _, body in store.bodies()] == [event]
    assert store.dead_letters() == []
    for run in store.runs():
        assert run.run_id == event["run"]["runId"]
    for _, node in store.all_nodes(list(NodeType)):
        assert store.lookup(node) == node
        if node.type is NodeType.DATASET:
            store.fields(node)
    store.facets([nodes.dataset("ns", "b").key], "documentation")


def lone(event: dict[str, Any]) -> bytes:
    """Return an event with the escape of half a character wherever it says LONE."""
    return json.dumps(event).replace("LONE", "\\ud800").encode()


def incompressible(size: int) -> str:
    """A name that no database makes smaller in its indexes."""
    return "".join(Random(size).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=size))


TOO_LONG = incompressible(2_499)
LONGEST = incompressible(2_498)


def with_facet(**facets: Any) -> dict[str, Any]:
    return {**WHOLE, "outputs": [dataset("b", **facets)]}


def under(namespace: str, job: str) -> dict[str, Any]:
    parent = {"run": {"runId": "r0"}, "job": {"namespace": namespace, "name": job}}
    return run_event("r", "COMPLETE", 0, run_facets={"parent": parent})


LONG = {
    "a long name": named("ns", TOO_LONG),
    "a long namespace": named(TOO_LONG, "ns"),
    "a long job": {**WHOLE, "job": {"namespace": "ns", "name": TOO_LONG}},
    "a name of two bytes a character": named("ns", "\u00e4" * 1_250),
    "a long symlink": with_facet(symlinks={"identifiers": [{"namespace": "ns", "name": TOO_LONG}]}),
    "a long name before": with_facet(
        lifecycleStateChange={
            "lifecycleStateChange": "RENAME",
            "previousIdentifier": {"namespace": "ns", "name": TOO_LONG},
        }
    ),
    "a long parent": under("ns", TOO_LONG),
}


@pytest.mark.parametrize("event", LONG.values(), ids=LONG.keys())
def test_names_that_no_index_can_hold_are_rejected_on_every_engine(
    store: LineageStore, event: dict[str, Any]
) -> None:
    assert ingest(store, [json.dumps(event).encode()]) == IngestCounts(rejected=1)
    (letter,) = store.dead_letters()
    (reason,) = letter.reasons
    assert reason.endswith("bytes together, at most 2500 can be kept")


def test_names_as_long_as_can_be_are_taken_in(store: LineageStore) -> None:
    """Of datasets, jobs, symlinks, parents and names before; on both engines they are found again."""
    symlinks = {"identifiers": [{"namespace": "ln", "name": LONGEST}]}
    previous = {"namespace": "pr", "name": LONGEST}
    renamed = {"lifecycleStateChange": "RENAME", "previousIdentifier": previous}
    put(
        store,
        {**under("ns", LONGEST[::-1]), "job": {"namespace": "ns", "name": LONGEST}},
        named("ns", LONGEST),
        {**WHOLE, "outputs": [dataset("b", symlinks=symlinks, lifecycleStateChange=renamed)]},
    )
    assert store.lookup(nodes.dataset("ns", LONGEST)) == nodes.dataset("ns", LONGEST)
    for namespace in ("ln", "pr"):
        assert store.lookup(nodes.dataset(namespace, LONGEST)) == nodes.dataset("ns", "b")
    assert set(store.named(LONGEST, [NodeType.DATASET, NodeType.JOB])) == {
        nodes.dataset("ns", LONGEST),
        nodes.dataset("ns", "b"),
        nodes.job("ns", LONGEST),
    }


def test_what_facets_and_sql_name_too_long_is_left_out(store: LineageStore) -> None:
    made_of = [{"namespace": "ns", "name": name, "field": "x"} for name in (TOO_LONG, "a")]
    query = f"INSERT INTO b SELECT x FROM a JOIN {TOO_LONG} USING (x)"
    put(
        store,
        {
            **run_event("r", "COMPLETE", 0, job_facets={"sql": {"query": query}}, inputs=["a"]),
            "outputs": [dataset("b", columnLineage={"fields": {"y": {"inputFields": made_of}}})],
        },
    )
    assert derive(store).complete
    assert feeds(store) == {"a -> b"}
    assert "a.x -> b.y" in edges(store, EdgeKind.FIELD)


def test_a_facet_with_a_long_name_is_kept_in_the_log_alone(store: LineageStore) -> None:
    name = incompressible(1_001)
    event = with_facet(**{name: {"a": 1}, "documentation": {"description": "said"}})
    (outcome,) = apply_bodies(store, [json.dumps(event).encode()])
    assert outcome.status is Status.ACCEPTED
    assert [name[:60] in each for each in outcome.problems] == [True]
    b = nodes.dataset("ns", "b").key
    assert store.facets([b], "documentation") == {b: {"description": "said"}}
    assert store.facets([b], name) == {}
    assert [json.loads(body) for _, body in store.bodies()] == [event]
    rebuild(store)
    assert store.facets([b], "documentation") == {b: {"description": "said"}}


@pytest.mark.parametrize("character", ["x", "\N{SNOWMAN}", "\N{ROCKET}"])
def test_long_words_of_queries_are_cut(store: LineageStore, character: str) -> None:
    """Services, operations, actors and agents: what an index can hold of them is kept."""
    word = "".join(character + each for each in incompressible(1_500))
    entry = {
        "fingerprint": word,
        "operation": word,
        "actors": [word],
        "agents": [word],
        "counts": {"count": 1},
    }
    facet = {"service": word, "queries": [entry]}
    put(store, run_event("r", "COMPLETE", 0, run_facets={"lineageGraph_queryAttribution": facet}))
    (record,) = store.queries(QueryFilter())
    assert word.startswith(record.kind.service)
    assert 500 < len(record.kind.service) <= 1_000
    assert record.kind.operation == record.kind.service
    assert record.kind.fingerprint == "unknown"
    assert store.queries(QueryFilter(service=record.kind.service))


REJECTED = {
    "an empty namespace": (json.dumps(named("", "b")).encode(), 'outputs[0].namespace is "", not a name'),
    "a blank name": (json.dumps(named("ns", " \n")).encode(), "outputs[0].name is"),
    "a name with a NUL": (json.dumps(named("ns", "a\0b")).encode(), "outputs[0].name is"),
    "a namespace with a NUL": (json.dumps(named("n\0s", "b")).encode(), "outputs[0].namespace is"),
    "a run id with a NUL": (json.dumps(in_run("a\0b")).encode(), "run.runId is"),
    "an empty run id": (json.dumps(in_run("")).encode(), "run.runId is"),
    "a number as a run id": (json.dumps(in_run(7)).encode(), "run.runId is 7"),
    "half a character": (lone(named("ns", "LONE")), "not JSON"),
    "bytes that are no text": (b'{"eventTime": "\xff"}', "not UTF-8"),
    "no time": (
        json.dumps({k: v for k, v in WHOLE.items() if k != "eventTime"}).encode(),
        "eventTime is missing",
    ),
    "a time out of range": (json.dumps({**WHOLE, "eventTime": "9999-01-01T00:00:00Z"}).encode(), "eventTime"),
    "nesting without end": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deep"),
    "half an event": (json.dumps(WHOLE).encode()[:-1], "not JSON"),
}


@pytest.mark.parametrize(("body", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_what_cannot_be_borne_is_a_dead_letter_with_the_reason(
    store: LineageStore, body: bytes, reason: str
) -> None:
    """Kept byte by byte, and the event beside it is taken in."""
    whole = json.dumps(WHOLE).encode()
    assert ingest(store, [whole, body]) == IngestCounts(accepted=1, rejected=1)
    (letter,) = store.dead_letters()
    assert letter.body == body
    assert any(each.startswith(reason) for each in letter.reasons), letter.reasons
    assert feeds(store) == {"a -> b"}


def test_an_event_of_twenty_megabytes_is_an_event(store: LineageStore) -> None:
    """One plan of Spark can be so large; the columns of its dataset are found."""
    columns = schema(*(f"column_{number}" for number in range(2_000)))
    plan = {"plan": [f"node {number} " + "x" * 200 for number in range(90_000)]}
    event = run_event(
        "r", "COMPLETE", 0, outputs=[dataset("b", schema=columns)], run_facets={"spark_plan": plan}
    )
    body = json.dumps(event).encode()
    assert len(body) > 19_000_000
    assert ingest(store, [body]) == IngestCounts(accepted=1)
    assert len(store.fields(nodes.dataset("ns", "b"))) == 2_000
    ((_, kept),) = store.bodies()
    assert json.loads(kept) == event


@pytest.mark.parametrize("kind", ["STREAMING", "SERVICE"])
@pytest.mark.parametrize("between", ["RUNNING", "OTHER", None])
def test_a_job_without_an_end_shows_all_it_said(store: LineageStore, kind: str, between: str | None) -> None:
    """Streaming and service jobs; RUNNING and OTHER at any time, before START, after the end."""
    facets = {"jobType": {"processingType": kind, "integration": "FLINK"}}
    put(store, run_event("r", between, 1, inputs=["late"], job_facets=facets))
    put(store, run_event("r", "START", 5, inputs=["a"], job_facets=facets))
    put(store, run_event("r", between, 9, outputs=["b"], job_facets=facets))
    assert feeds(store) == {"a -> b", "late -> b"}
    (run,) = store.runs()
    assert (run.state, run.ended_at) == (RunState.RUNNING, None)
    put(store, run_event("r", "COMPLETE", 20, job_facets=facets))
    put(store, run_event("r", between, 30, inputs=["after"], job_facets=facets))
    (run,) = store.runs()
    assert run.state is RunState.COMPLETE
    assert feeds(store) == {"a -> b", "late -> b", "after -> b"}
