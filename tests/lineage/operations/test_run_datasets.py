"""Operations name the datasets of their run, by the names that lineage knows datasets by."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from lineage import (
    Dataset,
    track_db_operation,
    track_messaging_operation,
    track_run,
    track_storage_operation,
)
from lineage.testing import CapturedEvents, assert_lineage
from producers._operations import Call, begin_call, end_call

Named = list[tuple[str, str]]


def named(events: CapturedEvents, side: str) -> Named:
    return [(one["namespace"], one["name"]) for one in events[-1][side]]


STORAGE: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"system": "s3", "bucket": "lake", "key": "/raw/orders/"}, ("s3://lake", "raw/orders")),
    ({"system": "aws_s3", "bucket": "s3a://lake/", "key": "raw"}, ("s3://lake", "raw")),
    ({"system": "s3", "bucket": None, "key": "s3://lake/raw"}, ("s3://lake", "raw")),
    ({"system": "minio", "bucket": "lake", "key": "raw"}, ("s3://lake", "raw")),
    ({"system": "gcs", "bucket": "lake", "key": "raw"}, ("gs://lake", "raw")),
    (
        {"system": "azure_blob", "bucket": "raw", "account": "shop", "key": "orders"},
        ("wasbs://raw@shop.blob.core.windows.net", "orders"),
    ),
    (
        {"system": "blob", "bucket": "raw@shop.blob.core.windows.net", "key": "orders"},
        ("wasbs://raw@shop.blob.core.windows.net", "orders"),
    ),
    ({"system": "azure_blob", "bucket": "raw", "key": "orders"}, ("azure_blob://raw", "orders")),
    ({"system": "nfs", "bucket": "/mnt/data", "key": "orders.csv"}, ("file", "/mnt/data/orders.csv")),
    ({"system": "r2", "bucket": "lake", "key": "raw"}, ("r2://lake", "raw")),
    (
        {"system": "azure_blob", "bucket": "raw", "key": "orders", "namespace": "abfss://raw@shop.dfs.x.net"},
        ("abfss://raw@shop.dfs.x.net", "orders"),
    ),
]


@pytest.mark.parametrize(("arguments", "name"), STORAGE)
def test_an_object_is_a_dataset_by_its_canonical_name(
    arguments: dict[str, Any], name: tuple[str, str], lineage_events: CapturedEvents
) -> None:
    """BT-13: a bucket and a key name what the run reads or writes."""
    with track_run("job"):
        with track_storage_operation(operation="GET", **arguments):
            pass
        with track_storage_operation(operation="PUT", **arguments):
            pass

    assert (named(lineage_events, "inputs"), named(lineage_events, "outputs")) == ([name], [name])


@pytest.mark.parametrize(
    ("operation", "side"),
    [
        ("GET", "inputs"),
        ("LIST", "inputs"),
        ("HEAD", "inputs"),
        ("PUT", "outputs"),
        ("COPY", "outputs"),
        ("MULTIPART_UPLOAD", "outputs"),
        ("DELETE", None),
        ("RESTORE", None),
    ],
)
def test_a_storage_operation_makes_an_input_or_an_output(
    operation: str, side: str | None, lineage_events: CapturedEvents
) -> None:
    """BT-14: what is read is an input, what is written an output, what is deleted neither."""
    with track_run("job"), track_storage_operation("s3", operation) as storage:
        storage.set_bucket("lake")
        storage.set_key("raw")

    for one in ("inputs", "outputs"):
        assert named(lineage_events, one) == ([("s3://lake", "raw")] if one == side else [])


@pytest.mark.parametrize(
    ("operation", "side"),
    [
        ("publish", "outputs"),
        ("SEND", "outputs"),
        ("consume", "inputs"),
        ("receive", "inputs"),
        ("subscribe", None),
    ],
)
def test_a_messaging_operation_makes_an_input_or_an_output(
    operation: str, side: str | None, lineage_events: CapturedEvents
) -> None:
    """BT-16, BT-18: who sends writes, who takes reads, who subscribes does neither yet."""
    with (
        track_run("job"),
        track_messaging_operation("kafka", operation, "orders", namespace="kafka://broker"),
    ):
        pass

    for one in ("inputs", "outputs"):
        assert named(lineage_events, one) == ([("kafka://broker:9092", "orders")] if one == side else [])


DESTINATIONS = [
    ("kafka", "kafka://broker:9092/orders", ("kafka://broker:9092", "orders")),
    ("kafka", "orders", ("kafka", "orders")),
    ("sqs", "orders", ("sqs", "orders")),
    (
        "sqs",
        "https://sqs.us-east-1.amazonaws.com/123456789012/orders",
        ("arn:aws:sqs:us-east-1:123456789012", "orders"),
    ),
    (
        "sqs",
        "arn:aws:sqs:us-east-1:123456789012:orders",
        ("arn:aws:sqs:us-east-1:123456789012", "orders"),
    ),
    ("sns", "arn:aws:sns:eu-west-1:123456789012:paid", ("arn:aws:sns:eu-west-1:123456789012", "paid")),
    (
        "kinesis",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
        ("arn:aws:kinesis:eu-west-1:123456789012", "stream/clicks"),
    ),
    ("pubsub", "projects/shop/topics/orders", ("pubsub", "topic:shop:orders")),
    ("pubsub", "projects/shop/subscriptions/mail", ("pubsub", "subscription:shop:mail")),
    ("rabbitmq", "orders", ("rabbitmq", "orders")),
]


@pytest.mark.parametrize(("system", "destination", "name"), DESTINATIONS)
def test_a_destination_is_a_dataset_by_its_canonical_name(
    system: str, destination: str, name: tuple[str, str], lineage_events: CapturedEvents
) -> None:
    """BT-16: topics, queues and streams; without a place, in a namespace called as the system."""
    with track_run("job"), track_messaging_operation(system, "publish", destination):
        pass

    assert named(lineage_events, "outputs") == [name]


def test_a_destination_is_where_the_runs_only_other_one_is(lineage_events: CapturedEvents) -> None:
    """BT-16: a run that knows one broker means that one; with two it is not guessed."""
    publish = track_messaging_operation("kafka", "publish", "paid")
    with track_run("one", inputs="kafka://broker:9092/orders"), publish:
        pass
    one = named(lineage_events, "outputs")
    with track_run("two", inputs=["kafka://broker:9092/orders", "kafka://other:9092/orders"]), publish:
        pass

    assert one == [("kafka://broker:9092", "paid")]
    assert named(lineage_events, "outputs") == [("kafka", "paid")]


@pytest.mark.parametrize(
    ("say", "name"),
    [
        (lambda db: db.set_dataset("s3://lake/raw"), ("s3://lake", "raw")),
        (
            lambda db: db.set_dataset("shop.public.orders", "postgres://db"),
            ("postgres://db:5432", "shop.public.orders"),
        ),
        (lambda db: db.set_dataset(Dataset("warehouse", "orders")), ("warehouse", "orders")),
    ],
)
def test_a_dataset_may_be_said_as_such(
    say: Callable[[Any], None], name: tuple[str, str], lineage_events: CapturedEvents
) -> None:
    with track_run("job"), track_db_operation("pg", "SELECT") as db:
        say(db)

    assert named(lineage_events, "inputs") == [name]


def test_a_table_with_a_namespace_is_a_dataset(lineage_events: CapturedEvents) -> None:
    """BT-04: where the namespace is known, the table is lineage, too."""
    with track_run("job"):
        for operation, table in (("SELECT", "orders"), ("MERGE", "revenue"), ("TRANSACTION", "none")):
            with track_db_operation("pg", operation, "shop", namespace="postgres://db") as db:
                db.set_table(table, "public")
        with track_db_operation("pg", "SELECT", "shop") as db:
            db.set_table("elsewhere", "public")

    assert named(lineage_events, "inputs") == [("postgres://db:5432", "shop.public.orders")]
    assert named(lineage_events, "outputs") == [("postgres://db:5432", "shop.public.revenue")]


def test_long_keys_stay_whole(lineage_events: CapturedEvents) -> None:
    keys = [f"{'part/' * 190}{number}" for number in range(2)]
    with track_run("job"):
        for key in keys:
            with track_storage_operation("s3", "PUT", "lake", key):
                pass

    assert named(lineage_events, "outputs") == [("s3://lake", key) for key in keys]


def test_what_failed_made_no_data_unless_it_says_so(lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        for key, written in (("nothing", None), ("zero", 0), ("half", 10)):
            with track_storage_operation("s3", "PUT", "lake", key) as storage:
                storage.set_result(bytes_written=written)
                storage.set_error(OSError("broken pipe"))

    assert named(lineage_events, "outputs") == [("s3://lake", "half")]


@pytest.mark.parametrize("destination", ["kafka://", "bad\0name", "s3://"])
def test_a_name_that_cannot_be_read_is_left_out(destination: str, lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        with track_messaging_operation("kafka", "publish", destination):
            pass
        with track_storage_operation("s3", "PUT", "lake", destination):
            pass

    assert named(lineage_events, "outputs") == []
    assert lineage_events.types == ["START", "COMPLETE"]


def test_no_credentials_of_a_destination_are_kept(lineage_events: CapturedEvents) -> None:
    """fault 3-22: a URL's user and password are in no event."""
    with track_run("job"), track_messaging_operation("rabbitmq", "publish", "amqp://anna:geheim@mq/orders"):
        pass

    assert named(lineage_events, "outputs") == [("amqp://mq", "orders")]
    assert "geheim" not in str(lineage_events)


def test_the_datasets_of_a_run_are_bounded_and_told_once(
    lineage_events: CapturedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    with track_run("job"):
        for number in range(1_200):
            for _ in range(2):
                with track_storage_operation("s3", "PUT", "lake", f"day={number}"):
                    pass

    assert len(lineage_events[-1]["outputs"]) == 1_000
    assert [record.getMessage() for record in caplog.records] == [
        "A run names over 1000 datasets in operations; the rest is left out."
    ]


def test_lineage_runs_from_what_is_received_to_what_is_stored(lineage_events: CapturedEvents) -> None:
    with track_run("job"):
        with track_messaging_operation("kafka", "consume", "kafka://broker:9092/orders"):
            pass
        with track_storage_operation("s3", "PUT", "lake", "raw/orders"):
            pass

    assert_lineage("kafka://broker:9092/orders", "s3://lake/raw/orders", lineage_events)


def seen(operation: str, namespace: str, name: str) -> None:
    """Have an integration see an object."""
    call = Call("storage", "s3", operation, "lake", Dataset(namespace, name))
    begun = begin_call(call, sys._getframe())
    assert begun is not None
    end_call(begun)


def test_an_object_in_a_folder_that_the_run_knows_is_part_of_it(lineage_events: CapturedEvents) -> None:
    azure = "wasbs://raw@shop.blob.core.windows.net"
    with track_run("job") as run:
        run.input("s3://lake/raw/orders")
        run.input("abfss://raw@shop.dfs.core.windows.net/days")
        run.output("s3://lake/gold")
        for name in ("raw/orders/part-0", "raw/orders/late/part-1", "raw/orders", "raw/orders_of_2025", "x"):
            seen("GET", "s3://lake", name)
        seen("GET", "s3://other", "raw/orders/part-0")
        seen("GET", azure, "days/0")
        seen("GET", azure, "months/0")
        seen("PUT", "s3://lake", "gold/part-0")
        seen("PUT", "s3://lake", "raw/orders/part-0")

    assert named(lineage_events, "inputs") == [
        ("s3://lake", "raw/orders"),
        ("abfss://raw@shop.dfs.core.windows.net", "days"),
        ("s3://lake", "raw/orders_of_2025"),
        ("s3://lake", "x"),
        ("s3://other", "raw/orders/part-0"),
        (azure, "months/0"),
    ]
    assert named(lineage_events, "outputs") == [("s3://lake", "gold"), ("s3://lake", "raw/orders/part-0")]
