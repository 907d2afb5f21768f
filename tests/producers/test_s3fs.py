"""s3fs under frames: what it gets for a library that reads a folder is no dataset of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest

pytest.importorskip("s3fs", reason="it needs an older botocore than the newest boto3")

import boto3
import pandas as pd
import pyarrow.dataset as ds
import s3fs
from moto.server import ThreadedMotoServer

import producers
from lineage import track_run
from lineage.testing import CapturedEvents

pytestmark = pytest.mark.cloud

FRAME = pd.DataFrame({"day": ["a", "a", "b"], "amount": [1, 2, 3]})
LIBRARIES = ("boto3", "fsspec", "pandas", "pyarrow")


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, Any]]:
    """Options of s3fs for a store with two files in the folder `parts`."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", "us-east-1", endpoint_url=url, aws_access_key_id="t", aws_secret_access_key="t"
    )
    client.create_bucket(Bucket="lake")
    for number in range(2):
        FRAME.to_parquet(body := BytesIO())
        client.put_object(Bucket="lake", Key=f"parts/{number}.parquet", Body=body.getvalue())
    yield {"key": "t", "secret": "t", "endpoint_url": url}
    server.stop()


def _pandas(options: dict[str, Any]) -> int:
    return len(pd.read_parquet("s3://lake/parts", storage_options=options))


def _pyarrow(options: dict[str, Any]) -> int:
    files = ds.dataset("lake/parts", filesystem=s3fs.S3FileSystem(**options))
    return files.to_table(use_threads=False).num_rows


@pytest.mark.parametrize("read", [_pandas, _pyarrow])
def test_a_folder_is_one_input(
    read: Callable[[dict[str, Any]], int], options: dict[str, Any], lineage_events: CapturedEvents
) -> None:
    for library in LIBRARIES:
        producers.install(library)
    with track_run("reads"):
        assert read(options) == 6

    last = lineage_events.of_job("reads")[-1]
    assert [(one["namespace"], one["name"]) for one in last["inputs"]] == [("s3://lake", "parts")]
    told = last["run"]["facets"]["lineageGraph_operations"]["operations"]
    assert "GET" in {one["operation"] for one in told}


@pytest.mark.parametrize("library", ["boto3", "fsspec", "pandas"])
def test_a_file_is_one_output_and_one_input_whoever_tells(
    library: str, options: dict[str, Any], lineage_events: CapturedEvents
) -> None:
    for installed in {"boto3", library}:
        producers.install(installed)
    with track_run("writes"):
        FRAME.to_csv("s3://lake/orders.csv", storage_options=options)
    with track_run("reads"):
        pd.read_csv("s3://lake/orders.csv", storage_options=options)

    for job, side in (("writes", "outputs"), ("reads", "inputs")):
        last = lineage_events.of_job(job)[-1]
        assert [one["name"] for one in last["inputs"] + last["outputs"]] == ["orders.csv"]
        assert [(one["namespace"], one["name"]) for one in last[side]] == [("s3://lake", "orders.csv")]
