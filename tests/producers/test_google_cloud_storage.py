"""What the client of Google Cloud Storage does, against gcp-storage-emulator: operations and datasets."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage", reason="the clients of clouds have a venv of their own")

from google.api_core.exceptions import NotFound
from storage_cases import gcs_client

import producers
from lineage import context, track_run
from lineage.testing import CapturedEvents, assert_lineage

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lake() -> Iterator[Any]:
    with gcs_client() as client:
        bucket = client.bucket("lake")
        bucket.blob("raw/orders.csv").upload_from_string("id\n1\n")
        producers.install("google.cloud.storage")
        yield bucket


def names(events: CapturedEvents, side: str) -> list[str]:
    return [f"{one['namespace']}/{one['name']}" for one in events[-1][side]]


def done(told: Told, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(event.get(field) for field in ("operation_name", *fields)) for event in told()]


def test_what_is_read_and_written_is_the_run_s(lake: Any, lineage_events: CapturedEvents) -> None:
    with track_run("clean"):
        text = lake.blob("raw/orders.csv").download_as_text()
        lake.blob("gold/orders.csv").upload_from_string(text)
        assert lake.blob("gold/orders.csv").exists()

    assert names(lineage_events, "inputs") == ["gs://lake/raw/orders.csv"]
    assert names(lineage_events, "outputs") == ["gs://lake/gold/orders.csv"]
    assert_lineage("gs://lake/raw/orders.csv", "gs://lake/gold/orders.csv", lineage_events)


def test_every_way_to_write_is_one_operation_with_its_bytes(lake: Any, told: Told, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    with context.use(actor="ada"):
        lake.blob("a").upload_from_string("é")
        lake.blob("b").upload_from_filename(tmp_path / "x")
        lake.blob("c").upload_from_file(io.BytesIO(b"12345"))
        with lake.blob("d").open("w") as file:
            file.write("hello")

    assert done(told, "bytes_written", "objects", "dataset_name", "actor") == [
        ("PUT", 2, 1, "a", "ada"),
        ("PUT", 3, 1, "b", "ada"),
        ("PUT", 5, 1, "c", "ada"),
        ("PUT", 5, 1, "d", "ada"),
    ]
    first = told()[0]
    assert (first["system"], first["vendor"], first["target"]) == ("gcs", "google_cloud", "lake")
    assert first["callsite"]["function"].endswith("one_operation_with_its_bytes")


def test_every_way_to_read_is_one_operation_with_its_bytes(lake: Any, told: Told, tmp_path: Path) -> None:
    orders = lake.blob("raw/orders.csv")
    assert orders.download_as_bytes() == b"id\n1\n"
    orders.download_to_filename(tmp_path / "x")
    own = io.BytesIO(b"before")
    own.seek(6)
    orders.download_to_file(own)
    with orders.open("rb") as file:
        assert file.read() == b"id\n1\n"

    assert own.getvalue() == b"beforeid\n1\n"
    assert done(told, "bytes_read", "dataset_name") == [("GET", 5, "raw/orders.csv")] * 4


def test_a_copy_reads_its_source(lake: Any, lineage_events: CapturedEvents) -> None:
    with track_run("copy"):
        orders = lake.blob("raw/orders.csv")
        lake.copy_blob(orders, lake, "copied.csv")
        lake.blob("rewritten.csv").rewrite(orders)

    assert names(lineage_events, "inputs") == ["gs://lake/raw/orders.csv"]
    assert names(lineage_events, "outputs") == ["gs://lake/copied.csv", "gs://lake/rewritten.csv"]


def test_listing_and_deleting_claim_nothing(lake: Any, lineage_events: CapturedEvents) -> None:
    with track_run("tidy"):
        for blob in lake.list_blobs(prefix="raw/"):
            blob.delete()

    assert names(lineage_events, "inputs") == names(lineage_events, "outputs") == []
    facet = lineage_events[-1]["run"]["facets"]["lineageGraph_operations"]
    assert [one["operation"] for one in facet["operations"]] == ["LIST", "DELETE"]


def test_what_fails_claims_nothing_and_quotes_nothing(lake: Any, told: Told) -> None:
    with pytest.raises(NotFound):
        lake.blob("planted-secret").download_as_bytes()

    assert done(told, "status", "error", "bytes_read") == [
        ("GET", "error", {"type": "NotFound", "message": "404"}, None)
    ]


def test_signed_urls_and_contents_are_not_told(lake: Any, told: Told) -> None:
    lake.blob("x").upload_from_string("planted-secret")

    assert "planted" not in repr(told())
