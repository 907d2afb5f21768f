"""The tools for people's own tests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lineage import track_run
from lineage._guard import guard
from lineage.testing import CapturedEvents, FixedClock, assert_lineage, capture


def pipeline() -> None:
    with track_run("clean", inputs="s3://lake/raw/orders", outputs="s3://lake/silver/orders"):
        pass
    with track_run("build", inputs="s3://lake/silver/orders", outputs="gold.revenue") as run:
        run.column_lineage("gold.revenue", "total", [("s3://lake/silver/orders", "amount")])


def test_known_dependencies_are_found_over_several_runs(lineage_events: CapturedEvents) -> None:
    """DD-24: known dependencies appear in the lineage, directly and over other datasets."""
    pipeline()

    assert_lineage("s3://lake/raw/orders", "s3://lake/silver/orders", lineage_events)
    assert_lineage("raw/orders", "gold.revenue", lineage_events)
    assert_lineage("silver/orders.amount", "gold.revenue.total", lineage_events)


def test_a_dependency_that_is_not_there_fails_and_says_what_is(lineage_events: CapturedEvents) -> None:
    pipeline()

    with pytest.raises(AssertionError, match=r"raw/orders is not made from .*, which feeds nothing"):
        assert_lineage("gold.revenue", "raw/orders", lineage_events)
    with pytest.raises(AssertionError, match=r"no event names 'gold.costs'; they name: .*gold.revenue"):
        assert_lineage("raw/orders", "gold.costs", lineage_events)


def test_a_name_with_two_readings_is_refused(lineage_events: CapturedEvents) -> None:
    with track_run("copy", inputs=["a.orders", "b.orders"], outputs="c"):
        pass

    with pytest.raises(AssertionError, match=r"may be any of: default a.orders, default b.orders"):
        assert_lineage("orders", "c", lineage_events)


def test_statements_give_tables_and_columns(lineage_events: CapturedEvents) -> None:
    with track_run("build") as run:
        run.sql("CREATE TABLE gold.totals AS SELECT sum(amount) AS total FROM silver.orders WHERE paid")

    assert_lineage("silver.orders", "gold.totals", lineage_events)
    assert_lineage("silver.orders.amount", "gold.totals.total", lineage_events)
    assert_lineage("silver.orders.paid", "gold.totals.total", lineage_events)


def test_what_a_run_knows_of_its_outputs_stands_instead_of_all_inputs(lineage_events: CapturedEvents) -> None:
    with track_run("build") as run:
        for name in "ab":
            query = f"INSERT INTO {name}.made (x) SELECT x FROM {name}.raw"
            run.sql(query, dialect="postgres", namespace="postgres://h:5432", database="d", extract=True)

    assert_lineage("a.raw", "a.made", lineage_events)
    assert_lineage("a.raw.x", "a.made.x", lineage_events)
    with pytest.raises(AssertionError, match=r"b\.made is not made from"):
        assert_lineage("a.raw", "b.made", lineage_events)


def test_the_same_pipeline_gives_the_same_events_each_time() -> None:
    captured = []
    for _ in range(2):
        with capture() as events:
            pipeline()
        captured.append(events)

    assert captured[0] == captured[1]
    assert len(captured[0]) == 4


def test_a_fault_is_raised_while_capturing_and_contained_otherwise() -> None:
    with guard("testing"):
        raise ValueError("contained")
    with capture(), pytest.raises(ValueError, match="raised"), guard("testing"):
        raise ValueError("raised")


def test_a_fixed_clock_advances_by_a_second() -> None:
    clock = FixedClock(datetime(2026, 5, 1, tzinfo=UTC))

    assert [clock().isoformat() for _ in range(2)] == [
        "2026-05-01T00:00:00+00:00",
        "2026-05-01T00:00:01+00:00",
    ]
