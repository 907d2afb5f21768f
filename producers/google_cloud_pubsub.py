"""Messages of Google Cloud Pub/Sub: what its publishers send, and what its subscribers pull or handle.

A publisher only takes a message over: its operation ends then, and says it failed where sending failed later,
as long as its run goes on. Around each call of a subscriber's callback there is an operation, and the context
that the message carries. Topics and subscriptions have the names of OpenLineage's naming.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any
from weakref import ref

from lineage._guard import guard
from lineage.context import attach, inject
from lineage.datasets import Dataset
from lineage.errors import InstrumentError
from lineage.operations import Operation
from lineage.operations.tracking import recorded_config
from producers._base import Producer, argument, missing, module_version, replace
from producers._operations import Call, begin_call, end_call, fail_call, note_failure, operated

try:
    import google.pubsub_v1 as generated
    from google.cloud.pubsub_v1 import publisher, subscriber
    from google.pubsub_v1.services import subscriber as pulling
except ImportError as error:
    raise missing("google-cloud-pubsub", "google-cloud-pubsub", error) from error

NAMES = ("OPENLINEAGE_CONTEXT", "OPENLINEAGE_PARENT_ID", "traceparent", "baggage", "tracestate")
MAX_ATTRIBUTES = 100
MAX_BYTES = 1_024
"""Of the value of an attribute: https://cloud.google.com/pubsub/quotas"""

_PATH = re.compile(r"projects/([^/]+)/(topic|subscription)s/([^/]+)")


class GoogleCloudPubsubProducer(Producer):
    """Captures what is sent and received by all clients, or by some."""

    name = "google.cloud.pubsub_v1"
    minimum = "2.18.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods that send and receive."""
        replace(publisher.Client, "publish", _publishing(vars(publisher.Client)["publish"]), undo)
        replace(subscriber.Client, "subscribe", _subscribing(vars(subscriber.Client)["subscribe"]), undo)
        for kind, name in ((pulling.SubscriberClient, "pull"), (pulling.SubscriberAsyncClient, "pull")):
            replace(kind, name, operated(vars(kind)[name], _pull, _pulled, code_of), undo)

    def subject(self, target: Any) -> Any:
        """Return the client itself, of a publisher or a subscriber."""
        if not isinstance(target, publisher.Client | pulling.SubscriberClient):
            raise InstrumentError(self.name, f"give a client, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the library's version."""
        return module_version(generated)


PRODUCER = GoogleCloudPubsubProducer()

_PUBLISHING = guard("publishing to Pub/Sub")
_CARRYING = guard("carrying context with messages")
_HANDLING = guard("handling a message of Pub/Sub")


def dataset_of(path: Any) -> Dataset | None:
    """Return the dataset of a topic or subscription by its path."""
    found = _PATH.fullmatch(path) if isinstance(path, str) else None
    return Dataset("pubsub", f"{found[2]}:{found[1]}:{found[3]}") if found is not None else None


def code_of(error: BaseException) -> str | None:
    """Return the service's status for an error."""
    status = getattr(error, "grpc_status_code", None)
    return getattr(status, "name", None)


def call_of(operation: str, path: Any, sizes: list[int] | None = None) -> Call:
    """Return what a call about messages of these sizes is."""
    dataset = dataset_of(path)
    target = dataset.name.rpartition(":")[2] if dataset is not None else None
    measures = {} if sizes is None else {"messages": len(sizes), "bytes_transferred": sum(sizes)}
    return Call("messaging", "pubsub", operation, target, dataset, measures=measures)


def carried(taken: dict[str, Any]) -> dict[str, str]:
    """Return the attributes that a message gets beside those its sender gave it."""
    there = {name.lower() for name in taken}
    carrier = inject()
    if len(carrier.get("OPENLINEAGE_CONTEXT", "")) <= MAX_BYTES:
        carrier.pop("OPENLINEAGE_PARENT_ID", None)  # says the same, for names too long to say it well
    found = {}
    for name in NAMES:
        value = carrier.get(name)
        if value is not None and name.lower() not in there and len(value) <= MAX_BYTES:
            found[name] = value
    return dict(list(found.items())[: max(0, MAX_ATTRIBUTES - len(taken))])


_KNOWN = ("topic", "data", "ordering_key", "retry", "timeout")


def _publishing(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def publish(client: Any, /, *args: Any, **kwargs: Any) -> Any:
        operation, ours = None, {}
        with _PUBLISHING:
            if PRODUCER.watches(client) and recorded_config() is not None:
                topic = argument(args, kwargs, 0, "topic")
                data = argument(args, kwargs, 1, "data")
                sizes = [len(data)] if isinstance(data, bytes) else None
                operation = begin_call(call_of("publish", topic, sizes), sys._getframe(1))
                with _CARRYING:
                    ours = carried({name: one for name, one in kwargs.items() if name not in _KNOWN})
        try:
            future = method(client, *args, **kwargs, **ours)
        except BaseException as error:
            if operation is not None:
                fail_call(operation, error, code_of)
            raise
        if operation is not None:
            end_call(operation)
            with _PUBLISHING:
                _note_failure_of(future, operation)
        return future

    return publish


def _note_failure_of(sending: Any, operation: Operation) -> None:
    """Have an operation fail where its message is not sent, before whoever waits for that is told.

    A callback of a future comes after that: the run may have ended by then.
    """
    future, fail = ref(sending), type(sending).set_exception

    def set_exception(error: Any) -> Any:
        with _PUBLISHING:
            note_failure(operation, error, code_of)
        return fail(future(), error)

    sending.set_exception = set_exception
    if sending.done() and (error := sending.exception(timeout=0)) is not None:
        note_failure(operation, error, code_of)


def _pull(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    if not PRODUCER.watches(client):
        return None
    request = argument(args, kwargs, 0, "request")
    path = kwargs.get("subscription")
    if request is not None:
        path = request.get("subscription") if isinstance(request, dict) else request.subscription
    return call_of("receive", path)


def _pulled(call: Call, client: Any, result: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    sizes = [len(one.message.data) for one in result.received_messages]
    return {"messages": len(sizes), "bytes_transferred": sum(sizes)}


def _subscribing(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def subscribe(client: Any, /, *args: Any, **kwargs: Any) -> Any:
        with _HANDLING:
            if PRODUCER.watches(client):
                path = argument(args, kwargs, 0, "subscription")
                if len(args) > 1:
                    args = (args[0], _handling(args[1], path), *args[2:])
                elif "callback" in kwargs:
                    kwargs["callback"] = _handling(kwargs["callback"], path)
        return method(client, *args, **kwargs)

    return subscribe


def _handling(callback: Any, path: Any) -> Any:
    """Return a callback with an operation around each of its calls, under what the message carries."""
    if not callable(callback):
        return callback

    @wraps(callback, updated=())
    def handle(message: Any) -> Any:
        if not PRODUCER.everywhere and not PRODUCER.targets:
            return callback(message)
        with attach(_carrier(message)):
            operation = None
            with _HANDLING:
                operation = begin_call(call_of("consume", path, [len(message.data)]), sys._getframe(0))
            try:
                result = callback(message)
            except BaseException as error:
                if operation is not None:
                    fail_call(operation, error, code_of)
                raise
            if operation is not None:
                end_call(operation)
            return result

    return handle


def _carrier(message: Any) -> dict[str, str]:
    with _CARRYING:
        return {name: message.attributes[name] for name in NAMES if name in message.attributes}
    return {}
