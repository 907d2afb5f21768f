"""What a warehouse's own history says of captured queries: joined afterwards by the warehouse's query ids.

Nothing asks the warehouse while the application runs: rows come from an export or a query of yours on
Snowflake's QUERY_HISTORY (its view in ACCOUNT_USAGE or its table function).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ID = "query_id"
_MEASURED = {
    "total_elapsed_time": "elapsed_ms",
    "execution_time": "execution_ms",
    "compilation_time": "compilation_ms",
    "queued_overload_time": "queued_ms",
    "bytes_scanned": "bytes_scanned",
    "bytes_written": "bytes_written",
    "bytes_spilled_to_local_storage": "bytes_spilled_local",
    "bytes_spilled_to_remote_storage": "bytes_spilled_remote",
    "percentage_scanned_from_cache": "cached_fraction",
    "partitions_scanned": "partitions_scanned",
    "partitions_total": "partitions_total",
    "rows_produced": "rows_produced",
    "query_load_percent": "load_percent",
    "credits_used_cloud_services": "credits",
    "warehouse_name": "warehouse",
    "warehouse_size": "warehouse_size",
}
"""The columns of the history that are taken over, and what they are called here."""


def join_history(
    events: Iterable[Mapping[str, Any]], history: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield each query event with what the history has of it as `warehouse`; as it is, where it has nothing.

    `events` are those that sinks get, `history` rows of Snowflake's QUERY_HISTORY with column names in any
    case. Rows are read once and kept by their id; of two with one id the later one counts. The text of the
    statement, the user and the role that a row has are not taken over.
    """
    known = {str(row[_ID]): row for row in map(_in_small_letters, history) if row.get(_ID) is not None}
    for event in events:
        row = known.get(str(event[_ID])) if event.get(_ID) is not None else None
        found = {shown: row[name] for name, shown in _MEASURED.items() if row and row.get(name) is not None}
        yield {**event, "warehouse": found} if found else dict(event)


def _in_small_letters(row: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in row.items()}
