"""What captured queries cost, from the user's own table of prices."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from operation_facets import costs_by_statement

from lineage import capture_query, configure, track_run
from lineage.attribution import flush_queries, prices, statistics
from lineage.config import reset_config
from lineage.testing import CapturedEvents

PRICES = """
currency = "EUR"

[postgresql]
per_gb_read = 2.0
per_hour = 3.6
[postgresql.INSERT]
per_1000_requests = 5.0
per_hour = 0

[aws.redshift]
per_gb_written = 1.0

[sqlite]
per_gb_read = 0
"""


@pytest.fixture(autouse=True)
def path(tmp_path: Path) -> Path:
    prices._read.cache_clear()
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    configure(prices=path)
    return path


def facet(events: CapturedEvents) -> Any:
    assert flush_queries(10)
    return events[-1]["run"]["facets"]["lineageGraph_queryAttribution"]


def costs(events: CapturedEvents) -> dict[str, float | None]:
    return costs_by_statement(facet(events)["queries"])


def capture(sql: str, system: str = "Postgres", ms: float = 1_000, **more: Any) -> None:
    capture_query(sql, db_system=system, duration_ms=ms, **more)


def test_a_query_costs_what_its_time_and_bytes_cost(lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        capture("SELECT 1 FROM a", bytes_read=500_000_000)
        capture("SELECT 1 FROM b")
        capture("INSERT INTO c VALUES (1)")
        capture("INSERT INTO c VALUES (2)")
        capture("INSERT INTO d VALUES (1)", "redshift", bytes_written=10**9)
        capture("SELECT 1 FROM e", "sqlite", bytes_read=10**9)
        capture("SELECT 1 FROM f", "sqlite")
        capture("SELECT 1 FROM g", "duckdb", bytes_read=10**9)

    assert costs(lineage_events) == {
        "select ? from a": pytest.approx(1.001),
        "select ? from b": pytest.approx(0.001),
        "insert into c values (?)": pytest.approx(0.01),
        "insert into d values (?)": 1.0,
        "select ? from e": 0.0,
        "select ? from f": None,
        "select ? from g": None,
    }
    assert facet(lineage_events)["total"]["cost"] == pytest.approx(2.012)
    assert facet(lineage_events)["currency"] == "EUR"


def test_queries_outside_runs_cost_the_same(lineage_events: CapturedEvents) -> None:
    capture("SELECT 1 FROM b")
    capture("SELECT 1 FROM b")

    assert facet(lineage_events)["total"]["cost"] == pytest.approx(0.002)


def test_without_prices_there_is_no_cost_rather_than_none(lineage_events: CapturedEvents) -> None:
    reset_config()
    with track_run("job"):
        capture("SELECT 1 FROM a", bytes_read=10**9)

    assert "currency" not in facet(lineage_events)
    assert "cost" not in facet(lineage_events)["total"]
    assert costs(lineage_events) == {"select ? from a": None}


def test_queries_without_an_entry_of_their_own_are_in_the_total(
    lineage_events: CapturedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "MAX_ENTRIES", 2)
    with track_run("job"):
        for table in "abcde":
            capture(f"SELECT 1 FROM {table}")

    assert facet(lineage_events)["omitted"]["cost"] == pytest.approx(0.003)
    assert facet(lineage_events)["total"]["cost"] == pytest.approx(0.005)


def test_a_run_adds_up_no_two_currencies(
    path: Path, lineage_events: CapturedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    other = path.with_name("other.toml")
    other.write_text(PRICES.replace("EUR", "USD"))
    with caplog.at_level(logging.WARNING, "lineage"), track_run("job"):
        capture("SELECT 1 FROM a")
        configure(prices=other)
        capture("SELECT 1 FROM b")
        capture("SELECT 1 FROM b")

    assert costs(lineage_events) == {"select ? from a": pytest.approx(0.001), "select ? from b": None}
    assert facet(lineage_events)["currency"] == "EUR"
    assert [record.getMessage() for record in caplog.records] == [
        f"A run has costs in EUR: the prices in {other} are left out."
    ]
