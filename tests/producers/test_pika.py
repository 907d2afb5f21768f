"""Messages of pika: on a small broker of the tests, and on a real RabbitMQ where there is one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pika
import pytest
from messaging_cases import amqp_port
from pika.adapters.select_connection import SelectConnection
from rabbitmq_server import running_rabbitmq, why_not
from told_queries import told_events

import producers
from lineage import capture_query, context, current_run, track_run

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def _rabbitmq() -> Iterator[int]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with running_rabbitmq() as port:
        yield port


@pytest.fixture(params=["small", pytest.param("rabbitmq", marks=pytest.mark.slow)])
def parameters(request: pytest.FixtureRequest) -> pika.ConnectionParameters:
    port = request.getfixturevalue("_rabbitmq") if request.param == "rabbitmq" else amqp_port()
    return pika.ConnectionParameters("127.0.0.1", port)


@pytest.fixture
def channel(parameters: pika.ConnectionParameters) -> Iterator[Any]:
    producers.install("pika")
    with closing(pika.BlockingConnection(parameters)) as connection:
        opened = connection.channel()
        opened.exchange_declare("events", "fanout")
        yield opened


@pytest.fixture
def queue(channel: Any) -> str:
    name = f"orders-{uuid.uuid4().hex}"
    channel.queue_declare(name)
    return name


@pytest.fixture
def told() -> Iterator[Told]:
    with told_events("lineage") as take:
        yield take


def actor() -> str | None:
    known = context.current()
    return known.actor if known is not None else None


def consume_all(channel: Any, queue: str, callback: Callable[..., None], count: int = 1) -> None:
    """Have a callback called for as many messages."""
    seen: list[Any] = []

    def called(*message: Any) -> None:
        seen.append(message)
        if len(seen) == count:
            channel.stop_consuming()
        callback(*message)

    channel.basic_consume(queue, called, auto_ack=True)
    channel.start_consuming()


def test_a_queue_is_what_one_run_writes_and_another_reads(channel: Any, queue: str, told: Told) -> None:
    with track_run("send") as sender:
        channel.basic_publish("", queue, b"hello")
    with track_run("receive") as receiver:
        consume_all(channel, queue, lambda *message: None)

    place = (f"amqp://127.0.0.1:{channel.connection._impl.params.port}", f"queue:{queue}")
    assert set(sender.facts.outputs) == set(receiver.facts.inputs) == {place}
    published, consumed = told()
    assert [one["operation_name"] for one in (published, consumed)] == ["publish", "consume"]
    assert [one["target"] for one in (published, consumed)] == [queue] * 2
    assert [(one["messages"], one["bytes_transferred"]) for one in (published, consumed)] == [(1, 5)] * 2


def test_messages_of_an_exchange_are_one_dataset_whatever_their_routing_keys(
    channel: Any, queue: str, told: Told
) -> None:
    """Who publishes knows the exchange, and who consumes is told of it; a routing key is not told."""
    channel.queue_bind(queue, "events", routing_key="planted.key")
    with track_run("send") as sender:
        channel.basic_publish("events", "planted.key", b"hello")
    with track_run("receive") as receiver:
        assert channel.basic_get(queue, auto_ack=True)[2] == b"hello"

    assert {name for _, name in sender.facts.outputs} == {"exchange:events"}
    assert {name for _, name in receiver.facts.inputs} == {"exchange:events"}
    assert [one["target"] for one in told()] == ["events", queue]
    assert "planted" not in repr(told())


def test_a_callback_works_for_the_sender_of_its_message(channel: Any, queue: str, told: Told) -> None:
    headers = {"kind": "order"}
    properties = pika.BasicProperties(headers=headers, content_type="text/plain")
    with context.use(actor="ada", request_id="r-1"), track_run("send"):
        channel.basic_publish("", queue, b"hello", properties)
    with context.use(actor="bob"):
        channel.basic_publish(exchange="", routing_key=queue, body=b"hello")
    channel.basic_publish("", queue, b"hello")
    seen = []

    def handle(_: Any, __: Any, received: Any, ___: Any) -> None:
        assert current_run() is run
        capture_query("select 1", db_system="sqlite")
        seen.append((actor(), (received.headers or {}).get("kind"), received.content_type))

    with track_run("receive") as run:
        consume_all(channel, queue, handle, 3)

    assert seen == [("ada", "order", "text/plain"), ("bob", None, None), (None, None, None)]
    assert headers == {"kind": "order"}
    assert properties.headers is headers
    queries = [event for event in told() if event["event_name"] == "lineage.query"]
    assert [one.get("request_id") for one in queries] == ["r-1", None, None]
    assert {one["run_id"] for one in queries} == {run.run_id}


def test_without_context_properties_are_the_host_s(channel: Any, queue: str) -> None:
    channel.basic_publish("", queue, b"hello")

    assert channel.basic_get(queue, auto_ack=True)[1].headers is None


def test_a_callback_that_raises_is_an_error_with_its_input(channel: Any, queue: str, told: Told) -> None:
    boom = ZeroDivisionError("of the host")

    def fail(*message: Any) -> None:
        raise boom

    with context.use(actor="ada"):
        channel.basic_publish("", queue, b"hello")
    with track_run("receive") as run, pytest.raises(ZeroDivisionError) as caught:
        consume_all(channel, queue, fail)

    assert caught.value is boom
    assert actor() is None
    assert [one["status"] for one in told()] == ["ok", "error"]
    assert {name for _, name in run.facts.inputs} == {f"queue:{queue}"}


@pytest.mark.parametrize("how", ["consume", "basic_get"])
def test_what_is_asked_for_is_handled_until_the_next(channel: Any, queue: str, how: str) -> None:
    for name in ("ada", "bob"):
        with context.use(actor=name):
            channel.basic_publish("", queue, b"hello")
    seen = []
    if how == "consume":
        for method, _, _ in channel.consume(queue, auto_ack=True, inactivity_timeout=0.2):
            seen.append(actor())
            if method is None:
                break
        channel.cancel()
    else:
        for _ in range(3):
            channel.basic_get(queue, auto_ack=True)
            seen.append(actor())

    assert seen == ["ada", "bob", None]
    assert actor() is None


def test_a_loop_that_is_left_works_for_nobody_once_it_is_cancelled(channel: Any, queue: str) -> None:
    with context.use(actor="ada"):
        channel.basic_publish("", queue, b"hello")
    for _ in channel.consume(queue, auto_ack=True):
        break
    channel.cancel()

    assert actor() is None


def test_a_message_that_the_broker_refuses_is_no_output(channel: Any, told: Told) -> None:
    channel.confirm_delivery()
    with track_run("send") as run, pytest.raises(pika.exceptions.ChannelClosedByBroker, match="nowhere"):
        channel.basic_publish("nowhere", "key", b"hello")

    assert not run.facts.outputs
    assert [one["status"] for one in told()] == ["error"]


def test_channels_of_other_adapters_are_captured_once(parameters: Any, queue: str, told: Told) -> None:
    """Their callbacks get messages by the same method that serves blocking channels."""
    seen: list[Any] = []
    other = f"{queue}-too"

    def consumed(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        seen.append((actor(), body))
        with context.use(actor="bob"):
            channel.basic_publish("", other, b"again")
        channel.basic_get(other, taken)

    def taken(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        seen.append((actor(), body))
        channel.connection.close()

    def opened(channel: Any) -> None:
        channel.queue_declare(other)
        channel.basic_consume(queue, consumed, auto_ack=True)
        with context.use(actor="ada"):
            channel.basic_publish("", queue, b"first")

    connection = SelectConnection(
        parameters,
        on_open_callback=lambda connection: connection.channel(on_open_callback=opened),
        on_close_callback=lambda connection, reason: connection.ioloop.call_later(
            0.01, connection.ioloop.stop
        ),
    )
    connection.ioloop.call_later(10, connection.ioloop.stop)
    connection.ioloop.start()
    connection.ioloop.close()

    assert seen[0] == ("ada", b"first")
    assert seen[1] == ("bob", b"again")
    assert [one["operation_name"] for one in told()].count("publish") == 2
