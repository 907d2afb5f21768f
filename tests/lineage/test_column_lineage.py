"""Column lineage written down by people: the file, and what it declares."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from lineage import ColumnLineage, Dataset, document_column_lineage
from lineage.config import current_config
from lineage.errors import InvalidNameError, OutboxError
from lineage.testing import CapturedEvents, assert_lineage

REVENUE = [
    ColumnLineage("total_revenue", ["silver.orders.amount"], "SUM(amount) by day"),
    ColumnLineage("average", ["silver.orders.amount", "silver.orders.order_id"], "total over count"),
    ColumnLineage("day", ["s3://lake/silver/calendar.day"]),
]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_column_says_what_it_is_made_from() -> None:
    """DD-09: an output column, its input columns, and the transformation in words."""
    column = ColumnLineage("total", ["silver.orders.amount"], "sum")
    assert (column.output_column, column.input_columns, column.transformation) == (
        "total",
        ["silver.orders.amount"],
        "sum",
    )
    assert ColumnLineage("day", ["a.b"]).transformation is None


def test_it_is_written_with_its_output_dataset(lineage_events: CapturedEvents, tmp_path: Path) -> None:
    """DD-10: a record a column: job, output, inputs, transformation, time; the folder is made."""
    path = tmp_path / "made" / "for" / "it.jsonl"

    assert document_column_lineage("build_revenue", REVENUE, output="gold.revenue", output_path=path) == path

    first, _, third = lines(path)
    assert first == {
        "job": {"namespace": "default", "name": "build_revenue"},
        "output": {"namespace": "default", "name": "gold.revenue"},
        "output_column": "total_revenue",
        "input_columns": [{"namespace": "default", "name": "silver.orders", "field": "amount"}],
        "transformation": "SUM(amount) by day",
        "recorded_at": "2026-01-01T00:00:00.000Z",
    }
    assert third["input_columns"] == [{"namespace": "s3://lake", "name": "silver/calendar", "field": "day"}]


def test_by_default_the_file_lies_beside_the_store(lineage_events: CapturedEvents) -> None:
    path = document_column_lineage("build_revenue", REVENUE, output="gold.revenue")

    assert path == Path(current_config().store).parent / "column_lineage.jsonl"
    assert len(lines(path)) == 3


def test_saying_it_again_writes_nothing_and_a_change_is_appended(lineage_events: CapturedEvents) -> None:
    """DD-10: idempotent."""
    path = document_column_lineage("build_revenue", REVENUE, output="gold.revenue")
    before = path.read_bytes()
    document_column_lineage("build_revenue", REVENUE, output="gold.revenue")
    assert path.read_bytes() == before

    changed = [ColumnLineage("total_revenue", ["silver.orders.net"], "SUM(net)")]
    document_column_lineage("build_revenue", changed, output="gold.revenue")
    assert path.read_bytes().startswith(before)
    assert len(lines(path)) == 4
    declared = lineage_events[-1]["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert declared["total_revenue"]["inputFields"][0]["field"] == "net"
    assert set(declared) == {"total_revenue", "average", "day"}


def test_it_is_declared_as_a_job_with_lineage(lineage_events: CapturedEvents) -> None:
    document_column_lineage("build_revenue", REVENUE, output="gold.revenue")
    document_column_lineage("build_revenue", [ColumnLineage("n", ["silver.items.n"])], output="gold.items")

    event = lineage_events[-1]
    assert lineage_events.types == ["JOB", "JOB"]
    entries = {entry["name"]: entry for entry in event["job"]["facets"]["lineage"]["entries"]}
    assert [one["name"] for one in entries["gold.items"]["inputs"]] == ["silver.items"]
    assert {one["name"] for one in entries["gold.revenue"]["inputs"]} == {"silver.orders", "silver/calendar"}
    assert_lineage("silver.orders.amount", "gold.revenue.average", lineage_events)
    assert_lineage("silver/calendar", "gold.revenue", lineage_events)


def test_two_tables_with_the_same_column_stay_apart(lineage_events: CapturedEvents) -> None:
    document_column_lineage("build", [ColumnLineage("total", ["a.x"])], output="gold.one")
    path = document_column_lineage(
        "build", [ColumnLineage("total", ["b.y"])], output=Dataset("w", "gold.two")
    )

    assert [(record["output"]["name"], record["input_columns"][0]["name"]) for record in lines(path)] == [
        ("gold.one", "a"),
        ("gold.two", "b"),
    ]


@pytest.mark.parametrize("wrong", ["amount", "", ".amount", "orders."])
def test_a_column_that_cannot_be_read_writes_nothing(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "it.jsonl"
    with pytest.raises(InvalidNameError):
        document_column_lineage(
            "build", [REVENUE[0], ColumnLineage("x", [wrong])], output="g", output_path=path
        )
    assert not path.exists()


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="cannot be written"):
        document_column_lineage("build", REVENUE, output="g", output_path=tmp_path / "file" / "it.jsonl")


def test_a_line_cut_off_by_a_crash_does_not_swallow_the_next(
    lineage_events: CapturedEvents, tmp_path: Path
) -> None:
    path = document_column_lineage("build", REVENUE[:1], output="g", output_path=tmp_path / "it.jsonl")
    path.write_bytes(path.read_bytes() + b'{"job": {"name": "bui')
    document_column_lineage("build", REVENUE[1:2], output="g", output_path=path)

    whole = [line for line in path.read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["output_column"] for line in whole] == ["total_revenue", "average"]


def _write(path: Path, number: int) -> None:
    for column in range(50):
        lineage = [ColumnLineage(f"c{number}_{column}", ["a.b"]), ColumnLineage("shared", ["a.b"])]
        document_column_lineage("build", lineage, output="g", output_path=path)


def test_concurrent_writers_keep_every_record_once(tmp_path: Path) -> None:
    path = tmp_path / "it.jsonl"
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    workers = [context.Process(target=_write, args=(path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    columns = [record["output_column"] for record in lines(path)]
    assert len(columns) == len(set(columns)) == 201
