"""The asynchronous clients of confluent-kafka, which call those of C in threads of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from importlib import import_module
from types import FrameType
from typing import Any

from lineage._guard import guard
from producers._base import argument, replace
from producers._kafka import Client, begin_publish
from producers._messages import end_operation, size_of, undelivered

_PRODUCING = guard("beginning to publish to Kafka")
_RECEIVING = guard("receiving from Kafka")

Captures = Callable[[type], bool]
"""Says whether the clients of a class are captured."""

Received = Callable[[Client, Any, FrameType], None]
"""Tells of what a consumer gave."""


def hook_asynchronous(captures: Captures, received: Received, undo: ExitStack) -> None:
    """Hook the methods that produce and receive, where this version has such clients."""
    try:
        module: Any = import_module("confluent_kafka.aio")
    except ImportError:
        return
    replace(module.AIOProducer, "produce", _produce(module.AIOProducer.produce, captures), undo)
    for name in ("poll", "consume"):
        method = getattr(module.AIOConsumer, name)
        replace(module.AIOConsumer, name, _poll(method, captures, received), undo)


def _inner(client: Any, name: str, captures: Captures) -> Client | None:
    """Return what is known of the client of C inside; None where it is not to be captured."""
    if not captures(type(client)):
        return None
    found: Client | None = getattr(getattr(client, name), "_lineage_client", None)
    return found


def _produce(produce: Callable[..., Any], captures: Captures) -> Callable[..., Any]:
    @wraps(produce)
    async def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        operation = None
        with _PRODUCING:
            client = _inner(self, "_producer", captures)
            if client is not None:
                topic = argument(args, kwargs, 0, "topic")
                operation = begin_publish(topic, client.namespace, sys._getframe())
        try:
            future = await produce(self, *args, **kwargs)
        except BaseException as error:
            end_operation(operation, error)
            raise
        if operation is not None:
            body = argument(args, kwargs, 1, "value")
            end_operation(operation, messages=1, size=size_of(body))
            with _PRODUCING:
                future.add_done_callback(_settling(operation))
        return future

    return call


def _settling(operation: Any) -> Callable[[Any], None]:
    def settle(future: Any) -> None:
        with _PRODUCING:
            if not future.cancelled() and (error := future.exception()) is not None:
                undelivered(operation, error)

    return settle


def _poll(poll: Callable[..., Any], captures: Captures, received: Received) -> Callable[..., Any]:
    @wraps(poll)
    async def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        client = None
        with _RECEIVING:
            client = _inner(self, "_consumer", captures)
            if client is not None:
                client.handling.end()
        given = await poll(self, *args, **kwargs)
        if client is not None and given:
            with _RECEIVING:
                received(client, given, sys._getframe())
        return given

    return call
