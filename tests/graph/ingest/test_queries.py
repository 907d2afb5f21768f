"""The queries of a run: from the facet to rows that questions can be asked of."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from made_events import at, edges, put, run_event

from graph.ingest import derive, ingest
from graph.nodes import dataset, field
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store.queries import QueryFilter, QueryRecord, Use

PG = "postgres://warehouse:5432"
FINGERPRINT = "sha256:" + "a" * 64
ORDERS = "SELECT id, total FROM s.orders WHERE status = '?'"


def entry(statement: int | None = 0, count: int = 1, **more: Any) -> dict[str, Any]:
    counts = {"count": count, "errors": 0, "cancelled": 0, "totalDurationMs": 1.5, "maxDurationMs": 1.5}
    said = {"fingerprint": FINGERPRINT, "counts": counts, **more}
    return said if statement is None else {**said, "statement": statement}


def told(
    run: str,
    time: int | str,
    *entries: dict[str, Any],
    statements: tuple[str, ...] = (ORDERS,),
    window: bool = False,
    job: str = "shop.GET /orders",
    event_type: str = "COMPLETE",
    currency: Any = None,
) -> dict[str, Any]:
    listed = [
        {"query": one, "dialect": "postgres", "namespace": PG, "database": "shop"} for one in statements
    ]
    facets: dict[str, Any] = {"lineageGraph_statements": {"statements": listed}}
    if window:
        facets["jobType"] = {"processingType": "SERVICE", "jobType": "OPERATION"}
    facet = {"service": "shop", "environment": "test", "queries": list(entries), "currency": currency}
    run_facets = {"lineageGraph_queryAttribution": facet}
    return run_event(run, event_type, time, job=job, job_facets=facets, run_facets=run_facets)


def found(store: LineageStore, **asked: Any) -> list[QueryRecord]:
    derive(store)
    return store.queries(QueryFilter(**asked))


def test_an_entry_becomes_a_row_with_all_that_it_says(store: LineageStore) -> None:
    said = entry(
        operation="GET /orders",
        dbSystem="postgresql",
        client="psycopg",
        dbName="shop",
        query="select id, total from s.orders where status = ?",
        callsite={"path": "/app/orders.py", "line": 7, "function": "load", "stack": "orders:7 load"},
        actors=["anna", "ben"],
        agents=["copilot"],
        requestIds=["r1"],
        traceIds=["t1"],
        queryIds=["q1"],
        startedAt="2026-01-01T00:00:01.000Z",
        endedAt="2026-01-01T00:00:02.000Z",
    )
    said["counts"] |= {"count": 4, "errors": 1, "cancelled": 1, "rows": 0, "bytesRead": 9, "bytesWritten": 3}
    put(store, told("r", 5, said))

    (record,) = found(store)

    kind, counts = record.kind, record.counts
    assert record.job.name == "shop.GET /orders"
    assert (kind.service, kind.environment, kind.operation) == ("shop", "test", "GET /orders")
    assert (kind.db_system, kind.client, kind.db_name) == ("postgresql", "psycopg", "shop")
    assert (kind.path, kind.line, kind.function) == ("/app/orders.py", 7, "load")
    assert (kind.fingerprint, kind.text) == (FINGERPRINT, "select id, total from s.orders where status = ?")
    assert (counts.count, counts.errors, counts.cancelled) == (4, 1, 1)
    assert (counts.total_us, counts.max_us) == (1500, 1500)
    assert (counts.rows, counts.bytes_read, counts.bytes_written) == (0, 9, 3)
    assert record.samples == {
        "actors": ("anna", "ben"),
        "agents": ("copilot",),
        "requestIds": ("r1",),
        "traceIds": ("t1",),
        "queryIds": ("q1",),
    }
    assert record.first == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert record.last == datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert set(record.uses) == {
        (dataset(PG, "shop.s.orders"), Use.READS),
        (field(PG, "shop.s.orders", "id"), Use.VALUE),
        (field(PG, "shop.s.orders", "total"), Use.VALUE),
        (field(PG, "shop.s.orders", "status"), Use.CONDITION),
    }


def test_a_statement_that_writes_tells_what_it_fills_and_what_it_reads(store: LineageStore) -> None:
    put(store, told("r", 5, entry(), statements=("INSERT INTO s.b (x) SELECT y FROM s.a",)))

    (record,) = found(store, entities=frozenset([field(PG, "shop.s.b", "x").key]))

    assert set(record.uses) == {
        (dataset(PG, "shop.s.a"), Use.READS),
        (dataset(PG, "shop.s.b"), Use.WRITES),
        (field(PG, "shop.s.a", "y"), Use.VALUE),
        (field(PG, "shop.s.b", "x"), Use.FILLS),
    }


def test_counts_are_sums_over_runs_and_what_is_not_known_is_not_added_as_none(store: LineageStore) -> None:
    first, second, third = entry(count=2), entry(count=3), entry(count=1)
    first["counts"]["rows"], second["counts"]["rows"] = 5, 0
    put(store, told("a", 1, first), told("b", 2, second), told("c", 3, third))

    (record,) = found(store)

    assert (record.counts.count, record.counts.rows, record.counts.bytes_read, record.runs) == (6, 5, None, 3)
    assert record.counts.total_us == 4500


def priced(cost: Any, **more: Any) -> dict[str, Any]:
    said = entry(**more)
    said["counts"]["cost"] = cost
    return said


def costs(store: LineageStore, **asked: Any) -> dict[str, float]:
    (record,) = found(store, **asked)
    return {one.currency: one.amount for one in record.costs}


def test_what_queries_cost_is_a_sum_over_runs_for_each_currency(store: LineageStore) -> None:
    put(store, *(told(f"r{n}", n, priced(0.1), currency="USD", window=True) for n in range(10)))
    put(store, told("e", 20, priced(2.5), currency="EUR"), told("n", 21, entry(), currency="EUR"))

    assert costs(store) == {"EUR": 2.5, "USD": 1.0}
    assert costs(store, since=datetime(2026, 1, 1, 0, 0, 20, tzinfo=UTC)) == {"EUR": 2.5}


def test_what_is_free_costs_nothing_and_what_is_not_known_is_no_cost(store: LineageStore) -> None:
    put(store, told("free", 1, priced(0), currency="USD"))
    assert costs(store) == {"USD": 0.0}
    put(store, told("free", 2, entry(), currency="USD"))
    assert costs(store) == {}


@pytest.mark.parametrize(
    ("cost", "currency"),
    [(1, None), (1, 7), (1, ""), (-1, "USD"), (True, "USD"), ("1", "USD"), (1e300, "USD"), (None, "USD")],
)
def test_what_is_no_cost_is_passed_over(store: LineageStore, cost: Any, currency: Any) -> None:
    put(store, told("r", 1, priced(cost), currency=currency))

    assert costs(store) == {}


def test_costs_that_nobody_can_pay_are_added_up_nevertheless(store: LineageStore) -> None:
    put(store, *(told(f"r{n}", n, priced(9_000_000), currency="USD") for n in range(1_100)))

    assert costs(store) == {"USD": pytest.approx(9_000_000 * 1_100)}


def test_the_latest_event_of_a_run_counts_and_a_duplicate_changes_nothing(store: LineageStore) -> None:
    """fault 3-12, fault 3-57: events have an identity, and neither their order nor their number matters."""
    early, late = told("r", 1, entry(count=2), event_type="RUNNING"), told("r", 2, entry(count=5))
    put(store, late, early)

    assert [record.counts.count for record in found(store)] == [5]
    assert ingest(store, [json.dumps(late).encode()]).duplicate == 1
    assert [record.counts.count for record in found(store)] == [5]


def test_statements_of_two_places_are_two_queries(store: LineageStore) -> None:
    one = {"path": "/a.py", "line": 1, "function": "f", "stack": ""}
    put(store, told("r", 1, entry(callsite=one), entry(callsite={**one, "line": 2})))

    assert sorted(record.kind.line or 0 for record in found(store)) == [1, 2]


def test_text_that_another_producer_did_not_mask_is_masked(store: LineageStore) -> None:
    put(store, told("r", 1, entry(query="SELECT a FROM s.orders WHERE b = 'secret-77' AND c = 4711")))

    assert [record.kind.text for record in found(store)] == ["select a from s.orders where b = ? and c = ?"]


@pytest.mark.parametrize(
    "facet",
    [
        {"queries": "none"},
        {"queries": [None, 3, {}, {"counts": {}}, {"counts": {"count": -1}}, {"counts": {"count": True}}]},
        {"queries": [{"counts": {"count": 2**70}}]},
    ],
)
def test_what_is_no_entry_is_passed_over(store: LineageStore, facet: dict[str, Any]) -> None:
    put(store, run_event("r", "COMPLETE", 1, run_facets={"lineageGraph_queryAttribution": facet}))

    assert found(store) == []


def test_an_entry_with_strange_values_keeps_what_can_be_kept(store: LineageStore) -> None:
    strange = entry(
        99, operation=7, actors=["x", 3, None, "x"], callsite="here", startedAt="soon", endedAt="later"
    )
    strange["counts"] |= {"totalDurationMs": -1, "errors": 50, "rows": 1.5}
    strange["fingerprint"] = "nonsense"
    put(store, told("r", 1, strange))

    (record,) = found(store)

    assert (record.kind.fingerprint, record.kind.operation, record.kind.path) == ("unknown", None, None)
    counts = record.counts
    assert (counts.count, counts.errors, counts.total_us, counts.rows) == (1, 1, 0, None)
    assert record.samples == {"actors": ("x",)}
    assert record.first == record.last == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert record.uses == ()


def day(number: int, second: int = 0) -> str:
    return at(86_400 * number + second)


def reads(store: LineageStore) -> set[str]:
    derive(store)
    return edges(store, EdgeKind.READS)


def test_a_rare_statement_is_not_pushed_out_by_windows_without_it(store: LineageStore) -> None:
    """A window of a service is no run of a batch job: 500 of them on one day count as one group."""
    rare = told("rare", day(0), entry(), statements=("SELECT a FROM s.rare",), window=True)
    often = [told(f"w{n}", day(0, n + 1), entry(), window=True) for n in range(500)]
    put(store, rare, *often)

    assert reads(store) == {
        "shop.s.rare -> shop.GET /orders",
        "shop.s.orders -> shop.GET /orders",
    }


def test_a_statement_that_is_gone_for_ten_days_of_work_is_not_current(store: LineageStore) -> None:
    put(store, told("old", day(0), entry(), statements=("SELECT a FROM s.old",), window=True))
    for number in range(1, 10):
        put(store, told(f"d{number}", day(number), entry(), window=True))
    assert "shop.s.old -> shop.GET /orders" in reads(store)

    put(store, told("d10", day(20), entry(), window=True))

    assert reads(store) == {"shop.s.orders -> shop.GET /orders"}
    assert len(found(store)) == 2, "what was run stays known"


def test_a_day_that_comes_late_counts_as_if_it_had_come_in_time(store: LineageStore) -> None:
    for number in range(1, 11):
        put(store, told(f"d{number}", day(number), entry(), window=True))
    put(store, told("old", day(0), entry(), statements=("SELECT a FROM s.old",), window=True))

    assert reads(store) == {"shop.s.orders -> shop.GET /orders"}


def test_what_is_kept_of_windows_does_not_grow_with_the_mixture_of_their_statements(
    file_store: LineageStore,
) -> None:
    """Any of 2^8 mixtures of eight statements: a shape for each statement and one for the rest."""
    texts = [f"SELECT c FROM s.t{number}" for number in range(8)]
    for mixture in range(1, 256):
        chosen = [text for place, text in enumerate(texts) if mixture >> place & 1]
        entries = [entry(place) for place in range(len(chosen))]
        put(file_store, told(f"m{mixture}", day(0, mixture), *entries, statements=tuple(chosen), window=True))
    derive(file_store)

    with closing(sqlite3.connect(file_store.location)) as db:
        rows = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("shape", "derivation", "shape_set", "said_on_day", "query", "query_statement")
        }
    assert rows == {
        "shape": 9,
        "derivation": 8,
        "shape_set": 1,
        "said_on_day": 9,
        "query": 8,
        "query_statement": 8,
    }
    assert sum(record.runs for record in found(file_store)) == 8 * 128


def test_the_statements_of_a_tracked_run_are_read_together(store: LineageStore) -> None:
    """A temporary table leads on within a run; a window's statements have nothing to do with each other."""
    script = ("CREATE TEMP TABLE x AS SELECT a FROM s.base", "INSERT INTO s.result (a) SELECT a FROM x")
    put(store, told("r", 1, entry(0), entry(1), statements=script, job="batch"))
    put(store, told("w", 1, entry(0), entry(1), statements=script, job="service", window=True))
    derive(store)

    feeds = edges(store, EdgeKind.FEEDS)

    assert "shop.s.base -> shop.s.result" in feeds
    jobs = {store.nodes([edge.job or 0])[edge.job or 0].name for edge in store.edges(EdgeKind.FEEDS)}
    assert "batch" in jobs


def test_a_run_of_windows_is_listed_as_any_run(store: LineageStore) -> None:
    put(store, told("w", 1, entry(), window=True))

    assert [run.state.value for run in store.runs()] == ["COMPLETE"]
