"""A small broker that speaks AMQP 0-9-1 over TCP, for the real pika: queues, exchanges, confirms.

It stands for RabbitMQ where tests are to be quick; with `RABBITMQ_PROGRAMS` the same tests run against that.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pika import frame, spec

EXCHANGES = ("", "events")
"""What there is; a message for another exchange closes its channel, as RabbitMQ does."""


@dataclass
class Message:
    """A message that the broker has."""

    exchange: str
    key: str
    properties: Any = None
    size: int = 0
    body: bytes = b""


@dataclass
class Channel:
    """What a client has opened."""

    number: int
    confirms: bool = False
    published: int = 0
    delivered: int = 0
    coming: Message | None = None
    consumers: dict[str, str] = field(default_factory=dict)


class Broker:
    """The queues of one broker; a queue is there once something is put in, or it is bound."""

    def __init__(self) -> None:
        self.queues: dict[str, deque[Message]] = {}
        self.bound: dict[str, list[str]] = {}
        self.lock = threading.RLock()
        self.clients: list[Client] = []

    def put(self, message: Message) -> None:
        with self.lock:
            targets = self.bound.get(message.exchange, []) if message.exchange else [message.key]
            for target in targets:
                self.queues.setdefault(target, deque()).append(message)
            for client in list(self.clients):
                client.deliver()


class Client:
    """One connection, served in a thread of its own."""

    def __init__(self, broker: Broker, connection: socket.socket) -> None:
        self.broker = broker
        self.connection = connection
        self.channels: dict[int, Channel] = {}

    def serve(self) -> None:
        waiting = b""
        with suppress(OSError), self.connection:
            while data := self.connection.recv(65536):
                waiting += data
                while True:
                    used, one = frame.decode_frame(waiting)
                    if one is None:
                        break
                    waiting = waiting[used:]
                    self.take(one)
        with self.broker.lock, suppress(ValueError):
            self.broker.clients.remove(self)

    def send(self, number: int, method: Any, message: Message | None = None) -> None:
        parts = [frame.Method(number, method).marshal()]
        if message is not None:
            parts.append(frame.Header(number, len(message.body), message.properties).marshal())
            if message.body:
                parts.append(frame.Body(number, message.body).marshal())
        self.connection.sendall(b"".join(parts))

    def take(self, one: Any) -> None:
        with self.broker.lock:
            if isinstance(one, frame.ProtocolHeader):
                can = {"capabilities": {"publisher_confirms": True, "basic.nack": True}}
                self.send(0, spec.Connection.Start(0, 9, can, "PLAIN", "en_US"))
                return
            channel = self.channels.setdefault(one.channel_number, Channel(one.channel_number))
            if isinstance(one, frame.Method):
                answer = _ANSWERS.get(type(one.method))
                if answer is not None:
                    answer(self, channel, one.method)
            elif isinstance(one, frame.Header) and channel.coming is not None:
                channel.coming.properties, channel.coming.size = one.properties, one.body_size
                self.finish(channel)
            elif isinstance(one, frame.Body) and channel.coming is not None:
                channel.coming.body += one.fragment
                self.finish(channel)

    def finish(self, channel: Channel) -> None:
        message = channel.coming
        if message is None or len(message.body) < message.size:
            return
        channel.coming = None
        if message.exchange not in EXCHANGES:
            reason = f"NOT_FOUND - no exchange '{message.exchange}' in vhost '/'"
            self.send(channel.number, spec.Channel.Close(404, reason, 60, 40))
            return
        self.broker.put(message)
        if channel.confirms:
            channel.published += 1
            self.send(channel.number, spec.Basic.Ack(channel.published))

    def deliver(self) -> None:
        for channel in self.channels.values():
            for tag, name in channel.consumers.items():
                waiting = self.broker.queues.get(name, deque())
                while waiting:
                    message = waiting.popleft()
                    channel.delivered += 1
                    place = message.exchange, message.key
                    self.send(
                        channel.number, spec.Basic.Deliver(tag, channel.delivered, False, *place), message
                    )

    def get(self, channel: Channel, method: Any) -> None:
        waiting = self.broker.queues.get(method.queue)
        if not waiting:
            self.send(channel.number, spec.Basic.GetEmpty())
            return
        message = waiting.popleft()
        channel.delivered += 1
        place = message.exchange, message.key
        self.send(channel.number, spec.Basic.GetOk(channel.delivered, False, *place, len(waiting)), message)

    def consume(self, channel: Channel, method: Any) -> None:
        channel.consumers[method.consumer_tag] = method.queue
        self.send(channel.number, spec.Basic.ConsumeOk(method.consumer_tag))
        self.deliver()

    def cancel(self, channel: Channel, method: Any) -> None:
        channel.consumers.pop(method.consumer_tag, None)
        self.send(channel.number, spec.Basic.CancelOk(method.consumer_tag))

    def publish(self, channel: Channel, method: Any) -> None:
        channel.coming = Message(method.exchange, method.routing_key)

    def confirm(self, channel: Channel, method: Any) -> None:
        channel.confirms = True
        self.send(channel.number, spec.Confirm.SelectOk())

    def bind(self, channel: Channel, method: Any) -> None:
        self.broker.bound.setdefault(method.exchange, []).append(method.queue)
        self.send(channel.number, spec.Queue.BindOk())

    def close(self, channel: Channel, method: Any) -> None:
        self.channels.pop(channel.number, None)
        self.send(channel.number, spec.Channel.CloseOk())


def _always(answer: Callable[[Any], Any]) -> Callable[[Client, Channel, Any], None]:
    return lambda client, channel, method: client.send(channel.number, answer(method))


_ANSWERS: dict[type, Callable[[Client, Channel, Any], None]] = {
    spec.Connection.StartOk: _always(lambda _: spec.Connection.Tune(0, 131072, 0)),
    spec.Connection.Open: _always(lambda _: spec.Connection.OpenOk()),
    spec.Connection.Close: _always(lambda _: spec.Connection.CloseOk()),
    spec.Channel.Open: _always(lambda _: spec.Channel.OpenOk()),
    spec.Channel.Close: Client.close,
    spec.Confirm.Select: Client.confirm,
    spec.Queue.Declare: _always(lambda method: spec.Queue.DeclareOk(method.queue, 0, 0)),
    spec.Queue.Bind: Client.bind,
    spec.Exchange.Declare: _always(lambda _: spec.Exchange.DeclareOk()),
    spec.Basic.Qos: _always(lambda _: spec.Basic.QosOk()),
    spec.Basic.Publish: Client.publish,
    spec.Basic.Consume: Client.consume,
    spec.Basic.Cancel: Client.cancel,
    spec.Basic.Get: Client.get,
}


@contextmanager
def running_broker() -> Iterator[int]:
    """Give the port of a broker that runs meanwhile."""
    broker = Broker()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client = Client(broker, server.accept()[0])
                    broker.clients.append(client)
                    threading.Thread(target=client.serve, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
