"""What integrations with clients of Kafka have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from lineage.operations import MessagingTracker
from producers._messages import Handling, begin_operation, end_operation


def namespace_of(servers: object) -> str | None:
    """Return the namespace of a cluster's topics: `kafka://` and the first of its bootstrap servers.

    They are given as text with commas, or as a list; some clients take a protocol before each.
    """
    first = servers[0] if isinstance(servers, list | tuple) and servers else servers
    if not isinstance(first, str) or not first.strip():
        return None
    return f"kafka://{first.split(',')[0].strip().rpartition('://')[2]}"


def begin_publish(topic: object, namespace: str | None, frame: FrameType) -> MessagingTracker:
    """Begin an operation that publishes to a topic."""
    return begin_operation("kafka", "publish", topic if isinstance(topic, str) else None, frame, namespace)


def received(sizes: Iterable[tuple[str, int]], namespace: str | None, frame: FrameType) -> None:
    """Tell of messages that a call gave, by topic and length of the body: one operation a topic."""
    topics: dict[str, list[int]] = {}
    for topic, size in sizes:
        topics.setdefault(topic, []).append(size)
    for topic, found in topics.items():
        operation = begin_operation("kafka", "receive", topic, frame, namespace)
        end_operation(operation, messages=len(found), size=sum(found))


Call = tuple[tuple[Any, ...], dict[str, Any]]
"""The arguments of a call, those by place and those by name."""


def send_with_room(
    send: Callable[..., Any],
    client: Any,
    call: Call,
    plain: Call,
    refusal: type[Exception],
    is_too_large: Callable[[Any], bool],
) -> Any:
    """Send a message; where it is the context that makes it too large for the client, without the context."""
    try:
        return send(client, *call[0], **call[1])
    except refusal as error:
        if call is plain or not is_too_large(error):
            raise
    return send(client, *plain[0], **plain[1])


class Client:
    """What is known of a producer or consumer: where it leads, and whose message it gave last.

    `inner` says that it serves another client, which tells of its messages itself.
    """

    __slots__ = ("handling", "inner", "namespace", "report")

    def __init__(self, servers: object = None, report: object = None, *, inner: bool = False) -> None:
        """`report` is what hears of each delivery for which nobody else is to."""
        self.namespace = namespace_of(servers)
        self.report = report
        self.handling = Handling()
        self.inner = inner
