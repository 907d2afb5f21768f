"""Lineage from SQL: what it adds, what it replaces, what it leaves open."""

from __future__ import annotations

from typing import Any

import pytest
from made_events import FIXTURES, dataset, edges, feeds, put, run_event, schema

from graph import nodes
from graph.ingest import Derived, derive, ingest
from graph.ingest.derive import read_sql
from graph.records import Direction, EdgeKind
from graph.store import LineageStore
from graph.store.changes import Reading

PG = "postgres://db:5432"


def pg(name: str, *columns: str, **facets: Any) -> dict[str, Any]:
    return dataset(name, PG, **facets, **({"schema": schema(*columns)} if columns else {}))


def sql(query: str, dialect: str | None = None) -> dict[str, Any]:
    facet = {"query": query}
    return {"sql": facet if dialect is None else {**facet, "dialect": dialect}}


def statements(*queries: str, **context: str) -> dict[str, Any]:
    return {"lineageGraph_statements": {"statements": [{"query": query, **context} for query in queries]}}


def put_run(store: LineageStore, job_facets: dict[str, Any], inputs: Any = (), outputs: Any = ()) -> None:
    put(store, run_event("r", "COMPLETE", 0, inputs=inputs, outputs=outputs, job_facets=job_facets))
    assert derive(store).complete


def field_edges(store: LineageStore) -> set[str]:
    return edges(store, EdgeKind.FIELD)


def test_sql_of_airflow_gives_the_target_columns_that_the_facet_numbers(store: LineageStore) -> None:
    ingest(store, (FIXTURES / "airflow.jsonl").read_bytes().splitlines())
    target = nodes.dataset("postgres://127.0.0.1:55432", "shop.mart.customer_orders")

    def columns() -> set[str]:
        found = [edge for edge in store.edges(EdgeKind.FIELD)]
        names = store.nodes({edge.target for edge in found})
        return {str(node.field) for node in names.values() if node.name == target.name}

    assert columns() == {"id", "_0", "_1", "_2"}
    derive(store)
    assert columns() == {"customer_id", "full_name", "n_orders", "total"}
    assert "shop.raw.orders.amount -> shop.mart.customer_orders.total" in field_edges(store)
    (total,) = (
        edge.transformation
        for edge in store.edges(EdgeKind.FIELD)
        if edge.source == nodes.field(target.namespace, "shop.raw.orders", "amount").key
    )
    assert total is not None
    assert (total.type, total.subtype, total.description) == ("DIRECT", "AGGREGATION", "SUM(o.amount)")


def test_models_of_dbt_reach_the_seeds_that_only_their_sql_names(store: LineageStore) -> None:
    ingest(store, (FIXTURES / "dbt.jsonl").read_bytes().splitlines())
    orders = nodes.dataset("duckdb:///srv/shop/shop.duckdb", "shop.main.orders")

    def upstream() -> set[str]:
        found = store.closure([orders.key], EdgeKind.FEEDS, Direction.UPSTREAM)
        return {node.name for node in store.nodes({edge.source for edge in found}).values()}

    assert upstream() == {"shop.main.stg_orders", "shop.main.stg_payments"}
    derive(store)
    assert upstream() == {
        "shop.main.stg_orders",
        "shop.main.stg_payments",
        "shop.main.raw_orders",
        "shop.main.raw_payments",
    }
    assert "shop.main.raw_orders -> shop.main.shop.stg_orders.build.run" in edges(store, EdgeKind.READS)


def test_two_certain_statements_give_no_edge_between_their_tables(store: LineageStore) -> None:
    queries = "insert into s.c (x) select x from s.a; insert into s.d (x) select x from s.b"
    put_run(store, sql(queries), [pg("shop.s.a"), pg("shop.s.b")], [pg("shop.s.c"), pg("shop.s.d")])
    assert feeds(store) == {"shop.s.a -> shop.s.c", "shop.s.b -> shop.s.d"}
    assert field_edges(store) == {"shop.s.a.x -> shop.s.c.x", "shop.s.b.x -> shop.s.d.x"}


def test_before_its_sql_is_read_a_run_has_the_edges_of_its_lists(store: LineageStore) -> None:
    event = run_event(
        "r",
        "COMPLETE",
        0,
        inputs=[pg("shop.s.a"), pg("shop.s.b")],
        outputs=[pg("shop.s.c")],
        job_facets=sql("insert into s.c (x) select x from s.a; select * from s.b"),
    )
    put(store, event)
    assert feeds(store) == {"shop.s.a -> shop.s.c", "shop.s.b -> shop.s.c"}
    assert store.counts().underived == 1


def test_what_no_statement_names_is_joined_with_all(store: LineageStore) -> None:
    put_run(
        store,
        sql("insert into s.c (x) select x from s.a"),
        [pg("shop.s.a"), dataset("file.csv", "s3://lake")],
        [pg("shop.s.c"), dataset("report.pdf", "s3://lake")],
    )
    assert feeds(store) == {
        "shop.s.a -> shop.s.c",
        "file.csv -> shop.s.c",
        "shop.s.a -> report.pdf",
        "file.csv -> report.pdf",
    }


def test_a_query_that_asks_the_table_its_job_writes_hides_no_edge(store: LineageStore) -> None:
    """An incremental model of dbt: its SQL is a SELECT, which asks its own table what is new."""
    put_run(
        store,
        sql("select day, amount from s.a where day > (select max(day) from s.c)"),
        [pg("shop.s.a")],
        [pg("shop.s.c")],
    )
    assert feeds(store) == {"shop.s.a -> shop.s.c"}


def test_sql_in_doubt_adds_to_the_product_and_replaces_nothing(store: LineageStore) -> None:
    facet = {"fields": {"y": {"inputFields": [{"namespace": "ns", "name": "s.a", "field": "said"}]}}}
    put_run(
        store,
        sql("insert into s.c (x) select x from s.a; insert into s.d (x) select x from s.b"),
        ["s.a", "s.b"],
        [dataset("s.c", columnLineage=facet), "s.d"],
    )
    assert feeds(store) == {"s.a -> s.c", "s.a -> s.d", "s.b -> s.c", "s.b -> s.d"}
    assert field_edges(store) == {"s.a.said -> s.c.y", "s.b.x -> s.d.x"}


def test_a_job_that_only_selects_reads(store: LineageStore) -> None:
    put_run(store, sql("select a.x from s.a join s.b on a.id = b.id"), [pg("shop.s.a")])
    assert edges(store, EdgeKind.READS) == {"shop.s.a -> job", "shop.s.b -> job"}
    assert feeds(store) == set()


def test_a_star_that_is_not_expanded_gives_no_field_edge(store: LineageStore) -> None:
    put_run(store, sql("insert into s.c select * from s.a"), [pg("shop.s.a")], [pg("shop.s.c")])
    assert feeds(store) == {"shop.s.a -> shop.s.c"}
    assert field_edges(store) == set()


def test_a_star_is_expanded_from_the_schema_in_the_event(store: LineageStore) -> None:
    put_run(
        store,
        sql("create table s.c as select * from s.a"),
        [pg("shop.s.a", "x", "y")],
        [pg("shop.s.c")],
    )
    assert field_edges(store) == {"shop.s.a.x -> shop.s.c.x", "shop.s.a.y -> shop.s.c.y"}


def test_sql_beside_a_lineage_facet_speaks_only_of_what_the_facet_leaves_out(store: LineageStore) -> None:
    entry = {
        "namespace": PG,
        "name": "shop.s.c",
        "type": "DATASET",
        "inputs": [{"namespace": PG, "name": "shop.s.b", "type": "DATASET"}],
    }
    queries = "insert into s.c (x) select x from s.a; insert into s.d (x) select x from s.a"
    put_run(
        store,
        {**sql(queries), "lineage": {"entries": [entry]}},
        [pg("shop.s.a"), pg("shop.s.b")],
        [pg("shop.s.c"), pg("shop.s.d")],
    )
    assert feeds(store) == {"shop.s.b -> shop.s.c", "shop.s.a -> shop.s.d"}


def test_our_own_statements_carry_where_they_ran(store: LineageStore) -> None:
    facet = statements(
        "insert into daily (x) select x from orders",
        "insert into gold.weekly (x) select x from daily",
        namespace="postgresql://DB",
        database="shop",
        defaultSchema="public",
        dialect="postgres",
    )
    put_run(store, {**facet, **sql("insert into ignored select 1")})
    assert feeds(store) == {
        "shop.public.orders -> shop.public.daily",
        "shop.public.daily -> shop.gold.weekly",
    }
    assert {node.namespace for node in store.named("orders", [nodes.NodeType.DATASET])} == {PG}


def test_a_table_that_nothing_names_gets_no_edge(store: LineageStore) -> None:
    put_run(store, sql("insert into c (x) select x from a", "postgres"), [], [dataset("out", "s3://lake")])
    assert edges(store, EdgeKind.READS) == set()
    assert feeds(store) == set()
    assert {node.name for _, node in store.all_nodes([nodes.NodeType.DATASET])} == {"out"}


@pytest.mark.parametrize("query", ["selec x fro", "", ";", "(" * 5000, "select 'unclosed"])
def test_sql_that_cannot_be_read_is_read_once_and_changes_nothing(store: LineageStore, query: str) -> None:
    put_run(store, sql(query, "postgres"), ["a"], ["b"])
    assert feeds(store) == {"a -> b"}
    assert store.counts().underived == 0
    assert derive(store).shapes == 0


def test_derivation_stops_in_time_and_goes_on_later(store: LineageStore) -> None:
    for number in range(60):
        facets = sql(f"insert into s.c{number} (x) select x from s.a{number}")
        inputs, outputs = [pg(f"shop.s.a{number}")], [pg(f"shop.s.c{number}")]
        put(
            store,
            run_event(
                "r", "COMPLETE", 0, job=f"job{number}", inputs=inputs, outputs=outputs, job_facets=facets
            ),
        )
    nothing = derive(store, seconds=0)
    assert (nothing.shapes, nothing.complete) == (0, False)
    done = 0
    while not (step := derive(store, seconds=0.02)).complete:
        done += step.shapes
    assert done + step.shapes == 60
    assert len(field_edges(store)) == 60


def test_the_event_is_kept_as_it_came(store: LineageStore) -> None:
    """PV-12: reading SQL does not touch the log."""
    ingest(store, (FIXTURES / "airflow.jsonl").read_bytes().splitlines())
    before = store.bodies()
    derive(store)
    assert store.bodies() == before


def test_what_another_process_has_read_in_the_meantime_stays(store: LineageStore) -> None:
    event = run_event(
        "r", "COMPLETE", 0, inputs=[pg("shop.s.a")], job_facets=sql("insert into s.c (x) select x from s.a")
    )
    put(store, event)
    (waiting,) = store.underived(10)
    store.record_derivations({waiting.shape_key: read_sql(waiting.sql, store)})
    assert feeds(store) == {"shop.s.a -> shop.s.c"}
    store.record_derivations({waiting.shape_key: Reading(())})
    store.record_derivations({waiting.shape_key: read_sql(waiting.sql, store)})
    assert feeds(store) == {"shop.s.a -> shop.s.c"}
    assert derive(store) == Derived(0, complete=True)
