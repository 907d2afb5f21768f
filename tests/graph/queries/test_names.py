from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graph.errors import AmbiguousNameError, InvalidQueryError, UnknownNameError
from graph.nodes import Node, NodeType, dataset, field, job
from graph.queries import resolve, upstream

DB = "postgres://db:5432"
ORDERS = dataset(DB, "shop.public.orders")
RAW = dataset("s3://lake", "raw/orders.csv")


@pytest.fixture
def graph(listed_graph: Callable[..., Any]) -> Any:
    built = listed_graph([])
    for node in (
        field(DB, "shop.public.orders", "id"),
        field(DB, "shop.public.orders", "address.city"),
        field(DB, "shop.archive.orders", "id"),
        dataset(DB, "shop.public.menus"),
        RAW,
        dataset("a:b", "c"),
        dataset("a", "b:c"),
        job("etl", "load.customers"),
        job("etl", "menus"),
        dataset("etl", "both"),
        job("etl", "both"),
    ):
        built.add(node)
    built.aliases[dataset("lake", "old_orders")] = RAW
    return built


@pytest.mark.parametrize(
    ("typed", "node"),
    [
        ("dataset:postgres://db:5432:shop.public.orders", ORDERS),
        ("datasetField:postgres://db:5432:shop.public.orders:id", field(DB, "shop.public.orders", "id")),
        ("job:etl:load.customers", job("etl", "load.customers")),
        ("postgres://db:5432/shop.public.orders", ORDERS),
        ("postgres://db:5432/shop.public.orders.id", field(DB, "shop.public.orders", "id")),
        ("s3://lake/raw/orders.csv", RAW),
        ("shop.public.orders", ORDERS),
        ("public.orders", ORDERS),
        ("public.orders.id", field(DB, "shop.public.orders", "id")),
        ("public.orders.address.city", field(DB, "shop.public.orders", "address.city")),
        ("orders.csv", RAW),
        ("old_orders", RAW),
        ("customers", job("etl", "load.customers")),
        ([DB, "shop.public.orders"], ORDERS),
        ([DB, "shop.public.orders.id"], field(DB, "shop.public.orders", "id")),
        (["etl", "menus"], job("etl", "menus")),
        (["lake", "old_orders"], RAW),
        (dataset("lake", "old_orders"), RAW),
    ],
    ids=str,
)
def test_a_name_is_read_as_the_one_node_it_names(
    graph: Any, typed: str | list[str] | Node, node: Node
) -> None:
    assert resolve(graph, typed) == node


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("orders", [f"dataset:{DB}:shop.archive.orders", f"dataset:{DB}:shop.public.orders"]),
        (
            "orders.id",
            [f"datasetField:{DB}:shop.archive.orders:id", f"datasetField:{DB}:shop.public.orders:id"],
        ),
        ("dataset:a:b:c", ["dataset:a:b:c", "dataset:a:b:c"]),
        (["etl", "both"], ["dataset:etl:both", "job:etl:both"]),
    ],
    ids=str,
)
def test_two_readings_are_an_error_with_the_candidates(
    graph: Any, typed: str | list[str], candidates: list[str]
) -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        resolve(graph, typed)
    assert caught.value.candidates == candidates


def test_types_that_cannot_be_meant_are_no_candidates(graph: Any) -> None:
    assert resolve(graph, "both", {NodeType.JOB}) == job("etl", "both")
    assert resolve(graph, "both", {NodeType.DATASET}) == dataset("etl", "both")


@pytest.mark.parametrize(
    ("typed", "suggestions"),
    [
        ("shop.public.order", ["shop.public.orders"]),
        ("menuss", ["menus", "shop.public.menus"]),
        ("LOAD.CUSTOMERS", ["load.customers"]),
        ("public.orders.idd", ["shop.public.orders.id"]),
        ("s3://lake/raw/nothing", None),
        ("completely different", []),
        ("", []),
        ("job:etl:nothing", None),
        (["nowhere", "shop.public.orders"], ["shop.public.orders"]),
    ],
    ids=str,
)
def test_an_unknown_name_is_an_error_with_near_names(
    graph: Any, typed: str | list[str], suggestions: list[str] | None
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve(graph, typed)
    if suggestions is not None:
        assert caught.value.suggestions[: len(suggestions) or None] == suggestions
    assert len(caught.value.suggestions) <= 3


def test_a_dotted_end_that_is_no_field_of_the_dataset_is_no_field(graph: Any) -> None:
    with pytest.raises(UnknownNameError):
        resolve(graph, "public.menus.id")


def test_more_than_two_words_are_refused(graph: Any) -> None:
    with pytest.raises(InvalidQueryError, match="NAMESPACE NAME"):
        resolve(graph, ["a", "b", "c"])


def test_questions_take_names(graph: Any) -> None:
    assert upstream(graph, "public.orders").nodes[0].node == ORDERS
