"""Messages of pika: what channels publish, get and consume, and the context that goes with it.

Channels of every adapter are captured. One operation per call of `basic_publish` and per message that
`basic_get` or `consume` gives; one around each call of a consumer's callback, which works for those whom the
message's headers say. In a loop over `consume`, and after `basic_get`, that holds until the next message is
asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack
from copy import copy
from functools import wraps
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._messages import (
    Handling,
    begin_operation,
    broker_namespace,
    end_operation,
    handled,
    is_on,
    outgoing,
    size_of,
)

try:
    import pika
    from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
    from pika.channel import Channel
    from pika.connection import Connection
except ImportError as error:
    raise missing("pika", "pika", error) from error

_PUBLISHING = guard("beginning to publish by AMQP")
_RECEIVING = guard("receiving by AMQP")
_PROPERTIES = 3
_CALLBACK = 1
"""The places of `properties` and of the callback among the arguments of `basic_publish` and the receiving."""


class PikaProducer(Producer):
    """Captures the messages of the channels of all connections, or of some of them."""

    name = "pika"
    minimum = "1.0.0"

    def hook(self, undo: ExitStack) -> None:
        """Hook the methods of channels that send and receive."""
        for kind in (Channel, BlockingChannel):
            replace(kind, "basic_publish", _publish(kind.basic_publish), undo)
            consume = _with_callback(kind.basic_consume, "on_message_callback")
            replace(kind, "basic_consume", consume, undo)
        replace(Channel, "basic_get", _with_callback(Channel.basic_get, "callback"), undo)
        replace(BlockingChannel, "basic_get", _get(BlockingChannel.basic_get), undo)
        replace(BlockingChannel, "consume", _consume(BlockingChannel.consume), undo)
        for name in ("cancel", "close"):
            replace(BlockingChannel, name, _closing(getattr(BlockingChannel, name)), undo)

    def subject(self, target: Any) -> Any:
        """Return the connection that channels know."""
        if isinstance(target, BlockingConnection):
            return target._impl
        if not isinstance(target, Connection):
            raise InstrumentError(self.name, f"give a connection, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the version of pika."""
        return module_version(pika)


PRODUCER = PikaProducer()

_handlings: WeakKeyDictionary[Any, Handling] = WeakKeyDictionary()


def namespace_of(connection: Any) -> str:
    """Return the namespace of the exchanges and queues that a connection leads to."""
    found = connection.params
    return broker_namespace("amqp", found.host, found.port, found.virtual_host)


def dataset_of(exchange: str, queue: str) -> str:
    """Return what messages belong to: the exchange they went through, or the queue they were put into.

    Who publishes to an exchange knows no queue, and a routing key is the message's own.
    """
    return f"exchange:{exchange}" if exchange else f"queue:{queue}"


def _connection(channel: Any) -> Any:
    """Return the connection of a channel that is to be captured here and now; None for all others.

    That of a blocking channel does what it is told: that one is captured.
    """
    if isinstance(channel, BlockingChannel):
        connection = channel.connection._impl
    elif isinstance(channel._get_cookie(), BlockingChannel):
        return None
    else:
        connection = channel.connection
    return connection if PRODUCER.watches(connection) and is_on() else None


def _begin(name: str, connection: Any, destination: str, dataset: str, frame: FrameType) -> Any:
    return begin_operation("rabbitmq", name, destination, frame, namespace_of(connection), dataset)


def _publish(publish: Callable[..., None]) -> Callable[..., None]:
    @wraps(publish)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> None:
        operation = body = None
        with _PUBLISHING:
            connection = _connection(self)
            if connection is not None:
                exchange, key, body = (_given(at, name, args, kwargs) for at, name in enumerate(_PUBLISH))
                dataset = dataset_of(exchange, key)
                begun = _begin("publish", connection, exchange or key, dataset, sys._getframe())
                args, kwargs = _with_context(args, kwargs)
                operation = begun
        try:
            publish(self, *args, **kwargs)
        except BaseException as error:
            end_operation(operation, error)
            raise
        end_operation(operation, messages=1, size=size_of(body))

    return call


_PUBLISH = ("exchange", "routing_key", "body")


def _given(at: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[at] if len(args) > at else kwargs.get(name)


def _changed(
    at: int, name: str, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if len(args) > at:
        return (*args[:at], value, *args[at + 1 :]), kwargs
    return args, {**kwargs, name: value}


def _with_context(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of `basic_publish` with the context in the headers of properties of our own."""
    properties = _given(_PROPERTIES, "properties", args, kwargs)
    headers = getattr(properties, "headers", None) or {}
    kept, ours = outgoing(headers.items())
    if not ours:
        return args, kwargs
    properties = copy(properties) if properties is not None else pika.BasicProperties()
    properties.headers = dict(kept) | dict(ours)
    return _changed(_PROPERTIES, "properties", properties, args, kwargs)


def _with_callback(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a method that takes a callback for messages with each call of that captured."""

    @wraps(method)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        with _RECEIVING:
            connection = _connection(self)
            callback = _given(_CALLBACK, name, args, kwargs)
            if connection is not None and callable(callback):
                queue = _given(0, "queue", args, kwargs)
                args, kwargs = _changed(_CALLBACK, name, _handled(callback, queue), args, kwargs)
        return method(self, *args, **kwargs)

    return call


def _handled(callback: Callable[..., Any], queue: str) -> Callable[..., Any]:
    """Return a consumer's callback that works for the sender of its message, as one operation."""

    @wraps(callback)
    def call(channel: Any, method: Any, properties: Any, body: Any, /) -> Any:
        operation = held = None
        with _RECEIVING:
            connection = _connection(channel)
            if connection is not None:
                held = handled(properties.headers)
                if held is not None:
                    held.enter()
                dataset = dataset_of(method.exchange, queue)
                operation = _begin("consume", connection, queue, dataset, sys._getframe())
        try:
            result = callback(channel, method, properties, body)
        except BaseException as error:
            end_operation(operation, error, messages=1, size=size_of(body))
            raise
        else:
            end_operation(operation, messages=1, size=size_of(body))
            return result
        finally:
            if held is not None:
                with _RECEIVING:
                    held.__exit__()

    return call


def _get(get: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(get)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        _asked(self)
        message = get(self, *args, **kwargs)
        _received(self, _given(0, "queue", args, kwargs), message, sys._getframe())
        return message

    return call


def _consume(consume: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(consume)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Generator[Any, None, None]:
        messages = consume(self, *args, **kwargs)
        try:
            for message in messages:
                _received(self, _given(0, "queue", args, kwargs), message, sys._getframe())
                yield message
                _asked(self)
        finally:
            _asked(self)
            messages.close()

    return call


def _received(channel: Any, queue: str, message: Any, frame: FrameType) -> None:
    """Tell of a message that the host asked for, which it handles from now on; of None, nothing."""
    with _RECEIVING:
        method, properties, body = message
        connection = _connection(channel)
        if connection is not None and method is not None:
            operation = _begin("receive", connection, queue, dataset_of(method.exchange, queue), frame)
            end_operation(operation, messages=1, size=size_of(body))
            _handlings.setdefault(channel, Handling()).begin(properties.headers)


def _asked(channel: Any) -> None:
    with _RECEIVING:
        if (handling := _handlings.get(channel)) is not None:
            handling.end()


def _closing(close: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(close)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        _asked(self)
        return close(self, *args, **kwargs)

    return call
