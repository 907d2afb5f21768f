"""The contract's cases of the integrations with brokers: a statement is a message's body."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import confluent_kafka
import kafka
import kafka.serializer
import pika
import pika.adapters.blocking_connection
import pika.channel
from amqp_broker import running_broker
from celery import Celery, signals
from confluent_kafka import cimpl
from held_attributes import attributes
from kafka_cluster import MOCK_VERSION, mock_servers

try:
    from confluent_kafka.aio import AIOConsumer, AIOProducer

    ASYNCHRONOUS: tuple[Any, ...] = AIOConsumer, AIOProducer
except ImportError:  # the oldest versions have none
    ASYNCHRONOUS = ()

MESSAGING = ("celery", "confluent_kafka", "kafka", "pika")
TOPIC = "orders"


class _Failing:
    """An argument during whose use the library meets an exception of somebody else's."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __bool__(self) -> bool:
        raise self.error

    def __index__(self) -> int:
        raise self.error

    def __len__(self) -> int:
        raise self.error

    def encode(self, encoding: str = "utf-8") -> bytes:
        raise self.error


def answer(text: str) -> Any:
    """What arrived where a message was sent."""
    return [(TOPIC, text.encode())]


@contextmanager
def confluent_class(_: Any) -> Iterator[Any]:
    class Watched(cimpl.Producer):
        """Clients that were made already cannot be hooked: a target is a class of them."""

    yield Watched


def produce(kind: Any, text: str, **options: Any) -> Any:
    delivered: list[Any] = []

    def report(error: Any, message: Any) -> None:
        delivered.append((message.topic(), message.value()))

    client = kind({"bootstrap.servers": mock_servers()})
    body: Any = 5 if "nowhere" in text else text
    client.produce(TOPIC, body, on_delivery=report, **options)
    assert client.flush(10) == 0
    return delivered


def raise_in_confluent(kind: Any, error: BaseException) -> Any:
    return produce(kind, "select 1", timestamp=_Failing(error))


def traces_of_confluent(kind: Any) -> dict[str, Any]:
    kinds = (kind, confluent_kafka.SerializingProducer, confluent_kafka.DeserializingConsumer)
    found = attributes(confluent_kafka, cimpl.Producer, cimpl.Consumer, *kinds, *ASYNCHRONOUS)
    return found | {f"{one.__name__}'s bases": one.__bases__ for one in kinds}


class _Encoding(kafka.serializer.Serializer):
    """Takes the topic and the text, and from version 3 on the headers between them."""

    def serialize(self, topic: str, *rest: Any) -> bytes:
        encoded: bytes = rest[-1].encode()
        return encoded


@contextmanager
def kafka_producer(_: Any) -> Iterator[Any]:
    options: dict[str, Any] = {"bootstrap_servers": mock_servers(), "api_version": MOCK_VERSION}
    client = kafka.KafkaProducer(value_serializer=_Encoding(), **options)
    yield client
    client.close()


def send(client: Any, text: str) -> Any:
    if "nowhere" in text:
        return client.send(TOPIC)
    found = client.send(TOPIC, text).get(10)
    return [(found.topic, found.serialized_value_size)]


def answer_of_kafka(text: str) -> Any:
    """What the broker said of the message."""
    return [(TOPIC, len(text))]


def raise_in_kafka(client: Any, error: BaseException) -> Any:
    return client.send(TOPIC, _Failing(error))


def traces_of_kafka(_: Any) -> dict[str, Any]:
    return attributes(kafka.KafkaProducer, kafka.KafkaConsumer)


@cache
def amqp_port() -> int:
    """The port of a broker that runs as long as this process does."""
    running = running_broker()
    _kept.append(running)
    return running.__enter__()


_kept: list[Any] = []


@contextmanager
def pika_connection(_: Any) -> Iterator[Any]:
    with closing(pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", amqp_port()))) as connection:
        yield connection


def publish(connection: Any, text: Any) -> Any:
    with _channel(connection) as channel:
        channel.confirm_delivery()
        queue = f"{TOPIC}-{uuid.uuid4().hex}"
        exchange = "nowhere" if isinstance(text, str) and "nowhere" in text else ""
        channel.basic_publish(exchange, queue, text)
        return [(TOPIC, _taken(queue))]


@contextmanager
def _channel(connection: Any) -> Iterator[Any]:
    channel = connection.channel()
    yield channel
    channel.close()


def _taken(queue: str) -> bytes:
    """Return the body of the message in a queue, seen by nobody."""
    get: Callable[..., Any] = pika.adapters.blocking_connection.BlockingChannel.basic_get
    with pika_connection(None) as connection:
        body: bytes = getattr(get, "__wrapped__", get)(connection.channel(), queue, auto_ack=True)[2]
    return body


def raise_in_pika(connection: Any, error: BaseException) -> Any:
    return publish(connection, _Failing(error))


def traces_of_pika(_: Any) -> dict[str, Any]:
    return attributes(pika.channel.Channel, pika.adapters.blocking_connection.BlockingChannel)


def leave_logging_alone(**_: Any) -> None:
    """A worker would set the level of all logs and take away their handlers, those of later tests too."""


@contextmanager
def celery_app(_: Any) -> Iterator[Any]:
    app = Celery(uuid.uuid4().hex, broker="memory://", set_as_current=False)
    app.conf.task_default_queue = app.main
    yield app
    app.close()


def send_task(app: Any, text: str) -> Any:
    args: Any = 5 if "nowhere" in text else [text]
    app.send_task(TOPIC, args)
    with app.connection_for_read() as connection, connection.SimpleQueue(app.main) as queue:
        message = queue.get(timeout=5)
        message.ack()
        return [(message.headers["task"], message.payload[0][0].encode())]


def raise_in_celery(app: Any, error: BaseException) -> Any:
    return app.send_task(TOPIC, ["select 1"], eta=_Failing(error))


def traces_of_celery(_: Any) -> dict[str, Any]:
    names = ("before_task_publish", "task_prerun", "task_postrun", "worker_process_shutdown")
    return attributes(Celery) | {name: list(getattr(signals, name).receivers) for name in names}
