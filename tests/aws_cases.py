"""What the contract of integrations is tried on with boto3, against moto."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import md5
from typing import Any

import boto3
import botocore
import botocore.client
import s3transfer.futures
import s3transfer.manager
import s3transfer.tasks
from held_attributes import attributes
from moto import mock_aws
from postgres_server import PostgresServer
from producer_cases import Case

import producers.boto3


@cache
def aws() -> boto3.Session:
    """Return the one session of all tests, as it is slow to load what it knows of AWS."""
    return boto3.Session("testing", "testing", region_name="eu-central-1")


@contextmanager
def _sqs(postgres: PostgresServer) -> Iterator[Any]:
    with mock_aws():
        client = aws().client("sqs")
        client.create_queue(QueueName="orders")
        yield client


def _send(client: Any, text: str) -> Any:
    queue = "nowhere" if "nowhere" in text else "orders"
    url = f"https://sqs.eu-central-1.amazonaws.com/123456789012/{queue}"
    return [client.send_message(QueueUrl=url, MessageBody=text)["MD5OfMessageBody"]]


def _raise_in_boto3(client: Any, error: BaseException) -> Any:
    def fail(**kwargs: Any) -> None:
        raise error

    client.meta.events.register("before-parameter-build.sqs.SendMessage", fail)
    try:
        _send(client, "select 2")
    finally:
        client.meta.events.unregister("before-parameter-build.sqs.SendMessage", fail)


def _traces_of_boto3(client: Any) -> dict[str, Any]:
    return attributes(
        botocore.client.BaseClient,
        s3transfer.manager.TransferManager,
        s3transfer.futures.TransferCoordinator,
        s3transfer.tasks.Task,
    )


def _digest(text: str) -> list[str]:
    return [md5(text.encode(), usedforsecurity=False).hexdigest()]


CASES = {
    "boto3": Case(
        "boto3",
        producers.boto3,
        _sqs,
        _send,
        _raise_in_boto3,
        _traces_of_boto3,
        answer=_digest,
        refusal="queue does not exist",
        library=botocore,
        steps=("begin", "call_of", "answered", "code_of", "recorded_config", "sending", "is_refused"),
    ),
}
