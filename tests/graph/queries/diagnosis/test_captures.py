"""Failures of Airflow and dbt: what they hit, as worked out by hand in tests/fixtures/capture/README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graph.queries import diagnose_metric, impact
from graph.queries.answer import Impact
from graph.queries.diagnosis import Diagnosis, Kind

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "events"
Build = Callable[[Iterable[bytes]], Any]


@pytest.fixture
def asked_of(store_of: Build) -> Callable[[str], Any]:
    return lambda name: store_of((FIXTURES / f"{name}.jsonl").read_bytes().splitlines())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hit(found: Diagnosis) -> dict[str, datetime | None]:
    """Return the datasets that a diagnosed job affects, and when they were last written."""
    assert found.downstream is not None
    return {
        each.node.node.name: each.updated
        for each in found.downstream
        if each.node.node.type.value == "DATASET"
    }


def made_from_its_values(reader: Any, column: str) -> set[str]:
    found = impact(reader, column)
    return {each.node.label for each in found.nodes if each.node.field and each.impact is Impact.DIRECT}


def test_a_failed_airflow_task_is_found_from_the_report_it_broke(asked_of: Any) -> None:
    """DD-15: clean_orders failed on the third day, two hops before the report."""
    found = diagnose_metric(asked_of("airflow_failed_task"), "report.revenue_summary.total_revenue")
    assert [(each.kind, each.node.name, each.distance) for each in found.findings] == [
        (Kind.FAILED_RUN, "shop.silver.orders", 2)
    ]
    cause = found.findings[0]
    assert cause.since == at("2026-11-21T00:30:45.902864")
    assert cause.data["runId"] == "01a19eb4-a000-782a-8106-aae29a00bb55"
    assert cause.data["job"] == "job:shop-airflow:shop_daily.clean_orders"
    assert cause.data["lastGoodRunId"] == "01a1998e-4400-7b34-81fc-b5f8876a8262"
    assert "invalid input syntax for type numeric" in cause.evidence[0]
    assert list(cause.consequences) == [
        "shop.gold.daily_revenue was not renewed since (last 2026-11-21T00:30:19.570Z)",
        "shop.report.revenue_summary was not renewed since (last 2026-11-21T00:30:20.312Z)",
    ]


def test_a_failed_airflow_task_names_all_that_it_hits(asked_of: Any) -> None:
    """DD-16: the three tables behind it were last renewed on the second day."""
    found = diagnose_metric(asked_of("airflow_failed_task"), "shop_daily.clean_orders")
    assert hit(found) == {
        "shop.gold.daily_revenue": at("2026-11-21T00:30:19.570216"),
        "shop.gold.customer_totals": at("2026-11-21T00:30:19.927850"),
        "shop.report.revenue_summary": at("2026-11-21T00:30:20.312858"),
    }
    assert found.findings[0].kind is Kind.FAILED_RUN


@pytest.mark.parametrize(
    ("column", "made"),
    [
        (
            "order_id",
            {
                "shop.gold.daily_revenue.orders",
                "shop.gold.customer_totals.order_count",
                "shop.report.revenue_summary.total_orders",
            },
        ),
        ("customer_id", set()),
        ("ordered_on", {"shop.gold.daily_revenue.day", "shop.report.revenue_summary.day"}),
        (
            "amount",
            {
                "shop.gold.daily_revenue.revenue",
                "shop.gold.customer_totals.lifetime_value",
                "shop.report.revenue_summary.total_revenue",
            },
        ),
    ],
)
def test_the_columns_behind_a_failed_airflow_task(asked_of: Any, column: str, made: set[str]) -> None:
    assert made_from_its_values(asked_of("airflow_failed_task"), f"silver.orders.{column}") == made


def test_a_failed_dbt_test_is_found_from_the_metric_it_blocks(asked_of: Any) -> None:
    """DD-15: the tests of skipped models, sent as failed, are consequences and no suspects of their own."""
    found = diagnose_metric(asked_of("dbt_failed_test"), "weekly_revenue.revenue")
    assert [(each.kind, each.node.name, each.distance) for each in found.findings] == [
        (Kind.FAILED_TEST, "shop.main.orders", 2)
    ]
    cause = found.findings[0]
    assert cause.since == at("2026-11-21T00:32:16.200390")
    (test,) = cause.data["tests"]
    assert test["test"] == "not_negative_orders_amount"
    assert (test["column"], test["actual"], test["expected"]) == ("amount", "1", "0")
    assert test["job"] == "job:shop-dbt:shop.main.shop.orders.build.test"
    assert test["runId"] == "01a1fb84-a348-733e-a083-b28e24254810"
    assert any("unique_daily_revenue_day" in line for line in cause.consequences)
    assert (
        "shop.main.weekly_revenue was not renewed since (last 2026-11-21T00:31:59.941Z)" in cause.consequences
    )


def test_a_failed_dbt_test_names_all_that_it_hits(asked_of: Any) -> None:
    """DD-16: the three models behind it hold the rows of the first build."""
    found = diagnose_metric(asked_of("dbt_failed_test"), "shop.main.shop.orders.build.test")
    assert hit(found) == {
        "shop.main.customers": at("2026-11-21T00:31:59.728372"),
        "shop.main.daily_revenue": at("2026-11-21T00:31:59.723112"),
        "shop.main.weekly_revenue": at("2026-11-21T00:31:59.941927"),
    }
    updated = {node.name: facts.updated for node, facts in found.datasets.items()}
    assert updated["shop.main.orders"] == at("2026-11-21T00:32:15.138745")
    assert [each.kind for each in found.findings] == [Kind.FAILED_TEST]


@pytest.mark.parametrize(
    ("column", "made"),
    [
        (
            "amount",
            {
                "shop.main.customers.lifetime_value",
                "shop.main.daily_revenue.revenue",
                "shop.main.weekly_revenue.revenue",
            },
        ),
        (
            "order_id",
            {
                "shop.main.customers.number_of_orders",
                "shop.main.daily_revenue.orders",
                "shop.main.weekly_revenue.orders",
            },
        ),
        ("ordered_on", {"shop.main.daily_revenue.day", "shop.main.weekly_revenue.week"}),
        ("customer_id", set()),
        ("status", set()),
    ],
)
def test_the_columns_behind_a_failed_dbt_test(asked_of: Any, column: str, made: set[str]) -> None:
    assert made_from_its_values(asked_of("dbt_failed_test"), f"shop.main.orders.{column}") == made


def test_the_amount_of_a_failed_dbt_test_is_traced_to_the_seed(asked_of: Any) -> None:
    """DD-15: orders.amount is made from stg_payments.amount, that from raw_payments.amount."""
    found = diagnose_metric(asked_of("dbt_failed_test"), ("shop.main.orders", "amount"))
    fields = [(each.distance, each.node.label) for each in found.answer.nodes if each.node.field]
    assert fields == [
        (0, "shop.main.orders.amount"),
        (1, "shop.main.stg_payments.amount"),
        (2, "shop.main.raw_payments.amount"),
    ]
    seed = next(facts for node, facts in found.datasets.items() if node.name == "shop.main.raw_payments")
    assert seed.unknown[0] == "nothing in the store writes it, so its freshness is not known"


@pytest.mark.parametrize("job", ["anchor_shop.fails", "anchor_shop.sqlite_ctas"])
def test_nothing_is_known_downstream_of_the_failed_tasks_of_the_first_capture(
    asked_of: Any, job: str
) -> None:
    """Their events name neither inputs nor outputs, and the answers say so."""
    reader = asked_of("airflow")
    why = f"nothing is known downstream of {job}: none of its events names an output"
    found = diagnose_metric(reader, job)
    assert [each.kind for each in found.findings] == [Kind.FAILED_RUN]
    assert found.downstream == ()
    assert found.notes == (why,)
    asked = impact(reader, job)
    assert [each.node.name for each in asked.nodes] == [job]
    assert asked.notes == (why,)


@pytest.mark.parametrize("model", ["orders", "customers"])
def test_nothing_is_known_downstream_of_the_failed_tests_of_the_first_capture(
    asked_of: Any, model: str
) -> None:
    """Only its tests read the model: the models behind it were skipped and sent no event."""
    reader, job, table = asked_of("dbt"), f"shop.main.shop.{model}.build.test", f"shop.main.{model}"
    found = diagnose_metric(reader, job)
    assert [(each.kind, each.node.name) for each in found.findings] == [(Kind.FAILED_TEST, table)]
    assert found.downstream == ()
    of_job = f"nothing is known downstream of {job}: none of its events names an output; it reads {table}"
    of_table = f"nothing is known downstream of {table}: what reads it names no output ({job})"
    assert found.notes == (of_job, of_table)
    assert impact(reader, job).notes == (of_job,)
    assert impact(reader, table).notes == (of_table,)
