"""What another backend gets of SQL: the event, completed once with its datasets and columns."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from receiver import Receiver

from graph import open_store
from graph.ingest import derive, ingest
from graph.ingest.decode import decode
from graph.records import EdgeKind
from lineage import Dataset, flush, track_run
from lineage._guard import faults, reraise_faults
from lineage.config import configure
from lineage.event_id import ORIGINAL_TAG, event_id, parse_time
from lineage.outbox import Outbox, open_outbox
from lineage.shipping import ship_once
from lineage.shipping.completion import completed

PG = "postgres://db:5432"
WHERE: dict[str, Any] = {"dialect": "postgres", "namespace": PG, "database": "shop"}
QUERY = "insert into s.c (x) select a.x from s.a where a.k > 1"


def event(query: str = QUERY, event_type: str | None = "COMPLETE", **more: Any) -> dict[str, Any]:
    statement = {"query": query, "dialect": "postgres", "namespace": PG, "database": "shop"}
    facets = {"lineageGraph_statements": {"statements": [statement]}}
    made: dict[str, Any] = {
        "eventTime": "2026-01-01T00:00:00.5+01:00",
        "eventType": event_type,
        "producer": "https://example.com/tests",
        "run": {"runId": "5b1b3c7e-6b0c-4b8e-8d7c-1f0f0a8e2a11", "facets": {}},
        "job": {"namespace": "ns", "name": "job", "facets": facets},
        "inputs": [],
        "outputs": [],
    }
    return {**made, **more}


def as_sent(one: dict[str, Any]) -> dict[str, Any]:
    body = completed(json.dumps(one).encode(), apart=False)
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


def names(datasets: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in datasets]


def tags(one: dict[str, Any], part: str = "run") -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in one[part]["facets"]["tags"]["tags"]}


def test_datasets_and_columns_are_added() -> None:
    sent = as_sent(event())
    assert (names(sent["inputs"]), names(sent["outputs"])) == (["shop.s.a"], ["shop.s.c"])
    facet = sent["outputs"][0]["facets"]["columnLineage"]
    assert facet["fields"]["x"]["inputFields"][0]["field"] == "x"
    assert facet["dataset"][0]["transformations"] == [{"type": "INDIRECT", "subtype": "FILTER"}]
    (entry,) = sent["job"]["facets"]["lineage"]["entries"]
    assert (entry["name"], entry["inputs"][0]["name"]) == ("shop.s.c", "shop.s.a")


def test_what_the_producer_says_stays() -> None:
    said: dict[str, Any] = {"fields": {"_0": {"inputFields": []}}}
    output = {
        "namespace": PG,
        "name": "shop.s.c",
        "facets": {"columnLineage": said, "schema": {"fields": []}},
    }
    one = event(inputs=[{"namespace": "postgresql://DB:5432", "name": "shop.s.a"}], outputs=[output])
    one["run"]["facets"]["tags"] = {"_producer": "p", "tags": [{"key": "team", "value": "x"}]}
    sent = as_sent(one)
    assert sent["inputs"] == one["inputs"]
    assert sent["outputs"] == [output]
    assert tags(sent)["team"] == "x"
    assert sent["run"]["facets"]["tags"]["_producer"] == "p"
    for key in ("eventTime", "eventType", "producer"):
        assert sent[key] == one[key]


@pytest.mark.parametrize("event_type", ["START", "FAIL", "ABORT"])
def test_outputs_are_claimed_by_what_has_written_them(event_type: str) -> None:
    sent = as_sent(event(event_type=event_type))
    assert (names(sent["inputs"]), sent["outputs"]) == (["shop.s.a"], [])
    assert "lineage" not in sent["job"]["facets"]


def test_of_what_failed_no_outputs_are_claimed_whatever_the_type_of_its_event() -> None:
    run = {**event()["run"], "facets": {"errorMessage": {"message": "no", "programmingLanguage": "PYTHON"}}}
    sent = as_sent(event(event_type="OTHER", run=run))
    assert (names(sent["inputs"]), sent["outputs"]) == (["shop.s.a"], [])
    assert names(as_sent(event(event_type="OTHER"))["outputs"]) == ["shop.s.c"], "a commit after the end"


def test_an_output_of_unknown_making_leaves_the_lineage_facet_out() -> None:
    sent = as_sent(event(outputs=[{"namespace": "s3://lake", "name": "report"}]))
    assert "lineage" not in sent["job"]["facets"]
    assert names(sent["outputs"]) == ["report", "shop.s.c"]


def test_a_lineage_facet_gets_the_outputs_that_it_leaves_out() -> None:
    one = event("insert into s.c (x) select x from s.a; insert into s.d (x) select x from s.b")
    entry = {"type": "DATASET", "namespace": PG, "name": "shop.s.c", "inputs": []}
    one["job"]["facets"]["lineage"] = {"_producer": "p", "entries": [entry]}
    facet = as_sent(one)["job"]["facets"]["lineage"]
    assert facet["entries"][0] == entry
    assert (names(facet["entries"]), facet["_producer"]) == (["shop.s.c", "shop.s.d"], "p")


def test_a_tag_names_the_original_and_a_store_takes_both_as_one() -> None:
    one = event()
    original = json.dumps(one).encode()
    sent = json.dumps(as_sent(one)).encode()
    time = parse_time(one["eventTime"])
    assert time is not None
    assert tags(json.loads(sent)) == {ORIGINAL_TAG: event_id(one, time).hex()}
    assert decode(sent).event_id == decode(original).event_id
    graphs = []
    for bodies in ([original, sent], [sent, original]):
        with closing(open_store(":memory:")) as store:
            counts = ingest(store, bodies)
            assert (counts.accepted, counts.duplicate) == (1, 1)
            derive(store)
            graphs.append({kind: {(e.source, e.target) for e in store.edges(kind)} for kind in EdgeKind})
    assert graphs[0] == graphs[1]


def test_a_declared_job_has_the_tag_itself() -> None:
    one = event(event_type=None)
    del one["run"], one["eventType"]
    sent = as_sent(one)
    assert list(tags(sent, "job")) == [ORIGINAL_TAG]
    assert names(sent["outputs"]) == ["shop.s.c"]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"job": null}',
        b'{"job": {"facets": {"sql": null}}}',
        json.dumps(event("select 1")).encode(),
        json.dumps(event("selec nonsense")).encode(),
        json.dumps(event(eventTime="never")).encode(),
        json.dumps(as_sent(event())).encode(),
    ],
)
def test_an_event_to_which_nothing_can_be_added_goes_as_it_is(body: bytes) -> None:
    assert completed(body, apart=False) is None


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def outbox(backend: Receiver) -> Outbox:
    config = configure(destination={"type": "http", "url": backend.url, "timeout": 0.5})
    return open_outbox(config.outbox, config.destination)


def ship() -> Any:
    from lineage.config import current_config

    return ship_once(current_config().destination, current_config())


def test_the_shipper_sends_the_completed_event(backend: Receiver, outbox: Outbox) -> None:
    outbox.append(json.dumps(event()).encode())
    outbox.append(b'{"name": "other"}')
    assert ship().sent == 2
    sent = [json.loads(body) for body in backend.events]
    assert names(sent[0]["outputs"]) == ["shop.s.c"]
    assert sent[1] == {"name": "other"}


def test_every_attempt_sends_the_same(
    backend: Receiver, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.append(json.dumps(event()).encode())
    backend.mode = "500"
    ship()
    (waiting,) = outbox.waiting(10, now=4e9)
    assert waiting.completed is not None
    assert json.loads(waiting.body) == event()

    def again(*_: object, **__: object) -> None:
        raise AssertionError("completed twice")

    monkeypatch.setattr("lineage.shipping.completion.completed", again)
    backend.mode = "ok"
    outbox.postpone([waiting.seq], 1.0, "at once")
    assert ship().sent == 1
    assert [json.loads(body) for body in backend.events] == [json.loads(waiting.completed)]


def test_a_fault_in_completing_sends_the_event_as_it_is(
    backend: Receiver, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("lineage.shipping.completion.completed", broken)
    reraise_faults(False)
    outbox.append(json.dumps(event()).encode())
    assert ship().sent == 1
    assert json.loads(backend.events[0]) == event()
    assert faults["completing an event with the lineage of its SQL"]


def test_the_embedded_store_gets_the_event_as_it_was_emitted(outbox: Outbox) -> None:
    outbox.append(json.dumps(event()).encode())
    outbox.complete({outbox.waiting(1)[0].seq: b"{}"})
    assert json.loads(outbox.waiting(1)[0].body) == event()


def test_a_watched_program_completes_in_its_shipper_and_starts_no_process(backend: Receiver) -> None:
    configure(destination={"type": "http", "url": backend.url, "timeout": 5})
    limit, stack = sys.getrecursionlimit(), threading.stack_size()
    with track_run("load") as run:
        run.input(Dataset(PG, "shop.s.a", schema=["x", "y"]))
        run.sql("create table s.c as select * from s.a", **WHERE)
        run.sql("insert into s.d (x) values (" + "(" * 300 + "1" + ")" * 300 + ")", **WHERE)
    assert flush(10)
    end = next(one for one in map(json.loads, backend.events) if one["eventType"] == "COMPLETE")
    (columns,) = [
        one["facets"]["columnLineage"]["fields"] for one in end["outputs"] if one["name"] == "shop.s.c"
    ]
    assert set(columns) == {"x", "y"}
    assert (sys.getrecursionlimit(), threading.stack_size()) == (limit, stack)
    assert multiprocessing.active_children() == []
