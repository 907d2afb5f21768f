"""What operations cost, from the user's own table of prices."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
from operation_facets import costs_by_statement, facet, only

from lineage import (
    capture_query,
    configure,
    context,
    track_db_operation,
    track_llm_call,
    track_messaging_operation,
    track_run,
    track_storage_operation,
)
from lineage.attribution import flush_queries
from lineage.testing import CapturedEvents

PRICES = """
currency = "EUR"

[snowflake]
per_tb_scanned = 4.0

[bigquery]
per_tib_scanned = 6.25

[aws]
per_1000_requests = 0.5
per_gb_written = 1.0
[aws.s3]
per_gb_written = 0
[aws.s3.PUT]
per_1000_requests = 5

[s3]
per_gb_read = 0.09

[kafka]
per_million_messages = 2
per_gb_transferred = 0.1

[openai."gpt-4o"]
per_million_input_tokens = 2.5
per_million_output_tokens = 10
"""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return with_prices(tmp_path, PRICES)


def with_prices(folder: Path, table: str) -> Path:
    """Have operations priced by this table, and return the file it is in."""
    path = folder / "prices.toml"
    path.write_text(table)
    configure(prices=path)
    return path


def work() -> None:
    with track_db_operation("snowflake", "SELECT") as db:
        db.set_bytes_scanned(500_000_000_000)
    with track_db_operation("bigquery", "SELECT") as db:
        db.set_bytes_scanned(2**40)
        db.set_result(bytes_read=10**12)
    with track_storage_operation("s3", "PUT", "lake") as storage:
        storage.set_result(bytes_written=10**9)
    with track_storage_operation("s3", "GET", "lake") as storage:
        storage.set_result(bytes_read=10**9)
    with track_messaging_operation("sqs", "publish", "orders") as messaging:
        messaging.set_result(message_count=10)
    with track_messaging_operation("kafka", "publish", "orders") as messaging:
        messaging.set_result(message_count=500_000, bytes_transferred=10**9)
    with track_llm_call("openai", "gpt-4o") as llm:
        llm.set_tokens(1_000_000, 100_000)
    with track_llm_call("openai", "another") as llm:
        llm.set_tokens(1_000_000, 100_000)
    with track_db_operation("postgres", "SELECT") as db:
        db.set_result(rows_returned=5, bytes_read=10**9)


COSTS = {
    ("snowflake", "SELECT"): 2.0,
    ("bigquery", "SELECT"): 6.25,
    ("s3", "PUT"): 0.005,
    ("s3", "GET"): 0.09 + 0.0005,
    ("sqs", "publish"): 0.0005,
    ("kafka", "publish"): 1.1,
    ("gpt-4o", "chat"): 3.5,
    ("another", "chat"): None,
    ("postgresql", "SELECT"): None,
}


def test_each_operation_costs_what_its_narrowest_price_says(
    prices: Path, lineage_events: CapturedEvents
) -> None:
    """BT-01, BT-25: bytes scanned, read, written and sent, tokens, requests and messages, per vendor."""
    with track_run("job"):
        work()

    found = facet(lineage_events)
    costs = {
        (one["target"] if one["kind"] == "llm" else one["system"], one["operation"]): one.get("cost")
        for one in found["operations"]
    }
    assert costs == pytest.approx(COSTS)
    vendors = {one["vendor"]: one.get("cost") for one in found["vendors"]}
    assert vendors == pytest.approx(
        {
            "snowflake": 2.0,
            "google_cloud": 6.25,
            "aws": 0.005 + 0.0905 + 0.0005,
            "kafka": 1.1,
            "openai": 3.5,
            "postgresql": None,
        }
    )
    assert found["cost"] == pytest.approx(sum(cost for cost in COSTS.values() if cost is not None))
    assert found["currency"] == "EUR"


def test_without_prices_there_is_no_cost_rather_than_none(lineage_events: CapturedEvents) -> None:
    """fault 3-20: complete counts and bytes, and a cost only where a price is known; never 0 for unknown."""
    with track_run("job"):
        work()

    found = facet(lineage_events)
    assert not {"cost", "currency"} & set(found)
    assert all("cost" not in one for one in [*found["operations"], *found["vendors"]])
    assert found["total"]["bytesScanned"] == 500_000_000_000 + 2**40
    assert found["total"]["bytesRead"] == 10**12 + 2 * 10**9


def test_a_price_of_nothing_is_a_cost_of_nothing(tmp_path: Path, lineage_events: CapturedEvents) -> None:
    with_prices(tmp_path, 'currency = "EUR"\n[s3]\nper_gb_read = 0\n')
    with track_run("job"), track_storage_operation("s3", "GET", "lake") as storage:
        storage.set_result(bytes_read=10**9)

    assert only(lineage_events)["cost"] == 0


def test_costs_are_told_for_each_actor(prices: Path, lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        for actor, scanned in (("anna", 10**12), ("otto", 10**11), ("anna", 10**12)):
            with context.use(actor=actor), track_db_operation("snowflake", "SELECT") as db:
                db.set_bytes_scanned(scanned)

    actors = {one["actor"]: (one["counts"]["count"], one["cost"]) for one in facet(lineage_events)["actors"]}
    assert actors == {"anna": (2, pytest.approx(8.0)), "otto": (1, pytest.approx(0.4))}


def test_a_failed_request_costs_what_a_request_costs(prices: Path, lineage_events: CapturedEvents) -> None:
    with track_run("job"), track_messaging_operation("sqs", "publish", "orders") as messaging:
        messaging.set_error(OSError("refused"))

    assert only(lineage_events)["cost"] == pytest.approx(0.0005)


def test_prices_that_change_are_read_again(prices: Path, lineage_events: CapturedEvents) -> None:
    def scan() -> Any:
        with track_run("job"), track_db_operation("snowflake", "SELECT") as db:
            db.set_bytes_scanned(10**12)
        return only(lineage_events)["cost"]

    assert scan() == 4.0
    prices.write_text(PRICES.replace("4.0", "8.0"))
    os.utime(prices, ns=(1, 1))
    assert scan() == 8.0


BROKEN = [
    ("no currency", "[s3]\nper_gb_read = 1", "currency = None"),
    ("a price outside a table", 'currency = "EUR"\nper_gb_read = 1', "per_gb_read = 1"),
    ("an unknown price", 'currency = "EUR"\n[s3]\nper_mb_read = 1', "s3.per_mb_read = 1"),
    ("a price below 0", 'currency = "EUR"\n[s3.PUT]\nper_gb_read = -1', "s3.PUT.per_gb_read = -1"),
    ("a price that is text", 'currency = "EUR"\n[s3]\nper_gb_read = "1"', "s3.per_gb_read = '1'"),
    ("a price that is a flag", 'currency = "EUR"\n[s3]\nper_gb_read = true', "s3.per_gb_read = True"),
    ("a price without end", 'currency = "EUR"\n[s3]\nper_gb_read = inf', "s3.per_gb_read = inf"),
    ("no TOML", "currency =", "cannot be read"),
]


@pytest.mark.parametrize(("content", "said"), [one[1:] for one in BROKEN], ids=[one[0] for one in BROKEN])
def test_prices_that_cannot_be_used_are_said_once_and_cost_nothing_else(
    content: str,
    said: str,
    tmp_path: Path,
    lineage_events: CapturedEvents,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = with_prices(tmp_path, content)
    with caplog.at_level(logging.WARNING, "lineage"):
        for _ in range(2):
            with track_run("job"), track_storage_operation("s3", "GET", "lake") as storage:
                storage.set_result(bytes_read=10**9)

    (record,) = caplog.records
    assert said in record.getMessage()
    assert str(path) in record.getMessage()
    assert "cost" not in only(lineage_events)
    assert only(lineage_events)["counts"]["bytesRead"] == 10**9


def test_prices_that_are_not_there_are_said(
    tmp_path: Path, lineage_events: CapturedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    configure(prices=tmp_path / "absent.toml")
    with (
        caplog.at_level(logging.WARNING, "lineage"),
        track_run("job"),
        track_storage_operation("s3", "GET", "lake"),
    ):
        pass

    assert "absent.toml" in caplog.text
    assert "cost" not in only(lineage_events)


def capture(sql: str, **more: Any) -> None:
    capture_query(sql, db_system="snowflake", **more)


def costs_of_queries(events: CapturedEvents) -> dict[str, float | None]:
    return costs_by_statement(events[-1]["run"]["facets"]["lineageGraph_queryAttribution"]["queries"])


def test_the_queries_of_an_operation_cost_what_it_costs(prices: Path, lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        for scanned in (10**12, 2 * 10**12):
            with track_db_operation("snowflake", "SELECT") as db:
                for _ in range(3):
                    capture("SELECT a FROM b")
                db.set_bytes_scanned(scanned)

    assert costs_of_queries(lineage_events) == {"select a from b": pytest.approx(12.0)}
    found = facet(lineage_events)
    assert found["cost"] == found["inQueries"]["cost"] == pytest.approx(12.0)


def test_what_an_operation_costs_is_not_given_to_one_of_several_queries(
    prices: Path, lineage_events: CapturedEvents
) -> None:
    with track_run("job"), track_db_operation("snowflake", "SELECT") as db:
        capture("SELECT a FROM b")
        capture("SELECT c FROM d")
        capture("SELECT a FROM b")
        db.set_bytes_scanned(10**12)

    assert costs_of_queries(lineage_events) == {"select a from b": None, "select c from d": None}
    assert facet(lineage_events)["cost"] == pytest.approx(4.0)
    assert "inQueries" not in facet(lineage_events)


def test_what_a_query_costs_by_itself_is_not_counted_twice(
    tmp_path: Path, lineage_events: CapturedEvents
) -> None:
    with_prices(tmp_path, 'currency = "EUR"\n[snowflake]\nper_tb_scanned = 4\nper_1000_requests = 500\n')
    with track_run("job"):
        with track_db_operation("snowflake", "SELECT") as db:
            capture("SELECT a FROM b")
            db.set_bytes_scanned(10**12)
        with track_db_operation("snowflake", "SELECT"):
            capture("SELECT a FROM b")
            capture("SELECT c FROM d")

    assert costs_of_queries(lineage_events) == pytest.approx(
        {"select a from b": 4.5 + 0.5, "select c from d": 0.5}
    )
    found = facet(lineage_events)
    assert found["cost"] == pytest.approx(5.0)
    assert found["inQueries"]["cost"] == pytest.approx(5.0)


def test_time_is_paid_once_by_operations_inside_each_other(
    tmp_path: Path, lineage_events: CapturedEvents
) -> None:
    with_prices(tmp_path, 'currency = "EUR"\n[snowflake]\nper_hour = 3600\n')
    with (
        track_run("job"),
        track_db_operation("snowflake", "TRANSACTION") as outer,
        track_db_operation("snowflake", "SELECT"),
    ):
        time.sleep(0.02)

    assert facet(lineage_events)["cost"] == pytest.approx(outer.duration_ns / 1e9)


def test_a_query_of_another_run_has_no_part_in_what_an_operation_costs(
    prices: Path, lineage_events: CapturedEvents
) -> None:
    with track_db_operation("snowflake", "SELECT") as db:
        with track_run("inside"):
            capture("SELECT a FROM b")
        db.set_bytes_scanned(10**12)
    assert flush_queries(10)

    (inside,) = [one for one in lineage_events.of_job("inside") if one["eventType"] == "COMPLETE"]
    (told,) = inside["run"]["facets"]["lineageGraph_queryAttribution"]["queries"]
    assert "cost" not in told["counts"]
    assert facet(lineage_events)["cost"] == pytest.approx(4.0)
    assert "cost" not in facet(lineage_events).get("inQueries", {})
