"""Messages of kafka-python: on the mock cluster of librdkafka, and on a real broker where there is one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import kafka
import pytest
from kafka_cluster import MOCK_VERSION, mock_servers, real_cluster, why_not
from told_queries import told_events

import producers
from lineage import context, current_run, track_run

Told = Callable[[], list[dict[str, Any]]]
Options = dict[str, Any]


@pytest.fixture(scope="module")
def _real() -> Iterator[str]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with real_cluster() as servers:
        yield servers


@pytest.fixture(params=["mock", pytest.param("real", marks=pytest.mark.slow)])
def cluster(request: pytest.FixtureRequest) -> Options:
    """How clients connect."""
    if request.param == "real":
        return {"bootstrap_servers": [request.getfixturevalue("_real")]}
    return {"bootstrap_servers": [mock_servers()], "api_version": MOCK_VERSION}


@pytest.fixture
def told() -> Iterator[Told]:
    with told_events("lineage") as take:
        yield take


@pytest.fixture
def topic() -> str:
    return f"orders-{uuid.uuid4().hex}"


def publish(cluster: Options, topic: str, *arguments: Any, **options: Any) -> Any:
    producer = kafka.KafkaProducer(**cluster)
    try:
        return producer.send(topic, *(arguments or (b"hello",)), **options).get(20)
    finally:
        producer.close()


@contextmanager
def consuming(cluster: Options, topic: str) -> Iterator[Any]:
    consumer = kafka.KafkaConsumer(auto_offset_reset="earliest", consumer_timeout_ms=20_000, **cluster)
    partitions = consumer.partitions_for_topic(topic)
    consumer.assign([kafka.TopicPartition(topic, part) for part in partitions])
    yield consumer
    consumer.close()


def actor() -> str | None:
    known = context.current()
    return known.actor if known is not None else None


def test_a_topic_is_what_one_run_writes_and_another_reads(cluster: Options, topic: str, told: Told) -> None:
    producers.install("kafka")
    with track_run("send") as sender:
        assert publish(cluster, topic).topic == topic
    with track_run("receive") as receiver, consuming(cluster, topic) as consumer:
        assert next(consumer).value == b"hello"

    place = (f"kafka://{cluster['bootstrap_servers'][0]}", topic)
    assert set(sender.facts.outputs) == set(receiver.facts.inputs) == {place}
    published, received = told()
    assert [one["operation_name"] for one in (published, received)] == ["publish", "receive"]
    assert [(one["messages"], one["bytes_transferred"]) for one in (published, received)] == [(1, 5)] * 2
    assert published["callsite"]["function"] == "publish"


def test_a_loop_handles_each_message_for_its_sender(cluster: Options, topic: str) -> None:
    producers.install("kafka")
    headers = [("kind", b"order")]
    for name in ("ada", "bob"):
        with context.use(actor=name):
            publish(cluster, topic, headers=headers, partition=0)
    publish(cluster, topic, b"of nobody", None, headers, 0)
    seen = []
    with track_run("receive") as run, consuming(cluster, topic) as consumer:
        for record in consumer:
            assert record.headers[0] == ("kind", b"order")
            assert current_run() is run
            seen.append(actor())
            if record.value == b"of nobody":
                break

    assert headers == [("kind", b"order")]
    assert seen == ["ada", "bob", None]


def test_a_consumer_that_is_closed_handles_nothing(cluster: Options, topic: str) -> None:
    producers.install("kafka")
    with context.use(actor="ada"):
        publish(cluster, topic)
    with consuming(cluster, topic) as consumer:
        next(consumer)
        assert actor() == "ada"

    assert actor() is None


def test_what_poll_gives_is_one_operation_a_topic(cluster: Options, topic: str, told: Told) -> None:
    """Records of several senders are handled for each by `context.handling`."""
    producers.install("kafka")
    with context.use(actor="ada"):
        publish(cluster, topic)
    with track_run("receive") as run, consuming(cluster, topic) as consumer:
        ((records),) = consumer.poll(20_000).values()
        assert actor() is None
        for record in records:
            with context.handling(record.headers):
                assert actor() == "ada"

    assert {name for _, name in run.facts.inputs} == {topic}
    assert [one["messages"] for one in told()] == [1, 1]


def test_a_delivery_that_fails_is_no_output() -> None:
    producers.install("kafka")
    producer = kafka.KafkaProducer(
        bootstrap_servers=[mock_servers()], api_version=MOCK_VERSION, max_request_size=1000, linger_ms=60_000
    )
    with track_run("send") as run:
        try:
            failure = producer.send("orders", b"x" * 2000).exception  # as 2.0 tells it
        except kafka.errors.MessageSizeTooLargeError as error:
            failure = error
    with track_run("late") as late:
        future = producer.send("orders", b"x", partition=0)
        producer._accumulator.abort_incomplete_batches()  # as of a producer that is closed at once
        assert future.failed()
    producer.close()

    assert isinstance(failure, kafka.errors.MessageSizeTooLargeError)
    assert not run.facts.outputs
    assert not late.facts.outputs
    assert late.facts.run_facets["lineageGraph_operations"].total.errors == 1


def test_a_message_that_only_the_context_makes_too_large_goes_without_it(topic: str) -> None:
    producers.install("kafka")
    narrow = {"bootstrap_servers": [mock_servers()], "api_version": MOCK_VERSION}
    with context.use(actor="ada"), track_run("send") as run:
        assert publish({**narrow, "max_request_size": 1000}, topic, b"x" * 800).topic == topic
    with consuming(narrow, topic) as consumer:
        assert next(consumer).headers == []

    assert {name for _, name in run.facts.outputs} == {topic}


def test_brokers_before_headers_get_none(topic: str) -> None:
    """Such a broker refuses them, and would get no message at all."""
    producers.install("kafka")
    old = {"bootstrap_servers": [mock_servers()], "api_version": (0, 10, 2)}
    with context.use(actor="ada"):
        assert publish(old, topic).topic == topic
