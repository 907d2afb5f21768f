"""aiobotocore, on which aioboto3 and s3fs stand: its calls are captured as those of boto3 are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("aiobotocore", reason="it needs an older botocore than the newest boto3")

from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

import producers
from lineage import context, track_run
from lineage.testing import CapturedEvents
from producers.boto3 import carrier_of

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(service: str, endpoint: str) -> Any:
    return get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


async def work(endpoint: str) -> Any:
    async with client("s3", endpoint) as s3, client("sqs", endpoint) as sqs:
        await s3.create_bucket(Bucket="lake")
        queue = (await sqs.create_queue(QueueName="orders"))["QueueUrl"]
        with context.use(actor="ada"), track_run("work"):
            await s3.put_object(Bucket="lake", Key="x", Body=b"abc")
            body = await (await s3.get_object(Bucket="lake", Key="x"))["Body"].read()
            await sqs.send_message(QueueUrl=queue, MessageBody="x")
            with pytest.raises(ClientError, match="NoSuchKey"):
                await s3.get_object(Bucket="lake", Key="nowhere")
        (message,) = (await sqs.receive_message(QueueUrl=queue))["Messages"]
        return body, message


def test_its_calls_are_operations_and_its_objects_and_queues_datasets(
    endpoint: str, lineage_events: CapturedEvents
) -> None:
    producers.install("boto3")
    body, message = asyncio.run(work(endpoint))

    assert body == b"abc"
    assert "MessageAttributes" not in message
    assert carrier_of(message)["baggage"] == "lineage.actor=ada"
    last = lineage_events.of_job("work")[-1]
    assert [one["name"] for one in last["inputs"]] == ["x"]
    assert sorted(one["name"] for one in last["outputs"]) == ["orders", "x"]
    told = last["run"]["facets"]["lineageGraph_operations"]["operations"]
    counts = {(one["operation"], one["counts"]["errors"]): one["counts"] for one in told}
    assert counts["PUT", 0]["bytesWritten"] == counts["GET", 1]["bytesRead"] == 3


def test_uninstalling_leaves_its_own_method() -> None:
    from aiobotocore.client import AioBaseClient

    before = vars(AioBaseClient)["_make_api_call"]
    producers.install("boto3")
    assert vars(AioBaseClient)["_make_api_call"] is not before
    producers.uninstall("boto3")

    assert vars(AioBaseClient)["_make_api_call"] is before
