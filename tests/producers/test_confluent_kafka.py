"""Messages of confluent-kafka, on the mock cluster of librdkafka."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import cimpl
from kafka_cluster import mock_servers
from messaging_cases import ASYNCHRONOUS
from told_queries import told_events

import producers
from lineage import configure, context, current_run, track_run
from lineage.attribution import flush_queries

Told = Callable[[], list[dict[str, Any]]]
READING = {"group.id": "readers", "fetch.wait.max.ms": 10}
CLUSTER = {"log_level": 0, "linger.ms": 0}


@pytest.fixture
def told() -> Iterator[Told]:
    """What sinks are told of, beside the runs."""
    with told_events("lineage") as take:
        yield take


@pytest.fixture
def topic() -> str:
    return f"orders-{uuid.uuid4().hex}"


def settings(**more: Any) -> dict[str, Any]:
    return {"bootstrap.servers": mock_servers(), **CLUSTER, **more}


def all_of(topic: str) -> list[Any]:
    return [confluent_kafka.TopicPartition(topic, part, 0) for part in range(4)]


@contextmanager
def consuming(topic: str, kind: Any = None) -> Iterator[Any]:
    consumer = (kind or confluent_kafka.Consumer)(settings(**READING))
    consumer.assign(all_of(topic))
    yield consumer
    consumer.close()


def publish(topic: str, body: bytes = b"hello", **options: Any) -> None:
    producer = confluent_kafka.Producer(settings())
    producer.produce(topic, body, **options)
    assert producer.flush(10) == 0


def names_of(side: Any) -> set[tuple[str, str]]:
    return set(side)


def actor() -> str | None:
    known = context.current()
    return known.actor if known is not None else None


def test_a_topic_is_what_one_run_writes_and_another_reads(topic: str, told: Told) -> None:
    producers.install("confluent_kafka")
    with track_run("send") as sender:
        publish(topic)
    with track_run("receive") as receiver, consuming(topic) as consumer:
        message = consumer.poll(10)

    place = (f"kafka://{mock_servers()}", topic)
    assert message.value() == b"hello"
    assert names_of(sender.facts.outputs) == names_of(receiver.facts.inputs) == {place}
    assert not sender.facts.inputs
    assert not receiver.facts.outputs
    published, received = told()
    assert [one["operation_name"] for one in (published, received)] == ["publish", "receive"]
    assert [one["target"] for one in (published, received)] == [topic] * 2
    assert [(one["messages"], one["bytes_transferred"]) for one in (published, received)] == [(1, 5)] * 2
    assert published["callsite"]["function"] == "publish"


def test_a_message_is_handled_for_whom_it_was_sent(topic: str) -> None:
    """What is done between two calls of `poll` is attributed to the sender of the message of the first."""
    producers.install("confluent_kafka")
    headers = [("kind", b"order")]
    with context.use(actor="ada", request_id="r-1"), track_run("send") as sender:
        publish(topic, headers=headers)
    with consuming(topic) as consumer:
        message = consumer.poll(10)
        handled = context.current()
        with track_run("handle") as run:
            pass
        assert consumer.poll(0) is None
        after = context.current()

    assert headers == [("kind", b"order")]
    assert message.headers()[0] == ("kind", b"order")
    assert handled is not None
    assert (handled.actor, handled.request_id) == ("ada", "r-1")
    assert run.facts.parent == sender.identity
    assert after is None


@pytest.mark.parametrize("headers", [None, {"kind": "order"}, [("kind", "order")]])
def test_headers_are_taken_in_every_form(topic: str, headers: Any) -> None:
    producers.install("confluent_kafka")
    before = repr(headers)
    with context.use(actor="ada"):
        publish(topic, headers=headers)
        producer = confluent_kafka.Producer(settings())
        producer.produce(topic, b"x", None, -1, None, None, 0, headers)  # each argument at its place
        assert producer.flush(10) == 0
    with consuming(topic) as consumer:
        found = [dict(consumer.poll(10).headers()) for _ in range(2)]

    assert repr(headers) == before
    assert [one["baggage"] for one in found] == [b"lineage.actor=ada"] * 2
    assert all(headers is None or one["kind"] == b"order" for one in found)


def test_without_context_a_message_goes_as_it_is(topic: str) -> None:
    producers.install("confluent_kafka")
    publish(topic)
    with consuming(topic) as consumer:
        assert consumer.poll(10).headers() is None


def test_a_batch_is_one_operation_a_topic_and_nobody_s_context(topic: str, told: Told) -> None:
    producers.install("confluent_kafka")
    with context.use(actor="ada"):
        publish(topic)
        publish(topic)
    with track_run("receive"), consuming(topic) as consumer:
        messages: list[Any] = []
        while len(messages) < 2:
            messages += consumer.consume(2 - len(messages), 10)
        assert actor() is None
        for message in messages:
            with context.handling(message.headers()):
                assert actor() == "ada"

    received = [one for one in told() if one["operation_name"] == "receive"]
    assert sum(one["messages"] for one in received) == 2


def test_a_delivery_that_fails_is_no_output() -> None:
    """A message that was taken over and never got to the broker was not written."""
    producers.install("confluent_kafka")
    heard: list[Any] = []
    producer = confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    with track_run("send") as run:
        producer.produce("orders", b"hello", on_delivery=lambda error, message: heard.append(error.code()))
        producer.purge()
        assert producer.flush(10) == 0

    counts = run.facts.run_facets["lineageGraph_operations"].total
    assert heard == [confluent_kafka.KafkaError._PURGE_QUEUE]
    assert not run.facts.outputs
    assert (counts.count, counts.errors, counts.messages) == (1, 1, 0)


def test_a_message_that_only_the_context_makes_too_large_goes_without_it(topic: str) -> None:
    producers.install("confluent_kafka")
    producer = confluent_kafka.Producer(settings(**{"message.max.bytes": 1000}))
    with context.use(actor="ada"), track_run("send") as run:
        producer.produce(topic, b"x" * 800)
        with pytest.raises(confluent_kafka.KafkaException, match="MSG_SIZE_TOO_LARGE"):
            producer.produce(topic, b"x" * 2000)
        assert producer.flush(10) == 0
    with consuming(topic) as consumer:
        assert consumer.poll(10).headers() is None

    assert {name for _, name in run.facts.outputs} == {topic}


@pytest.mark.parametrize("own", [True, False])
def test_reports_of_deliveries_go_where_the_host_said(topic: str, own: bool) -> None:
    """A callback of the settings is called where `produce` got none of its own."""
    producers.install("confluent_kafka")
    heard: list[str] = []
    producer = confluent_kafka.Producer(settings(on_delivery=lambda error, message: heard.append("settings")))
    options = {"on_delivery": lambda error, message: heard.append("call")} if own else {}
    producer.produce(topic, b"hello", **options)
    assert producer.flush(10) == 0

    assert heard == ["call" if own else "settings"]


def test_what_a_report_raises_leaves_poll_as_always(topic: str) -> None:
    producers.install("confluent_kafka")

    def fail(error: Any, message: Any) -> None:
        raise ZeroDivisionError("of the host")

    producer = confluent_kafka.Producer(settings())
    producer.produce(topic, b"hello", callback=fail)
    with pytest.raises(ZeroDivisionError, match="of the host"):
        producer.flush(10)


def test_subclasses_pass_for_the_types_they_stand_for() -> None:
    before = cimpl.Producer(settings())
    serializing = confluent_kafka.SerializingProducer(settings())
    producers.install("confluent_kafka")
    made = confluent_kafka.Producer(settings())

    class Own(confluent_kafka.Producer):
        pass

    assert type(made) is confluent_kafka.Producer
    assert type(made).__qualname__ == "Producer"
    for one in (before, serializing, made, Own(settings())):
        assert isinstance(one, confluent_kafka.Producer)
        assert isinstance(one, cimpl.Producer)
    assert not isinstance(made, Own)
    assert not isinstance(made, confluent_kafka.Consumer)
    assert issubclass(confluent_kafka.SerializingProducer, confluent_kafka.Producer)
    producers.uninstall("confluent_kafka")
    assert confluent_kafka.Producer is cimpl.Producer
    assert isinstance(made, confluent_kafka.Producer)


def test_clients_that_serialise_are_captured_also_those_of_before(topic: str, told: Told) -> None:
    producer = confluent_kafka.SerializingProducer(
        settings(**{"value.serializer": lambda value, _: value.encode()})
    )
    producers.install("confluent_kafka")
    with context.use(actor="ada"), track_run("send") as run:
        producer.produce(topic, value="hello")
        assert producer.flush(10) == 0
    with consuming(topic, confluent_kafka.DeserializingConsumer) as consumer:
        assert consumer.poll(10).value() == b"hello"
        assert actor() == "ada"

    assert names_of(run.facts.outputs) == {("kafka", topic)}  # where it leads was not seen
    assert [one["operation_name"] for one in told()] == ["publish", "receive"]


def test_a_class_of_the_host_s_that_calls_its_base_is_captured_once(topic: str, told: Told) -> None:
    class Own(cimpl.Producer):
        def produce(self, body: bytes) -> None:  # type: ignore[override]
            super().produce(topic, body)

    producers.install("confluent_kafka")
    producer = Own(settings())
    producer.produce(b"hello")
    assert producer.flush(10) == 0

    assert [one["target"] for one in told()] == [topic]
    producers.uninstall("confluent_kafka")
    assert Own.__bases__ == (cimpl.Producer,)
    producer.produce(b"hello")
    assert len(told()) == 1


def test_classes_and_clients_live_no_longer_than_without_us() -> None:
    producers.install("confluent_kafka")

    class Own(confluent_kafka.Producer):
        pass

    del Own
    gc.collect()
    assert [one.__qualname__ for one in cimpl.Producer.__subclasses__() if "Own" in one.__qualname__] == []


def test_lineage_that_is_disabled_sends_no_context(topic: str, told: Told) -> None:
    producers.install("confluent_kafka")
    with context.use(actor="ada"):
        configure(disabled=True)
        publish(topic)
        configure(disabled=False)
    with consuming(topic) as consumer:
        assert consumer.poll(10).headers() is None
    assert [one["operation_name"] for one in told()] == ["receive"]


def test_context_goes_with_messages_also_where_nobody_is_told(topic: str) -> None:
    configure(sink="none")
    producers.install("confluent_kafka")
    with context.use(actor="ada"):
        publish(topic)
    with consuming(topic) as consumer:
        consumer.poll(10)
        assert actor() == "ada"
    assert flush_queries(10)


@pytest.mark.skipif(not ASYNCHRONOUS, reason="this version of confluent-kafka has no asynchronous clients")
def test_asynchronous_clients_work_for_the_task_that_asks(topic: str, told: Told) -> None:
    """Not for whoever their threads served last; batches of the library take no headers."""
    producers.install("confluent_kafka")
    make_consumer, make_producer = ASYNCHRONOUS

    async def work() -> Any:
        producer = make_producer(settings())
        with context.use(actor="ada"), track_run("send") as run:
            delivered = await producer.produce(topic, value=b"hello")
            await producer.flush()
            message = await delivered
        await producer.close()
        with context.use(actor="ada"):
            publish(topic)
        consumer = make_consumer(settings(**READING))
        await consumer.assign(all_of(topic))
        actors = set()
        for _ in range(2):
            assert await consumer.poll(10) is not None
            actors.add(actor())
        await consumer.close()
        return run, message, actors

    run, message, actors = asyncio.run(work())

    assert message.value() == b"hello"
    assert names_of(run.facts.outputs) == {(f"kafka://{mock_servers()}", topic)}
    assert actors == {None, "ada"}
    assert [one["operation_name"] for one in told()] == ["publish", "publish", "receive", "receive"]
    assert current_run().run_id == ""
