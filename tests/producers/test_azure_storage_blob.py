"""What the clients of Azure's blobs do, against a server that plays an account: operations and datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("azure.storage.blob", reason="the clients of clouds have a venv of their own")

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobBlock
from azure.storage.blob import aio as azure_aio
from azure_server import AzureServer
from storage_cases import azure_account

import producers
from lineage import context, track_run
from lineage.testing import CapturedEvents, assert_lineage
from producers.azure_storage_blob import blob_dataset, source_dataset

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]
HOST = "shop.blob.core.windows.net"


@pytest.fixture
def account() -> Iterator[tuple[AzureServer, Any]]:
    with azure_account() as (server, client):
        server.blobs["raw/orders.csv"] = b"id\n1\n"
        producers.install("azure.storage.blob")
        yield server, client


@pytest.fixture
def lake(account: tuple[AzureServer, Any]) -> Any:
    return account[1].get_container_client("lake")


def names(events: CapturedEvents, side: str) -> list[str]:
    return [one["name"] for one in events[-1][side]]


def done(told: Told, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(event.get(field) for field in ("operation_name", *fields)) for event in told()]


def test_what_is_read_and_written_is_the_run_s(lake: Any, lineage_events: CapturedEvents) -> None:
    with track_run("clean"):
        body = lake.download_blob("raw/orders.csv").readall()
        lake.upload_blob("gold/orders.csv", body)
        assert lake.get_blob_client("gold/orders.csv").exists()

    assert names(lineage_events, "inputs") == ["raw/orders.csv"]
    assert names(lineage_events, "outputs") == ["gold/orders.csv"]
    assert lineage_events[-1]["outputs"][0]["namespace"].startswith("wasbs://lake@127.0.0.1:")
    assert_lineage("raw/orders.csv", "gold/orders.csv", lineage_events)


def test_each_call_is_an_operation_with_its_bytes(lake: Any, told: Told) -> None:
    with context.use(actor="ada"):
        lake.upload_blob("x", "é")
        assert lake.download_blob("raw/orders.csv", offset=0, length=2).readall() == b"id"
        blob = lake.get_blob_client("blocks")
        blob.stage_block("MQ==", b"abc")
        blob.commit_block_list([BlobBlock("MQ==")])
        assert [one.name for one in lake.list_blobs()] == ["raw/orders.csv", "x", "blocks"]
        lake.delete_blob("x")

    assert done(told, "bytes_read", "bytes_written", "dataset_name", "actor") == [
        ("PUT", None, 2, "x", "ada"),
        ("GET", 2, None, "raw/orders.csv", "ada"),
        ("UPLOAD_PART", None, 3, None, "ada"),
        ("MULTIPART_UPLOAD", None, None, "blocks", "ada"),
        ("LIST", None, None, None, "ada"),
        ("DELETE", None, None, None, "ada"),
    ]
    first = told()[0]
    assert (first["system"], first["vendor"], first["target"]) == ("azure_blob", "azure", "lake")
    assert first["callsite"]["function"].endswith("an_operation_with_its_bytes")


def test_a_copy_reads_its_source_and_tells_no_signature(
    account: tuple[AzureServer, Any], lake: Any, lineage_events: CapturedEvents
) -> None:
    with track_run("copy"):
        signed = f"{account[0].url}/lake/raw/orders.csv?sig=planted-secret"
        lake.get_blob_client("copied.csv").start_copy_from_url(signed)

    assert names(lineage_events, "inputs") == ["raw/orders.csv"]
    assert names(lineage_events, "outputs") == ["copied.csv"]
    assert "planted" not in repr(list(lineage_events))


def test_what_fails_claims_nothing_and_tells_the_service_s_code(lake: Any, told: Told) -> None:
    with pytest.raises(ResourceNotFoundError):
        lake.download_blob("planted").readall()

    assert done(told, "status", "error") == [
        ("GET", "error", {"type": "ResourceNotFoundError", "message": "BlobNotFound"})
    ]


async def _work(url: str) -> bytes:
    async with azure_aio.BlobServiceClient(url) as client:
        lake = client.get_container_client("lake")
        await lake.upload_blob("async", b"abc")
        return await (await lake.download_blob("async")).readall()


def test_the_async_clients_are_captured_too(account: tuple[AzureServer, Any], told: Told) -> None:
    import asyncio

    pytest.importorskip("aiohttp")
    assert asyncio.run(_work(account[0].url)) == b"abc"

    assert done(told, "bytes_read", "bytes_written", "dataset_name") == [
        ("PUT", None, 3, "async"),
        ("GET", 3, None, "async"),
    ]


@pytest.mark.parametrize(
    ("host", "name", "expected"),
    [
        (HOST, "/raw/a b.csv", (f"wasbs://lake@{HOST}", "raw/a b.csv")),
        ("127.0.0.1:10000/devstoreaccount1", "x", ("wasbs://lake@127.0.0.1:10000", "x")),
        (HOST, "/", None),
        (None, "x", None),
    ],
)
def test_a_blob_has_the_name_of_the_specification(host: Any, name: str, expected: Any) -> None:
    found = blob_dataset(host, "lake", name)

    assert (found and (found.namespace, found.name)) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"https://{HOST}/lake/raw/a%20b.csv?sv=1&sig=x", (f"wasbs://lake@{HOST}", "raw/a b.csv")),
        ("https://bucket.s3.amazonaws.com/raw/x?Signature=y", ("https://bucket.s3.amazonaws.com", "raw/x")),
        ("", None),
        (5, None),
    ],
)
def test_the_source_of_a_copy_is_named_without_what_signs_it(url: Any, expected: Any) -> None:
    found = source_dataset(url, HOST)

    assert (found and (found.namespace, found.name)) == expected
