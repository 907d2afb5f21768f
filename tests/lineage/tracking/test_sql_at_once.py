"""`run.sql(..., extract=True)`: tables and columns are in the run's own events."""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
from contextlib import closing
from typing import Any

import event_schemas
import pytest

from graph import open_store
from graph.ingest import derive, ingest
from graph.records import EdgeKind
from lineage import Dataset, track_run
from lineage._guard import reraise_faults
from lineage.testing import CapturedEvents

PG = "postgres://db:5432"
WHERE: dict[str, Any] = {"dialect": "postgres", "namespace": PG, "database": "shop"}


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"namespace": PG, "name": name, **more}


def names(datasets: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in datasets]


def columns(event: dict[str, Any], place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = event["outputs"][place]["facets"]["columnLineage"]
    return found


def test_columns_and_datasets_are_in_the_event(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.sql(
            "insert into mart.sales (day, total) select o.day, sum(o.amount) from raw.orders o"
            " where o.status = 'paid' group by o.day",
            **WHERE,
            extract=True,
        )
    event = lineage_events[-1]
    assert (names(event["inputs"]), names(event["outputs"])) == (["shop.raw.orders"], ["shop.mart.sales"])
    facet = columns(event)
    assert facet["fields"]["total"]["inputFields"] == [
        named(
            "shop.raw.orders",
            field="amount",
            transformations=[{"type": "DIRECT", "subtype": "AGGREGATION", "description": "SUM(o.amount)"}],
        )
    ]
    assert {(one["field"], one["transformations"][0]["subtype"]) for one in facet["dataset"]} == {
        ("status", "FILTER"),
        ("day", "GROUP_BY"),
    }
    (entry,) = event["job"]["facets"]["lineage"]["entries"]
    assert (entry["name"], names(entry["inputs"])[0]) == ("shop.mart.sales", "shop.raw.orders")
    assert entry["fields"]["day"]["inputs"][0]["field"] == "day"
    assert list(event_schemas.problems(event)) == []
    assert "lineageGraph_statements" in event["job"]["facets"]


def test_outputs_and_their_lineage_are_claimed_by_the_end_only(lineage_events: CapturedEvents) -> None:
    def load() -> None:
        with track_run("load") as run:
            run.sql("insert into s.c (x) select x from s.a", **WHERE, extract=True)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        load()
    event = lineage_events[-1]
    assert (event["eventType"], names(event["inputs"]), event["outputs"]) == ("FAIL", ["shop.s.a"], [])
    assert "lineage" not in event["job"]["facets"]


def test_no_value_of_the_statement_is_in_the_event(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.sql(
            "insert into s.c (x, y) select case when a.mail = 'bob@corp.example' then 4711 end, md5(a.mail)"
            " from s.a where a.secret = 'hunter2'",
            **WHERE,
            extract=True,
        )
    text = json.dumps(lineage_events)
    assert not any(value in text for value in ("bob@corp", "4711", "hunter2"))
    (how,) = columns(lineage_events[-1])["fields"]["y"]["inputFields"][0]["transformations"]
    assert how["masking"] is True


def test_schemas_of_the_run_expand_a_star(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.input(Dataset(PG, "shop.s.a", schema=["x", "y"]))
        run.sql("create table s.c as select * from s.a", **WHERE, extract=True)
    assert set(columns(lineage_events[-1])["fields"]) == {"x", "y"}


def test_a_star_that_nothing_expands_leaves_the_columns_to_the_backend(
    lineage_events: CapturedEvents,
) -> None:
    with track_run("load") as run:
        run.sql("create table s.c as select * from s.a where k > 1", **WHERE, extract=True)
    event = lineage_events[-1]
    assert "columnLineage" not in event["outputs"][0]["facets"]
    (entry,) = event["job"]["facets"]["lineage"]["entries"]
    assert entry["inputs"] == [{"type": "DATASET", **named("shop.s.a")}]
    assert "fields" not in entry
    known = {"eventType": "COMPLETE", "outputs": [], "inputs": [named("shop.s.a", facets={})]}
    known["inputs"][0]["facets"] = {"schema": {"fields": [{"name": "x"}]}}  # type: ignore[index]
    later = {**event, **known, "run": {"runId": event["run"]["runId"]}, "job": {**event["job"], "name": "j"}}
    later["job"]["facets"] = {}
    with closing(open_store(":memory:")) as store:
        ingest(store, [json.dumps(one).encode() for one in (event, later)])
        derive(store)
        direct = [e for e in store.edges(EdgeKind.FIELD) if e.transformation.type == "DIRECT"]  # type: ignore[union-attr]
        assert len(direct) == 1


def test_temporary_tables_of_the_run_are_what_they_were_made_from(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.sql("create temp table t as select o.id, o.amount from raw.orders o", **WHERE, extract=True)
        run.sql("insert into s.c (x) select sum(amount) from t", **WHERE, extract=True)
    event = lineage_events[-1]
    assert (names(event["inputs"]), names(event["outputs"])) == (["shop.raw.orders"], ["shop.s.c"])
    (source,) = columns(event)["fields"]["x"]["inputFields"]
    assert (source["name"], source["field"]) == ("shop.raw.orders", "amount")


def test_two_statements_give_no_edge_between_their_tables(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.sql("insert into s.c (x) select x from s.a", **WHERE, extract=True)
        run.sql("insert into s.d (x) select x from s.b", **WHERE, extract=True)
        run.output_statistics(row_count=3)
    event = lineage_events[-1]
    entries = event["job"]["facets"]["lineage"]["entries"]
    assert {(one["name"], *names(one["inputs"])) for one in entries} == {
        ("shop.s.c", "shop.s.a"),
        ("shop.s.d", "shop.s.b"),
    }
    statistics = event["run"]["facets"]["lineageGraph_outputStatistics"]["statistics"]
    assert statistics == [{"statement": 1, "rowCount": 3}]


def test_no_lineage_facet_where_the_run_has_outputs_of_unknown_making(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.sql("insert into s.c (x) select x from s.a", **WHERE, extract=True)
        run.output("s3://lake/report")
    event = lineage_events[-1]
    assert "lineage" not in event["job"]["facets"]
    assert "x" in columns(event)["fields"]


def test_what_is_said_of_columns_by_hand_stands_beside_what_is_read(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.sql("insert into s.c (x) select x from s.a", **WHERE, extract=True)
        run.column_lineage(Dataset(PG, "shop.s.c"), "y", [(Dataset(PG, "shop.s.b"), "y")])
    event = lineage_events[-1]
    assert set(columns(event)["fields"]) == {"x", "y"}
    (entry,) = event["job"]["facets"]["lineage"]["entries"]
    assert set(names(entry["inputs"])) == {"shop.s.a", "shop.s.b"}


def test_by_default_nothing_is_read(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.sql("insert into s.c (x) select x from s.a", **WHERE)
    assert (lineage_events[-1]["inputs"], lineage_events[-1]["outputs"]) == ([], [])


@pytest.mark.parametrize("text", ["selec nonsense from", "(" * 20_000, "select " + "f(" * 5_000, ""])
def test_sql_that_cannot_be_read_is_recorded_all_the_same(lineage_events: CapturedEvents, text: str) -> None:
    with track_run("load") as run:
        run.sql(text, **WHERE, extract=True)
        run.sql("insert into s.c (x) select x from s.a", **WHERE, extract=True)
    event = lineage_events[-1]
    assert event["eventType"] == "COMPLETE"
    assert names(event["outputs"]) == ["shop.s.c"]
    assert len(event["job"]["facets"]["lineageGraph_statements"]["statements"]) == 2


def test_a_fault_while_reading_reaches_nobody(
    lineage_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("lineage.sql.named.named_statements", broken)
    reraise_faults(False)
    with track_run("load") as run:
        run.sql("insert into s.c (x) select x from s.a", **WHERE, extract=True)
    assert lineage_events[-1]["eventType"] == "COMPLETE"
    assert "lineageGraph_statements" in lineage_events[-1]["job"]["facets"]


def test_the_watched_process_stays_as_it_is(lineage_events: CapturedEvents) -> None:
    before = (sys.getrecursionlimit(), threading.stack_size(), threading.active_count())
    with track_run("load") as run:
        run.sql(
            "insert into s.c (x) select " + "(" * 400 + "x" + ")" * 400 + " from s.a", **WHERE, extract=True
        )
    assert (sys.getrecursionlimit(), threading.stack_size(), threading.active_count()) == before
    assert multiprocessing.active_children() == []


def test_the_backend_gives_the_same_graph_as_if_it_had_read_the_sql(lineage_events: CapturedEvents) -> None:
    query = (
        "insert into mart.sales (day, total) select o.day, sum(o.amount) from raw.orders o"
        " where o.status = 'paid' group by o.day"
    )
    for extract in (True, False):
        with track_run("load") as run:
            run.sql(query, **WHERE, extract=extract)
    graphs = []
    for event in (lineage_events[1], lineage_events[3]):
        with closing(open_store(":memory:")) as store:
            ingest(store, [json.dumps(event).encode()])
            derive(store)
            graphs.append(
                {
                    kind: {(e.source, e.target, e.transformation) for e in store.edges(kind)}
                    for kind in EdgeKind
                }
            )
    assert graphs[0] == graphs[1]
    assert graphs[0][EdgeKind.FIELD]
