"""What boto3 does on S3: operations, and datasets of the run, with a store that moto plays."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto")

from aws_cases import aws
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError, ParamValidationError
from moto import mock_aws

import producers
from lineage import configure, context, track_run
from lineage.testing import CapturedEvents, assert_lineage
from producers._aws_calls import object_dataset, source_dataset
from producers._lengths import length_of

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]
MEGABYTE = 1 << 20
SMALL = TransferConfig(multipart_threshold=5 * MEGABYTE, multipart_chunksize=5 * MEGABYTE, max_concurrency=2)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = aws().client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        client.put_object(Bucket="lake", Key="raw/orders.csv", Body=b"id\n1\n")
        producers.install("boto3")
        yield client


def names(events: CapturedEvents, side: str) -> list[str]:
    return [f"{one['namespace']}/{one['name']}" for one in events[-1][side]]


def done(told: Told, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(event.get(field) for field in ("operation_name", *fields)) for event in told()]


def test_what_is_read_and_written_is_the_run_s(s3: Any, lineage_events: CapturedEvents) -> None:
    with track_run("clean"):
        body = s3.get_object(Bucket="lake", Key="raw/orders.csv")["Body"].read()
        s3.put_object(Bucket="lake", Key="gold/orders.csv", Body=body)

    assert names(lineage_events, "inputs") == ["s3://lake/raw/orders.csv"]
    assert names(lineage_events, "outputs") == ["s3://lake/gold/orders.csv"]
    assert_lineage("s3://lake/raw/orders.csv", "s3://lake/gold/orders.csv", lineage_events)


def test_the_version_of_an_object_is_its_etag_as_the_store_answered(
    s3: Any, lineage_events: CapturedEvents, tmp_path: Path
) -> None:
    """PV-07: nothing is asked for it; a transfer tells that of the whole object."""
    etag = s3.head_object(Bucket="lake", Key="raw/orders.csv")["ETag"].strip('"')
    (tmp_path / "file").write_bytes(b"3")
    with track_run("clean"):
        s3.get_object(Bucket="lake", Key="raw/orders.csv")
        s3.put_object(Bucket="lake", Key="gold/orders.csv", Body=b"1")
        s3.copy_object(Bucket="lake", Key="gold/copy.csv", CopySource="lake/raw/orders.csv")
        s3.upload_file(str(tmp_path / "file"), "lake", "gold/file")
    with track_run("off", provenance="off"):
        s3.get_object(Bucket="lake", Key="raw/orders.csv")

    told = {
        one["name"]: one["facets"]
        for side in ("inputs", "outputs")
        for one in lineage_events[1][side]
        if "version" in one["facets"]
    }
    assert told.keys() == {"raw/orders.csv", "gold/orders.csv", "gold/copy.csv", "gold/file"}
    for name, facets in told.items():
        now = s3.head_object(Bucket="lake", Key=name)["ETag"].strip('"')
        assert facets["lineageGraph_artifact"]["etag"] == now, name
        assert facets["version"]["datasetVersion"] == f"etag:{now}"
    assert told["raw/orders.csv"]["lineageGraph_artifact"]["etag"] == etag
    assert lineage_events[3]["inputs"][0]["facets"] == {}


def test_each_call_is_an_operation_with_its_bytes_and_the_line_that_made_it(s3: Any, told: Told) -> None:
    with context.use(actor="ada"):
        s3.get_object(Bucket="lake", Key="raw/orders.csv", Range="bytes=0-1")["Body"].read()
        s3.put_object(Bucket="lake", Key="x", Body="é")
        s3.copy_object(Bucket="lake", Key="y", CopySource="lake/x")
        s3.head_object(Bucket="lake", Key="y")
        s3.list_objects_v2(Bucket="lake", Prefix="raw/")
        s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "x"}, {"Key": "y"}]})

    assert done(told, "bytes_read", "bytes_written", "objects") == [
        ("GET", 2, None, 1),
        ("PUT", None, 2, 1),
        ("COPY", None, None, 1),
        ("HEAD", None, None, None),
        ("LIST", None, None, 1),
        ("DELETE", None, None, 2),
    ]
    first = told()[0]
    assert (first["system"], first["vendor"], first["target"], first["actor"]) == ("s3", "aws", "lake", "ada")
    assert first["callsite"]["function"].endswith("the_line_that_made_it")
    assert first["query_id"]
    assert [event.get("dataset_name") for event in told()] == ["raw/orders.csv", "x", "y", None, None, None]


def test_looking_whether_an_object_is_there_reads_nothing(s3: Any, lineage_events: CapturedEvents) -> None:
    """A waiter for what a run has written itself must not make that its input."""
    with track_run("job"):
        s3.put_object(Bucket="lake", Key="gold/orders.csv", Body=b"x")
        s3.get_waiter("object_exists").wait(Bucket="lake", Key="gold/orders.csv")
        s3.list_objects_v2(Bucket="lake", Prefix="raw/")
        with pytest.raises(ClientError):
            s3.get_object(Bucket="lake", Key="raw/missing.csv")

    assert names(lineage_events, "inputs") == []
    assert names(lineage_events, "outputs") == ["s3://lake/gold/orders.csv"]


@pytest.mark.parametrize("threads", [True, False])
def test_a_transfer_is_one_operation_of_whoever_asked_for_it(
    s3: Any, told: Told, tmp_path: Path, threads: bool
) -> None:
    """However many parts it has, and although the calls are made in threads of a pool."""
    config = TransferConfig(5 * MEGABYTE, multipart_chunksize=5 * MEGABYTE, use_threads=threads)
    path = tmp_path / "big.bin"
    path.write_bytes(b"x" * (11 * MEGABYTE))
    with context.use(actor="ada"):
        s3.upload_file(str(path), "lake", "big.bin", Config=config)
        s3.download_file("lake", "big.bin", str(tmp_path / "again.bin"), Config=config)
        s3.copy({"Bucket": "lake", "Key": "big.bin"}, "lake", "copy.bin", Config=config)
        s3.upload_fileobj(io.BytesIO(b"small"), "lake", "small.bin")

    assert (tmp_path / "again.bin").read_bytes() == path.read_bytes()
    assert done(told, "bytes_read", "bytes_written", "objects", "actor") == [
        ("PUT", None, 11 * MEGABYTE, 1, "ada"),
        ("GET", 11 * MEGABYTE, None, 1, "ada"),
        ("COPY", None, None, 1, "ada"),
        ("PUT", None, 5, 1, "ada"),
    ]
    assert [event["attributes"]["requests"] for event in told()] == [5, 4, 6, 1]
    assert {event["callsite"]["function"].rpartition(".")[2] for event in told()} == {
        "test_a_transfer_is_one_operation_of_whoever_asked_for_it"
    }


def test_transfers_are_the_run_s_by_the_time_they_return(
    s3: Any, lineage_events: CapturedEvents, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("x")
    with track_run("upload"):
        s3.upload_file(str(tmp_path / "a.csv"), "lake", "in/a.csv")
        bucket = aws().resource("s3").Bucket("lake")
        bucket.copy({"Bucket": "lake", "Key": "raw/orders.csv"}, "out/orders.csv")

    assert names(lineage_events, "inputs") == ["s3://lake/raw/orders.csv"]
    assert sorted(names(lineage_events, "outputs")) == ["s3://lake/in/a.csv", "s3://lake/out/orders.csv"]


def test_a_transfer_that_fails_claims_nothing_and_fails_as_ever(s3: Any, told: Told, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    producers.uninstall("boto3")
    with pytest.raises(Exception, match="NoSuchBucket") as bare:
        s3.upload_file(str(tmp_path / "a.csv"), "nowhere", "a.csv")
    producers.install("boto3")
    with pytest.raises(Exception, match="NoSuchBucket") as watched:
        s3.upload_file(str(tmp_path / "a.csv"), "nowhere", "a.csv")

    assert type(watched.value) is type(bare.value)
    assert str(watched.value) == str(bare.value)
    assert done(told, "status", "bytes_written") == [("PUT", "error", None)]
    assert told()[0]["error"] == {"type": "NoSuchBucket", "message": "NoSuchBucket"}


def test_parts_uploaded_by_hand_are_operations_and_the_whole_is_the_dataset(
    s3: Any, lineage_events: CapturedEvents
) -> None:
    with track_run("job"):
        upload = s3.create_multipart_upload(Bucket="lake", Key="big")["UploadId"]
        part = s3.upload_part(Bucket="lake", Key="big", UploadId=upload, PartNumber=1, Body=b"abc")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(Bucket="lake", Key="big", UploadId=upload, MultipartUpload=parts)

    assert names(lineage_events, "outputs") == ["s3://lake/big"]
    facet = lineage_events[-1]["run"]["facets"]["lineageGraph_operations"]
    assert {one["operation"]: one["counts"].get("bytesWritten") for one in facet["operations"]} == {
        "CREATE_MULTIPART_UPLOAD": None,
        "UPLOAD_PART": 3,
        "MULTIPART_UPLOAD": None,
    }


def test_requests_cost_what_each_costs_also_inside_a_transfer(
    s3: Any, lineage_events: CapturedEvents, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('currency = "USD"\n[s3.PUT]\nper_1000_requests = 5\n')
    configure(prices=prices)
    (tmp_path / "a").write_bytes(b"x" * (11 * MEGABYTE))
    with track_run("job"):
        s3.put_object(Bucket="lake", Key="one", Body=b"")
        s3.upload_file(str(tmp_path / "a"), "lake", "five", Config=SMALL)

    assert lineage_events[-1]["run"]["facets"]["lineageGraph_operations"]["cost"] == pytest.approx(0.03)


def test_many_keys_of_a_folder_are_one_dataset(s3: Any, lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        for number in range(30):
            s3.put_object(Bucket="lake", Key=f"gold/revenue/part-{number}.csv", Body=b"")
        s3.put_object(Bucket="lake", Key="gold/daily/day=2026-01-01/part-0.csv", Body=b"")

    assert names(lineage_events, "outputs") == ["s3://lake/gold/revenue", "s3://lake/gold/daily"]
    facet = lineage_events[-1]["run"]["facets"]["lineageGraph_operations"]
    assert facet["total"]["objects"] == 31


def test_neither_contents_nor_keys_of_signatures_are_told(s3: Any, told: Told) -> None:
    """A presigned URL is made without a call, and what boto3 quotes of a wrong value stays here."""
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": "raw/orders.csv"})
    assert "Signature" in url
    assert told() == []
    s3.put_object(Bucket="lake", Key="x", Body=b"planted-secret", Metadata={"note": "planted-secret"})
    with pytest.raises(ParamValidationError, match="planted-secret"):
        s3.put_object(Bucket="lake", Key="x", Body=b"", ContentType={"planted-secret"})

    assert len(told()) == 2
    assert "planted" not in repr(told())
    assert "testing" not in repr([{**event, "callsite": None} for event in told()])


def test_threads_of_the_host_s_own_may_share_a_client(s3: Any, told: Told) -> None:
    def work(number: int) -> None:
        with context.use(actor=f"a{number}"):
            s3.put_object(Bucket="lake", Key=f"{number}/x", Body=b"")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {(event["actor"], event["dataset_name"]) for event in told()} == {
        (f"a{number}", f"{number}/x") for number in range(4)
    }


@pytest.mark.parametrize(
    ("bucket", "key", "expected"),
    [
        ("lake", "/raw/a b.csv", ("s3://lake", "raw/a b.csv")),
        ("lake", "backup/https://x/y", ("s3://lake", "backup/https://x/y")),
        (
            "arn:aws:s3:us-west-2:123456789012:accesspoint/shop",
            "raw/a",
            ("arn:aws:s3:us-west-2:123456789012", "accesspoint/shop/object/raw/a"),
        ),
        ("lake", "/", None),
        ("lake", 5, None),
    ],
)
def test_an_object_has_the_name_of_the_specification(
    bucket: str, key: Any, expected: tuple[str, str] | None
) -> None:
    found = object_dataset(bucket, key)

    assert (found and (found.namespace, found.name)) == expected


@pytest.mark.parametrize(
    "source",
    [
        {"Bucket": "lake", "Key": "raw/a b.csv", "VersionId": "7"},
        "lake/raw/a%20b.csv",
        "/lake/raw/a%20b.csv?versionId=7",
    ],
)
def test_the_source_of_a_copy_may_be_said_in_many_ways(source: Any) -> None:
    found = source_dataset(source)

    assert found is not None
    assert (found.namespace, found.name) == ("s3://lake", "raw/a b.csv")


def test_bodies_are_measured_without_reading_them(tmp_path: Path) -> None:
    class Own(bytes):
        def __len__(self) -> int:
            raise AssertionError("not ours to ask")

    (tmp_path / "x").write_bytes(b"12345")
    with (tmp_path / "x").open("rb") as file:
        file.read(2)
        assert length_of(file) == 3
        assert file.tell() == 2
    assert length_of(file) is None
    assert [length_of(one) for one in (b"ab", bytearray(3), memoryview(b"abcd"), "é", "ab")] == [
        2,
        3,
        4,
        2,
        2,
    ]
    assert length_of(io.BytesIO(b"abc")) == 3
    assert [length_of(one) for one in (Own(), iter([b"x"]), None, 5)] == [None] * 4
