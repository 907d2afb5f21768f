"""Questions to the food delivery of Marquez's seed data, answered by hand from its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("marquez")

UPSTREAM_DATASETS = {
    "public.popular_orders_day_of_week": 0,
    "public.top_delivery_times": 1,
    "public.customers": 1,
    "public.delivery_7_days": 2,
    "public.orders_7_days": 3,
    "public.order_status": 3,
    "public.drivers": 3,
    "public.restaurants": 3,
    "public.menus": 4,
    "public.menu_items": 4,
    "public.orders": 4,
    "public.categories": 4,
}
UPSTREAM_JOBS = {
    "orders_popular_day_of_week": 1,
    "delivery_times_7_days": 2,
    "etl_customers": 2,
    "etl_delivery_7_days": 3,
    "etl_orders_7_days": 4,
    "etl_order_status": 4,
    "etl_drivers": 4,
    "etl_restaurants": 4,
    "etl_menus": 5,
    "etl_menu_items": 5,
    "etl_orders": 5,
    "etl_categories": 5,
}


def found(answer: Any, type_: str) -> dict[str, int]:
    nodes = [node for node in answer["nodes"] if node["type"] == type_]
    assert {node["namespace"] for node in nodes} <= {"food_delivery"}
    named = {".".join(filter(None, (node["name"], node.get("field")))): node["distance"] for node in nodes}
    assert len(named) == len(nodes)
    return named


def marks(answer: Any) -> dict[str, str]:
    """By name, all that is marked other than direct."""
    return {
        node["name"]: node["impact"] for node in answer["nodes"] if node.get("impact", "direct") != "direct"
    }


def test_upstream_of_a_dataset(lineage: Callable[..., Any]) -> None:
    """DD-13: the whole chain, datasets and jobs, at the right distances."""
    answer = lineage("upstream", "public.popular_orders_day_of_week", "--json").answer

    assert found(answer, "DATASET") == UPSTREAM_DATASETS
    assert found(answer, "JOB") == UPSTREAM_JOBS
    assert found(answer, "FIELD") == {}
    assert (answer["incomplete"], answer["next"]) == (False, None)


def test_impact_of_a_dataset(lineage: Callable[..., Any]) -> None:
    """DD-14: datasets, jobs and fields downstream, at the right distances."""
    answer = lineage("impact", "public.menus", "--json").answer

    assert found(answer, "DATASET") == {
        "public.menus": 0,
        "public.orders_7_days": 1,
        "public.delivery_7_days": 2,
        "public.top_delivery_times": 3,
        "public.discounts": 3,
        "public.popular_orders_day_of_week": 4,
    }
    assert found(answer, "JOB") == {
        "etl_orders_7_days": 1,
        "etl_delivery_7_days": 2,
        "delivery_times_7_days": 3,
        "orders_popular_day_of_week": 4,
        "email_discounts": 4,
    }
    assert found(answer, "FIELD") == {
        "public.menus.id": 0,
        "public.menus.restaurant_id": 0,
        "public.orders_7_days.menu_id": 1,
        "public.orders_7_days.restaurant_id": 1,
        "public.delivery_7_days.menu_id": 2,
        "public.delivery_7_days.restaurant_id": 2,
        "public.top_delivery_times.restaurant_id": 3,
    }
    assert marks(answer) == {}


def test_impact_of_a_field_that_ends_early(lineage: Callable[..., Any]) -> None:
    """DD-14: what column lineage shows to be untouched is not listed."""
    answer = lineage("impact", "public.menus.id", "--json").answer

    assert found(answer, "FIELD") == {
        "public.menus.id": 0,
        "public.orders_7_days.menu_id": 1,
        "public.delivery_7_days.menu_id": 2,
    }
    assert found(answer, "DATASET") == {
        "public.menus": 0,
        "public.orders_7_days": 1,
        "public.delivery_7_days": 2,
    }
    assert found(answer, "JOB") == {"etl_orders_7_days": 1, "etl_delivery_7_days": 2}
    assert marks(answer) == {}


def test_impact_of_a_field_that_goes_far(lineage: Callable[..., Any]) -> None:
    """DD-14: email_discounts writes nothing, and its SELECT says which affected column it reads."""
    answer = lineage("impact", "public.orders.placed_on", "--json").answer

    assert found(answer, "FIELD") == {
        "public.orders.placed_on": 0,
        "public.orders_7_days.placed_on": 1,
        "public.delivery_7_days.order_placed_on": 2,
        "public.top_delivery_times.order_placed_on": 3,
        "public.top_delivery_times.order_delivery_time": 3,
        "public.discounts.amount_off": 3,
        "public.popular_orders_day_of_week.order_placed_on": 4,
        "public.popular_orders_day_of_week.order_day_of_week": 4,
    }
    assert found(answer, "DATASET") == {
        "public.orders": 0,
        "public.orders_7_days": 1,
        "public.delivery_7_days": 2,
        "public.top_delivery_times": 3,
        "public.discounts": 3,
        "public.popular_orders_day_of_week": 4,
    }
    assert found(answer, "JOB") == {
        "etl_orders_7_days": 1,
        "etl_delivery_7_days": 2,
        "delivery_times_7_days": 3,
        "orders_popular_day_of_week": 4,
        "email_discounts": 4,
    }
    assert marks(answer) == {}
    uses = [edge for edge in answer["edges"] if edge["kind"] == "USES"]
    assert [(edge["source"], edge["target"]) for edge in uses] == [
        (
            "datasetField:food_delivery:public.discounts:amount_off",
            "job:food_delivery:email_discounts",
        )
    ]


def test_columns_of_a_dataset(lineage: Callable[..., Any]) -> None:
    said = lineage("columns", "public.discounts")

    assert [line.split() for line in said.out.splitlines()] == [
        ["field", "made", "from", "how", "by"],
        ["public.discounts.amount_off", "public.delivery_7_days.order_delivered_on", "delivery_times_7_days"],
        ["public.discounts.amount_off", "public.delivery_7_days.order_placed_on", "delivery_times_7_days"],
        ["public.discounts.customer_email", "public.delivery_7_days.customer_email", "delivery_times_7_days"],
        ["public.discounts.ends_on"],
        ["public.discounts.id"],
        ["public.discounts.starts_on"],
    ]


def test_path_between_fields(lineage: Callable[..., Any]) -> None:
    said = lineage("path", "public.menus.restaurant_id", "public.top_delivery_times")

    assert said.out.splitlines() == [
        "public.menus.restaurant_id",
        "  | etl_orders_7_days",
        "public.orders_7_days.restaurant_id",
        "  | etl_delivery_7_days",
        "public.delivery_7_days.restaurant_id",
        "  | delivery_times_7_days",
        "public.top_delivery_times.restaurant_id",
    ]
