"""A server of Pub/Sub for tests: it speaks its gRPC, and keeps messages of topics for their subscriptions."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

TOPIC = "projects/shop/topics/orders"
SUBSCRIPTION = "projects/shop/subscriptions/billing"


class PubsubServer:
    """One topic with one subscription. `sent` are the messages as they came; topics named so do not exist."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self._waiting: queue.Queue[Any] = queue.Queue()
        self._numbers = itertools.count(1)
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self.port = self._server.add_insecure_port("localhost:0")
        self._server.start()

    def give(self, message: Any) -> None:
        """Have a message for the subscription."""
        self._waiting.put(message)

    def stop(self) -> None:
        self._server.stop(None)

    def _handlers(self) -> Any:
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        publisher = {"Publish": _with(unary, self._publish, types.PublishRequest, types.PublishResponse)}
        nothing = lambda request, context: empty_pb2.Empty()  # noqa: E731
        subscriber = {
            "Pull": _with(unary, self._pull, types.PullRequest, types.PullResponse),
            "StreamingPull": _with(
                stream, self._stream, types.StreamingPullRequest, types.StreamingPullResponse
            ),
            "Acknowledge": _with(unary, nothing, types.AcknowledgeRequest, None),
            "ModifyAckDeadline": _with(unary, nothing, types.ModifyAckDeadlineRequest, None),
        }
        return _Services({"Publisher": publisher, "Subscriber": subscriber})

    def _publish(self, request: Any, context: Any) -> Any:
        if "nowhere" in request.topic:
            context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found (resource=nowhere).")
        ids = []
        for message in request.messages:
            self.sent.append(message)
            self.give(message)
            ids.append(str(next(self._numbers)))
        return types.PublishResponse(message_ids=ids)

    def _pull(self, request: Any, context: Any) -> Any:
        if "nowhere" in request.subscription:
            context.abort(grpc.StatusCode.NOT_FOUND, "Resource not found (resource=nowhere).")
        return types.PullResponse(received_messages=self._received())

    def _stream(self, requests: Any, context: Any) -> Iterator[Any]:
        while context.is_active():
            found = self._received()
            if found:
                yield types.StreamingPullResponse(received_messages=found)

    def _received(self) -> list[Any]:
        try:
            message = self._waiting.get(timeout=0.1)
        except queue.Empty:
            return []
        return [types.ReceivedMessage(ack_id=str(next(self._numbers)), message=message)]


def _with(kind: Any, function: Callable[..., Any], request: Any, response: Any) -> Any:
    serializer = response.serialize if response is not None else lambda empty: empty.SerializeToString()
    return kind(function, request_deserializer=request.deserialize, response_serializer=serializer)


class _Services(grpc.GenericRpcHandler):
    def __init__(self, services: dict[str, dict[str, Any]]) -> None:
        self._methods = {
            f"/google.pubsub.v1.{service}/{name}": handler
            for service, methods in services.items()
            for name, handler in methods.items()
        }

    def service(self, details: Any) -> Any:
        return self._methods.get(details.method)
