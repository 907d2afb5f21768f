"""Messages of kafka-python: what producers send and consumers receive, and the context that goes with it.

One operation per call of `KafkaProducer.send`; a delivery that fails later makes it a failed one. One per
topic of what a call of `KafkaConsumer.poll` gives: iterating polls, too. While a loop over a consumer handles
a message, it does so for those whom the message's headers say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial, wraps
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard
from lineage.errors import InstrumentError
from producers._base import Producer, argument, missing, module_version, replace
from producers._kafka import Call, begin_publish, namespace_of, received, send_with_room
from producers._messages import Handling, end_operation, is_on, outgoing, undelivered

try:
    import kafka
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.errors import MessageSizeTooLargeError
except ImportError as error:
    raise missing("kafka-python", "kafka-python", error) from error

_SENDING = guard("beginning to send to Kafka")
_RECEIVING = guard("receiving from Kafka")
_HEADERS = 3
"""The place of `headers` among the arguments of `send`."""

_WITH_HEADERS = (0, 11)
"""The version of brokers from which on messages have headers."""


class KafkaPythonProducer(Producer):
    """Captures the messages of all producers and consumers, or of some of them."""

    name = "kafka"
    minimum = "2.0.2"

    def hook(self, undo: ExitStack) -> None:
        """Hook the methods that send and receive."""
        replace(KafkaProducer, "send", _send(KafkaProducer.send), undo)
        replace(KafkaConsumer, "poll", _poll(KafkaConsumer.poll), undo)
        replace(KafkaConsumer, "__next__", _next(KafkaConsumer.__next__), undo)
        replace(KafkaConsumer, "close", _close(KafkaConsumer.close), undo)

    def subject(self, target: Any) -> Any:
        """Return the client itself."""
        if not isinstance(target, KafkaProducer | KafkaConsumer):
            raise InstrumentError(self.name, f"give a client, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the version of kafka-python."""
        return module_version(kafka)


PRODUCER = KafkaPythonProducer()

_handlings: WeakKeyDictionary[Any, Handling] = WeakKeyDictionary()


def _is_watched(client: Any) -> bool:
    return PRODUCER.watches(client) and is_on()


def _send(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        operation = None
        sent = plain = args, kwargs
        with _SENDING:
            if _is_watched(self):
                topic = argument(args, kwargs, 0, "topic")
                namespace = namespace_of(self.config["bootstrap_servers"])
                begun = begin_publish(topic, namespace, sys._getframe())
                sent = _with_context(self, plain)
                operation = begun
        try:
            future = send_with_room(send, self, sent, plain, MessageSizeTooLargeError, lambda error: True)
            if sent is not plain and _is_too_large(future):
                future = send(self, *plain[0], **plain[1])
        except BaseException as error:
            end_operation(operation, error)
            raise
        if operation is not None:
            end_operation(operation, messages=1, size=_size_of(future))
            with _SENDING:
                future.add_errback(partial(undelivered, operation))
        return future

    return call


def _with_context(producer: Any, call: Call) -> Call:
    """Return the arguments of `send` with the context in the headers, where the broker takes headers."""
    args, kwargs = call
    headers = args[_HEADERS] if len(args) > _HEADERS else kwargs.get("headers")
    if not (headers is None or isinstance(headers, list)) or not _takes_headers(producer.config):
        return call
    kept, ours = outgoing(headers or ())
    if not ours:
        return call
    headers = [*kept, *((name, text.encode()) for name, text in ours.items())]
    if len(args) > _HEADERS:
        return (*args[:_HEADERS], headers, *args[_HEADERS + 1 :]), kwargs
    return args, {**kwargs, "headers": headers}


def _takes_headers(config: Mapping[str, Any]) -> bool:
    version = config.get("api_version")
    return isinstance(version, tuple) and version >= _WITH_HEADERS


def _is_too_large(future: Any) -> bool:
    """Whether a message was refused for its size by a version that returns the failure, as 2.0 does."""
    with _SENDING:
        return isinstance(future.exception, MessageSizeTooLargeError)
    return False


def _size_of(future: Any) -> int | None:
    """Return the length of a body that was serialised by the library."""
    with _SENDING:
        size = future.args[4]
        return size if isinstance(size, int) and size >= 0 else None
    return None


def _poll(poll: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(poll)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        is_watched = _asked(self)
        given = poll(self, *args, **kwargs)
        if is_watched and given:
            with _RECEIVING:
                _received(self, given, sys._getframe())
        return given

    return call


def _received(consumer: Any, given: Mapping[Any, Any], frame: FrameType) -> None:
    records = [record for each in given.values() for record in each]
    sizes = [(record.topic, max(record.serialized_value_size, 0)) for record in records]
    received(sizes, namespace_of(consumer.config["bootstrap_servers"]), frame)


def _next(step: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(step)
    def call(self: Any, /) -> Any:
        is_watched = _asked(self)
        record = step(self)
        if is_watched:
            with _RECEIVING:
                _handlings.setdefault(self, Handling()).begin(record.headers)
        return record

    return call


def _asked(consumer: Any) -> bool:
    """Whether a consumer is captured; what it gave before is handled no more."""
    watched = False
    with _RECEIVING:
        watched = _is_watched(consumer)
        if (handling := _handlings.get(consumer)) is not None:
            handling.end()
    return watched


def _close(close: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(close)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        _asked(self)
        return close(self, *args, **kwargs)

    return call
