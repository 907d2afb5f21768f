"""What the clients of Pub/Sub do, against a server that speaks its gRPC: operations, datasets and context."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("google.cloud.pubsub_v1", reason="the clients of clouds have a venv of their own")

from google.api_core.exceptions import NotFound
from google.cloud import pubsub_v1
from pubsub_server import SUBSCRIPTION, TOPIC, PubsubServer
from storage_cases import pubsub_server

import producers
from lineage import attach, context, track_run
from lineage.testing import CapturedEvents
from producers.google_cloud_pubsub import MAX_ATTRIBUTES, carried, dataset_of

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def server() -> Iterator[PubsubServer]:
    with pubsub_server() as running:
        producers.install("google.cloud.pubsub_v1")
        yield running


@pytest.fixture
def publisher(server: PubsubServer) -> Iterator[Any]:
    client = pubsub_v1.PublisherClient()
    yield client
    client.stop()


@pytest.fixture
def subscriber(server: PubsubServer) -> Iterator[Any]:
    with pubsub_v1.SubscriberClient() as client:
        yield client


def names(events: CapturedEvents, side: str, job: str) -> list[tuple[str, str]]:
    return [(one["namespace"], one["name"]) for one in events.of_job(job)[-1][side]]


def test_topics_and_subscriptions_are_the_run_s(
    publisher: Any, subscriber: Any, lineage_events: CapturedEvents
) -> None:
    with track_run("sender"):
        publisher.publish(TOPIC, b"planted-secret").result(30)
    with track_run("receiver"):
        subscriber.pull(subscription=SUBSCRIPTION, max_messages=10)

    assert names(lineage_events, "outputs", "sender") == [("pubsub", "topic:shop:orders")]
    assert names(lineage_events, "inputs", "receiver") == [("pubsub", "subscription:shop:billing")]
    assert "planted" not in repr(list(lineage_events))


def test_calls_are_operations_with_their_messages(publisher: Any, subscriber: Any, told: Told) -> None:
    publisher.publish(TOPIC, b"abc").result(30)
    subscriber.pull(request={"subscription": SUBSCRIPTION, "max_messages": 1})

    fields = ("system", "operation_name", "target", "messages", "bytes_transferred")
    assert [tuple(event.get(field) for field in fields) for event in told()] == [
        ("pubsub", "publish", "orders", 1, 3),
        ("pubsub", "receive", "billing", 1, 3),
    ]


def test_context_goes_with_a_message_beside_the_sender_s_own(
    server: PubsubServer, publisher: Any, subscriber: Any
) -> None:
    with context.use(actor="ada"), track_run("sender") as run:
        publisher.publish(TOPIC, b"x", kind="order", Baggage="mine=1").result(30)

    (sent,) = server.sent
    assert sent.attributes["kind"] == "order"
    assert sent.attributes["Baggage"] == "mine=1"
    assert "baggage" not in sent.attributes
    (received,) = subscriber.pull(subscription=SUBSCRIPTION, max_messages=1).received_messages
    with attach(received.message.attributes), track_run("receiver") as receiver:
        assert receiver.root == run.identity


def test_nothing_is_added_where_there_is_nothing_to_say(server: PubsubServer, publisher: Any) -> None:
    publisher.publish(TOPIC, b"x").result(30)

    assert dict(server.sent[0].attributes) == {}


def test_a_callback_works_for_who_sent_the_message(publisher: Any, subscriber: Any, told: Told) -> None:
    handled = threading.Event()
    seen: list[Any] = []

    def callback(message: Any) -> None:
        seen.append(context.current())
        message.ack()
        handled.set()

    with context.use(actor="ada"):
        publisher.publish(TOPIC, b"abc").result(30)
    pulling = subscriber.subscribe(SUBSCRIPTION, callback)
    assert handled.wait(60)
    pulling.cancel()
    pulling.result(30)

    assert [one.actor for one in seen] == ["ada"]
    consumed = [event for event in told() if event["operation_name"] == "consume"]
    assert [(one["target"], one["messages"], one["actor"]) for one in consumed] == [("billing", 1, "ada")]


def test_what_could_not_be_sent_claims_nothing(publisher: Any, lineage_events: CapturedEvents) -> None:
    with track_run("sender"):
        sending = publisher.publish(TOPIC.replace("orders", "nowhere"), b"x")
        with pytest.raises(NotFound):
            sending.result(30)

    assert names(lineage_events, "outputs", "sender") == []


def test_a_message_never_has_too_many_or_too_long_attributes() -> None:
    with context.use(actor="ada"), track_run("j" * 1_100):
        assert carried({}).keys() == {"baggage"}
    with context.use(actor="ada"), track_run("job"):
        assert carried({}).keys() == {"OPENLINEAGE_CONTEXT", "baggage"}
        assert carried({str(number): "" for number in range(MAX_ATTRIBUTES - 1)}).keys() == {
            "OPENLINEAGE_CONTEXT"
        }
        assert carried({str(number): "" for number in range(MAX_ATTRIBUTES)}) == {}


@pytest.mark.parametrize("path", ["projects/shop/schemas/x", "orders", b"x", None])
def test_what_is_no_path_has_no_name(path: Any) -> None:
    assert dataset_of(path) is None
