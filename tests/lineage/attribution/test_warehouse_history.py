"""Query events joined with rows of a warehouse's history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lineage import capture_query
from lineage.attribution.warehouse_history import join_history

HISTORY = [
    {
        "QUERY_ID": "01b2-0001",
        "QUERY_TEXT": "SELECT * FROM ORDERS WHERE EMAIL = 'anna@example.com'",
        "USER_NAME": "SVC_SHOP",
        "TOTAL_ELAPSED_TIME": 812,
        "BYTES_SCANNED": 0,
        "PARTITIONS_SCANNED": 3,
        "PARTITIONS_TOTAL": 64,
        "CREDITS_USED_CLOUD_SERVICES": 0.000031,
        "BYTES_SPILLED_TO_LOCAL_STORAGE": 2048,
        "BYTES_SPILLED_TO_REMOTE_STORAGE": 0,
        "WAREHOUSE_NAME": "REPORTING",
        "QUERY_LOAD_PERCENT": None,
    },
    {"QUERY_ID": "01b2-9999", "BYTES_SCANNED": 7, "QUERY_LOAD_PERCENT": 100},
    {"QUERY_ID": None, "BYTES_SCANNED": 8},
]


def test_history_rows_are_joined_by_the_id_that_the_warehouse_gave(
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    """DC-44: bytes, partitions, spill and credits come afterwards; 0 is told, what is not known is absent."""
    capture_query("SELECT 1", query_id="01b2-0001", db_system="snowflake")
    capture_query("SELECT 2", query_id="01b2-0002", db_system="snowflake")
    capture_query("SELECT 3", db_system="snowflake")

    first, second, third = join_history(told(), HISTORY)

    assert first["warehouse"] == {
        "elapsed_ms": 812,
        "bytes_scanned": 0,
        "partitions_scanned": 3,
        "partitions_total": 64,
        "credits": 0.000031,
        "bytes_spilled_local": 2048,
        "bytes_spilled_remote": 0,
        "warehouse": "REPORTING",
    }
    assert "warehouse" not in second
    assert "warehouse" not in third
    assert first["query_fingerprint"] == told()[0]["query_fingerprint"]


def test_names_of_columns_may_be_in_any_case_and_events_stay_as_they_are() -> None:
    events = [{"query_id": "x", "status": "ok"}]

    (joined,) = join_history(iter(events), iter([{"query_id": "x", "rows_produced": 5}]))

    assert joined == {"query_id": "x", "status": "ok", "warehouse": {"rows_produced": 5}}
    assert events == [{"query_id": "x", "status": "ok"}]


def test_neither_text_nor_user_of_the_history_is_taken_over() -> None:
    (joined,) = join_history([{"query_id": "01b2-0001"}], HISTORY)

    assert "anna" not in str(joined)
    assert "SVC_SHOP" not in str(joined)
