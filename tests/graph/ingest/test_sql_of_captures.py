"""What Airflow's and dbt's own events leave wrong or out, and their SQL tells: in any order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest
from made_events import FIXTURES, dump

from graph import open_store
from graph.ingest import derive, ingest
from graph.queries import columns, impact, upstream
from graph.records import Origin, Transformation
from graph.store import LineageStore

MART = "shop.mart.customer_orders"


def captured() -> list[bytes]:
    return [
        line for name in ("airflow", "dbt") for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
    ]


def arrived(seed: int) -> LineageStore:
    """A store that took the events in some order, in pieces, with SQL read at any moment in between."""
    random = Random(seed)
    waiting = captured()
    random.shuffle(waiting)
    store = open_store(":memory:")
    while waiting:
        piece = random.randint(1, 12)
        ingest(store, waiting[:piece], batch=random.randint(1, 6))
        del waiting[:piece]
        if random.random() < 0.4:
            derive(store)
    derive(store)
    return store


@pytest.fixture(params=range(10))
def store(request: pytest.FixtureRequest) -> Iterator[LineageStore]:
    with closing(arrived(request.param)) as opened:
        yield opened


def test_every_order_gives_one_graph(store: LineageStore) -> None:
    with closing(open_store(":memory:")) as straight:
        ingest(straight, captured())
        derive(straight)
        assert dump(store) == dump(straight)


def test_an_insert_of_airflow_has_the_columns_that_it_names(store: LineageStore) -> None:
    answer = columns(store, MART)

    assert {edge.target.field for edge in answer.edges} == {"customer_id", "full_name", "n_orders", "total"}
    assert {edge.origins for edge in answer.edges} == {(Origin.SQL_CERTAIN,)}
    direct = {
        (edge.target.field, edge.source.label): [
            made for made in edge.transformations if made.type == "DIRECT"
        ]
        for edge in answer.edges
    }
    assert direct["total", "shop.raw.orders.amount"] == [
        Transformation("DIRECT", "AGGREGATION", "SUM(o.amount)")
    ]
    assert [made.subtype for made in direct["customer_id", "shop.raw.customers.id"]] == ["IDENTITY"]
    (note,) = answer.notes
    assert note.endswith("the SQL is trusted, not the columnLineage facet, which says otherwise")


def test_what_the_facet_of_airflow_says_is_there_on_request(store: LineageStore) -> None:
    lost = {
        (edge.target.field, edge.origins)
        for edge in columns(store, MART, origins=True).edges
        if not edge.trusted
    }
    assert lost == {(name, (Origin.COLUMN_FACET,)) for name in ("id", "_0", "_1", "_2")}


def test_what_is_not_trusted_has_no_part_in_other_answers(store: LineageStore) -> None:
    reached = {node.node.label for node in impact(store, "shop.raw.orders.amount").nodes}
    assert f"{MART}.total" in reached
    assert not any(label.rpartition(".")[2].startswith("_") for label in reached)


def test_orders_of_dbt_reach_the_raw_tables_that_only_staging_sql_names(store: LineageStore) -> None:
    answer = upstream(store, "shop.main.orders")

    distances = {node.node.name: node.distance for node in answer.nodes if node.node.type == "DATASET"}
    assert distances == {
        "shop.main.orders": 0,
        "shop.main.stg_orders": 1,
        "shop.main.stg_payments": 1,
        "shop.main.raw_orders": 2,
        "shop.main.raw_payments": 2,
    }


def test_columns_of_dbt_reach_the_raw_columns(store: LineageStore) -> None:
    answer = columns(store, "shop.main.orders", depth=None)
    raw = {node.node.label for node in answer.nodes if "raw_" in node.node.name}
    assert raw == {
        "shop.main.raw_orders.id",
        "shop.main.raw_orders.order_date",
        "shop.main.raw_orders.status",
        "shop.main.raw_orders.user_id",
        "shop.main.raw_payments.amount",
        "shop.main.raw_payments.payment_method",
    }
