"""Who reads what a change affects, and when nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest
from made_events import at, put, run_event, schema

from graph.ingest import derive
from graph.queries import impact, impact_of_changes, queries
from graph.queries.readers import READERS_SHOWN
from graph.queries.schema_changes import Add, Drop
from graph.store import LineageStore

PG = "postgres://warehouse:5432"


def ran(
    run: str, *statements: str, job: str = "job", time: int | str = 0, queries: int = 1, **keys: Any
) -> dict[str, Any]:
    """Return the event of a run that ran these statements, and so many kinds of query with each."""
    listed = [
        {"query": one, "dialect": "postgres", "namespace": PG, "database": "shop"} for one in statements
    ]
    entries = [
        {
            "fingerprint": f"sha256:{place:064x}",
            "statement": place,
            "callsite": {"path": f"/{run}.py", "line": number, "function": "f", "stack": ""},
            "counts": {"count": 1, "totalDurationMs": 5, "maxDurationMs": 5},
        }
        for place in range(len(statements))
        for number in range(queries)
    ]
    facets = {"lineageGraph_queryAttribution": {"service": "shop", "queries": entries}}
    return run_event(
        run,
        "COMPLETE",
        time,
        job=job,
        job_facets={"lineageGraph_statements": {"statements": listed}},
        run_facets=facets,
        **keys,
    )


def jobs_of(answer: Any) -> dict[str, str]:
    return {each.node.name: str(each.impact) for each in answer.nodes if each.node.type == "JOB"}


def readers_of(answer: Any) -> dict[str, str]:
    return {each.record.job.name: str(each.impact) for each in answer.readers}


def known_orders() -> dict[str, Any]:
    dataset = {
        "namespace": PG,
        "name": "shop.s.orders",
        "facets": {"schema": schema("id", "total", "status")},
    }
    return run_event("loaded", "COMPLETE", 0, job="load", outputs=[dataset])


SELECTS = {
    "SELECT total FROM s.orders": "direct",
    "SELECT id FROM s.orders WHERE total > 0": "indirect",
    "SELECT sum(total) FROM s.orders": "direct",
    "SELECT a.id FROM s.orders a JOIN s.other b ON a.total = b.x": "indirect",
}


@pytest.mark.parametrize("statement", SELECTS)
def test_a_job_that_only_reads_is_marked_by_what_it_does_with_the_field(
    store: LineageStore, statement: str
) -> None:
    put(store, ran("r", statement))
    derive(store)

    answer = impact(store, "s.orders.total")

    assert jobs_of(answer) == {"job": SELECTS[statement]}
    assert readers_of(answer) == {"job": SELECTS[statement]}


UNUSED = [
    "SELECT id FROM s.orders o ORDER BY o.total",
    "SELECT id FROM s.orders ORDER BY total DESC",
    "SELECT id FROM (SELECT id, total FROM s.orders) AS x",
    "WITH x AS (SELECT id, total FROM s.orders) SELECT id FROM x",
    'SELECT id FROM s.orders ORDER BY "total"',
]


@pytest.mark.parametrize("statement", UNUSED)
def test_a_column_that_a_query_names_and_no_result_needs_has_it_as_reader(
    store: LineageStore, statement: str
) -> None:
    put(store, ran("r", statement, time=1), ran("named", "SELECT total FROM s.orders", job="named"))
    derive(store)
    assert jobs_of(impact(store, "s.orders.total"))["job"] == "unknown", "it may be a column of anything"

    put(store, known_orders())
    derive(store)

    assert jobs_of(impact(store, "s.orders.total")) == {"job": "indirect", "named": "direct"}
    assert readers_of(impact(store, "s.orders.total"))["job"] == "indirect"
    assert "job" not in jobs_of(impact(store, "s.orders.status"))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT o.id AS total_id FROM s.orders AS o WHERE o.status IN ('a') LIMIT 10",
        "SELECT id, count(*) AS n FROM s.orders GROUP BY id HAVING count(*) > 1 ORDER BY n DESC NULLS LAST",
        "SELECT CASE WHEN status = 'a' THEN 1 ELSE 0 END AS flag FROM s.orders",
        "WITH x AS (SELECT id FROM s.orders) SELECT x.id FROM x",
        "SELECT id FROM s.orders o WHERE status = 'a'",
        "SELECT max(id) OVER (PARTITION BY status) FROM s.orders",
        "SELECT CAST(id AS bigint) FROM s.orders WHERE status IS NOT NULL AND status LIKE 'x%'",
    ],
)
def test_words_that_are_no_columns_leave_a_query_understood(store: LineageStore, statement: str) -> None:
    put(store, ran("r", statement), ran("named", "SELECT total FROM s.orders", job="named"))
    derive(store)

    assert jobs_of(impact(store, "s.orders.total")) == {"named": "direct"}


@pytest.mark.parametrize(
    "statement",
    ["SELECT id FROM s.orders", "SELECT count(*) FROM s.orders", "SELECT 1 FROM s.orders WHERE status = ''"],
)
def test_a_job_whose_statements_tell_their_columns_and_use_others_is_no_reader(
    store: LineageStore, statement: str
) -> None:
    put(store, known_orders(), ran("r", statement, time=1))
    derive(store)

    answer = impact(store, "s.orders.total")

    assert jobs_of(answer) == {}
    assert readers_of(answer) == {}


def test_one_statement_that_hides_its_columns_makes_the_job_unknown(store: LineageStore) -> None:
    put(store, ran("r", "SELECT id FROM s.orders", "SELECT * FROM s.orders WHERE total > 1"))
    put(store, ran("q", "SELECT id FROM s.orders", "SELECT * FROM s.orders", job="other"))
    derive(store)

    answer = impact(store, "s.orders.total")

    assert jobs_of(answer) == {"job": "indirect", "other": "unknown"}


def test_a_run_without_sql_makes_its_job_unknown_beside_runs_that_tell_their_columns(
    store: LineageStore,
) -> None:
    orders = {"namespace": PG, "name": "shop.s.orders"}
    put(store, known_orders(), ran("told", "SELECT id FROM s.orders", time=1))
    derive(store)
    assert jobs_of(impact(store, "s.orders.total")) == {}

    put(store, run_event("silent", "COMPLETE", 2, inputs=[orders]))

    assert jobs_of(impact(store, "s.orders.total")) == {"job": "unknown"}


def test_a_star_is_known_once_the_columns_are(store: LineageStore) -> None:
    put(
        store, ran("r", "SELECT * FROM s.orders", time=1), ran("named", "SELECT total FROM s.orders", job="x")
    )
    derive(store)
    assert jobs_of(impact(store, "s.orders.total")) == {"job": "unknown", "x": "direct"}

    put(store, known_orders())
    derive(store)

    assert jobs_of(impact(store, "s.orders.total")) == {"job": "direct", "x": "direct"}
    assert readers_of(impact(store, "s.orders.status")) == {"job": "direct"}


def test_who_reads_what_is_made_from_the_field_reads_it_too(store: LineageStore) -> None:
    put(
        store,
        ran("build", "INSERT INTO s.revenue (amount) SELECT total FROM s.orders", job="build"),
        ran("show", "SELECT amount FROM s.revenue", job="show", time=1),
        ran("else", "SELECT other FROM s.revenue", job="else", time=1),
    )
    derive(store)

    answer = impact(store, "s.orders.total")

    assert readers_of(answer) == {"build": "direct", "show": "direct"}
    assert {each.node.name: each.distance for each in answer.nodes if each.node.type == "JOB"} == {
        "build": 1,
        "show": 2,
    }
    assert readers_of(impact(store, "s.orders.total", depth=1)) == {"build": "direct", "show": "direct"}


def test_behind_a_reader_that_nobody_knows_all_readers_are_unknown(store: LineageStore) -> None:
    orders, copied = ({"namespace": PG, "name": f"shop.s.{name}"} for name in ("orders", "copied"))
    put(
        store,
        ran("named", "SELECT total FROM s.orders", job="named"),
        run_event("copy", "COMPLETE", 0, job="copy", inputs=[orders], outputs=[copied]),
        ran("show", "SELECT id FROM s.copied", job="show", time=1),
    )
    derive(store)

    answer = impact(store, "s.orders.total")

    assert jobs_of(answer) == {"named": "direct", "copy": "unknown", "show": "unknown"}
    assert readers_of(answer) == {"named": "direct", "show": "unknown"}


def test_who_has_not_read_for_thirty_days_is_no_reader(store: LineageStore) -> None:
    put(
        store,
        ran("old", "SELECT total FROM s.orders", job="old", time="2025-12-01T00:00:00Z"),
        ran("new", "SELECT total FROM s.orders", job="new", time="2026-01-01T00:00:00Z"),
    )
    derive(store)

    answer = impact(store, "s.orders.total")

    assert readers_of(answer) == {"new": "direct"}
    assert jobs_of(answer) == {"old": "direct", "new": "direct"}


def test_many_readers_are_cut_and_it_is_said(store: LineageStore) -> None:
    put(store, ran("r", "SELECT total FROM s.orders", queries=READERS_SHOWN + 20))
    derive(store)

    answer = impact(store, "s.orders.total")

    assert len(answer.readers) == READERS_SHOWN
    assert any(note.startswith("20 more queries read") for note in answer.notes)


def test_a_planned_change_has_the_readers_of_the_fields_it_takes(store: LineageStore) -> None:
    put(
        store,
        known_orders(),
        ran("total", "SELECT total FROM s.orders", job="total", time=1),
        ran("id", "SELECT id FROM s.orders", job="id", time=1),
    )
    derive(store)

    assert readers_of(impact_of_changes(store, "s.orders", [Drop("total")]).answer) == {"total": "direct"}
    assert readers_of(impact_of_changes(store, "s.orders", [Add("x", None)]).answer) == {}


def test_calls_a_day_count_to_the_latest_event_and_a_day_at_least(store: LineageStore) -> None:
    put(store, ran("a", "SELECT total FROM s.orders", time=0))
    derive(store)
    assert [item.calls_a_day for item in queries(store)[0]] == [1.0]

    put(store, run_event("later", "COMPLETE", at(4 * 86_400), job="z"))

    assert [item.calls_a_day for item in queries(store)[0]] == [0.25]
