"""What boto3 does on SQS, SNS and Kinesis: operations, datasets, and context that goes with messages."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("moto")

from aws_cases import aws
from botocore.exceptions import ClientError
from moto import mock_aws

import producers
from lineage import attach, configure, context, track_run
from lineage.testing import CapturedEvents
from producers import _aws_messages, boto3
from producers._aws_calls import is_refused, queue_dataset, topic_dataset
from producers._aws_messages import MAX_ATTRIBUTES, MAX_BYTES, digest
from producers.boto3 import carrier_of

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]
ARN = "arn:aws:{}:eu-central-1:123456789012"


@pytest.fixture
def sqs() -> Iterator[Any]:
    _aws_messages.forget()
    boto3._refusing.clear()
    with mock_aws():
        client = aws().client("sqs")
        client.create_queue(QueueName="orders")
        producers.install("boto3")
        yield client


@pytest.fixture
def queue(sqs: Any) -> str:
    url: str = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    return url


def seen(sqs: Any, queue: str) -> dict[str, Any]:
    """Return the one message of a queue as whoever has no lineage sees it, all attributes asked for."""
    producers.uninstall("boto3")
    (message,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])["Messages"]
    producers.install("boto3")
    return dict(message)


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def names(events: CapturedEvents, side: str, job: str) -> list[tuple[str, str]]:
    return [(one["namespace"], one["name"]) for one in events.of_job(job)[-1][side]]


def test_a_queue_joins_who_sends_and_who_receives(
    sqs: Any, queue: str, lineage_events: CapturedEvents
) -> None:
    with track_run("sender"):
        sqs.send_message(QueueUrl=queue, MessageBody="planted-secret")
    with track_run("receiver"):
        sqs.receive_message(QueueUrl=queue)

    orders = [(ARN.format("sqs"), "orders")]
    assert names(lineage_events, "outputs", "sender") == orders
    assert names(lineage_events, "inputs", "receiver") == orders
    assert "planted" not in json.dumps(list(lineage_events))


def test_calls_are_operations_with_their_messages(sqs: Any, queue: str, told: Told) -> None:
    entries = [{"Id": str(number), "MessageBody": "abc"} for number in range(3)]
    sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=got[0]["ReceiptHandle"])
    topic = aws().client("sns").create_topic(Name="news")["TopicArn"]
    aws().client("sns").publish(TopicArn=topic, Message="é")
    aws().client("sns").publish(PhoneNumber="+4917612345678", Message="x")

    fields = ("system", "operation_name", "target", "messages", "bytes_transferred")
    assert [tuple(event.get(field) for field in fields) for event in told()] == [
        ("sqs", "publish", "orders", 3, 9),
        ("sqs", "receive", "orders", 3, 9),
        ("sqs", "delete", "orders", None, None),
        ("sns", "publish", "news", 1, 2),
        ("sns", "publish", None, 1, 1),
    ]
    assert "4917612345678" not in repr(told())


def test_a_stream_is_known_also_by_what_its_iterators_say(lineage_events: CapturedEvents) -> None:
    with mock_aws():
        kinesis = aws().client("kinesis")
        kinesis.create_stream(StreamName="clicks", ShardCount=1)
        arn = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]["StreamARN"]
        producers.install("boto3")
        with track_run("sender"):
            records = [{"Data": b"x", "PartitionKey": "k"}]
            kinesis.put_records(StreamName="clicks", Records=records)
            kinesis.put_record(StreamARN=arn, Data=b"x", PartitionKey="k")
        with track_run("receiver"):
            shard = {"StreamName": "clicks", "ShardId": "shardId-000000000000"}
            first = kinesis.get_shard_iterator(**shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            second = kinesis.get_records(ShardIterator=first)["NextShardIterator"]
            kinesis.get_records(ShardIterator=second)

    by_name = ("kinesis://kinesis.eu-central-1.amazonaws.com", "clicks")
    assert names(lineage_events, "outputs", "sender") == [by_name, (ARN.format("kinesis"), "stream/clicks")]
    assert names(lineage_events, "inputs", "receiver") == [by_name]
    facet = lineage_events.of_job("receiver")[-1]["run"]["facets"]["lineageGraph_operations"]
    assert [(one["operation"], one["counts"]["messages"]) for one in facet["operations"]] == [("receive", 2)]


def test_context_goes_with_a_message_and_comes_with_it(sqs: Any, queue: str) -> None:
    """What the sender said of itself holds where the message is handled."""
    with context.use(actor="ada", request_id="r-1"), track_run("sender") as run:
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]

    with attach(carrier_of(message)) as attribution, track_run("receiver") as receiver:
        assert attribution is not None
        assert (attribution.actor, attribution.request_id) == ("ada", "r-1")
        assert receiver.root == run.identity


def test_a_receiver_gets_what_it_asked_for_and_no_more(sqs: Any, queue: str) -> None:
    """What only lineage asked for is taken out again, and the digest fits what is left."""
    own = {"kind": text("order"), "size": {"DataType": "Number", "StringValue": "3"}}

    def received(**asked: Any) -> dict[str, Any]:
        with context.use(actor="ada"):
            sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=own)
        (message,) = sqs.receive_message(QueueUrl=queue, **asked)["Messages"]
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        assert carrier_of(message) == {"baggage": "lineage.actor=ada"}
        return {key: value for key, value in message.items() if key.startswith("M") and key != "MessageId"}

    plain = received()
    assert plain.keys() == {"MD5OfBody"}
    assert received(MessageAttributeNames=["kind"])["MessageAttributes"] == {"kind": own["kind"]}
    some = received(MessageAttributeNames=["kind", "size"])
    assert some["MessageAttributes"] == own
    assert received(MessageAttributeNames=["All"])["MessageAttributes"].keys() == {*own, "baggage"}
    assert received(MessageAttributeNames=["bag.*"])["MessageAttributes"].keys() == {"baggage"}


def test_the_digest_of_attributes_is_that_of_sqs(sqs: Any, queue: str) -> None:
    attributes = {
        "kind": text("orders of today, é"),
        "size": {"DataType": "Number.int", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\0\1"},
    }
    answer = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=attributes)

    assert digest(attributes) == answer["MD5OfMessageAttributes"]


@pytest.mark.parametrize("count", [0, 7, 9, 10])
def test_a_message_never_has_more_than_ten_attributes(sqs: Any, queue: str, count: int) -> None:
    own = {f"a{number}": text("x") for number in range(count)}
    before = copy.deepcopy(own)
    with context.use(actor="ada"), track_run("sender"):
        sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=own)

    assert own == before
    got = seen(sqs, queue)["MessageAttributes"]
    assert len(got) == min(MAX_ATTRIBUTES, count + 2)
    assert {name: value for name, value in got.items() if name in own} == own
    assert ("OPENLINEAGE_CONTEXT" in got) == (count < MAX_ATTRIBUTES)


def test_what_the_sender_wrote_itself_stays(sqs: Any, queue: str) -> None:
    own = {"Baggage": text("mine=1"), "traceparent": text("theirs")}
    with context.use(actor="ada"):
        sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=own)

    assert seen(sqs, queue)["MessageAttributes"] == own


def test_nothing_is_added_where_there_is_nothing_to_say(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    message = seen(sqs, queue)
    assert "MessageAttributes" not in message
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    configure(disabled=True)
    with context.use(actor="ada"):
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    configure(disabled=False)
    assert "MessageAttributes" not in seen(sqs, queue)


def test_a_batch_keeps_the_caller_s_entries(sqs: Any, queue: str) -> None:
    entries = [{"Id": str(number), "MessageBody": "x", "MessageAttributes": {}} for number in range(2)]
    before = copy.deepcopy(entries)
    with context.use(actor="ada"):
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)

    assert entries == before
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [carrier_of(message)["baggage"] for message in got] == ["lineage.actor=ada"] * 2


def test_a_message_that_fills_its_limit_goes_without(sqs: Any, queue: str) -> None:
    with context.use(actor="ada"):
        made = _aws_messages.sending("SendMessage", {"MessageBody": "x" * (MAX_BYTES - 10)})
        batch = [{"Id": "0", "MessageBody": "x" * (MAX_BYTES - 40)}, {"Id": "1", "MessageBody": "x"}]
        some = _aws_messages.sending("SendMessageBatch", {"Entries": batch})

    assert made == {"MessageBody": "x" * (MAX_BYTES - 10)}
    assert some is not None
    assert [("MessageAttributes" in entry) for entry in some["Entries"]] == [True, False]


def refuse_attributes(client: Any, code: str) -> list[int]:
    """Have a queue refuse messages with attributes as one does that is set to short messages."""
    refused: list[int] = []

    def refuse(params: dict[str, Any], **kwargs: Any) -> None:
        if "MessageAttributes" in str(params):
            refused.append(1)
            said = {"Code": code, "Message": "Reason: Message must be shorter than 1024 bytes."}
            raise ClientError({"Error": said}, "SendMessage")

    client.meta.events.register("before-parameter-build.sqs", refuse)
    return refused


def test_a_message_that_is_too_long_with_ours_is_sent_without(sqs: Any, queue: str, told: Told) -> None:
    """A queue may be set to shorter messages than SQS has: its sender must not feel us."""
    refused = refuse_attributes(sqs, "InvalidParameterValue")
    with context.use(actor="ada"):
        sqs.send_message(QueueUrl=queue, MessageBody="x")
        sqs.send_message(QueueUrl=queue, MessageBody="y")

    assert refused == [1], "the second one was not tried"
    assert [(event["status"], event["messages"]) for event in told()] == [("ok", 1), ("ok", 1)]


def test_the_part_of_a_batch_that_is_too_long_with_ours_is_sent_without() -> None:
    asked = {"QueueUrl": "q", "Entries": [{"Id": one, "MessageBody": "x"} for one in "abc"]}
    with context.use(actor="ada"):
        params = _aws_messages.sending("SendMessageBatch", asked) or {}
    long = {"Code": "InvalidParameterValue", "Message": "Message must be shorter than 1024 bytes."}
    answer: dict[str, Any] = {
        "Successful": [{"Id": "a"}],
        "Failed": [{"Id": "b", **long}, {"Id": "c", "Code": "InternalError"}],
    }

    rest = _aws_messages.unsent(answer, params, asked)
    assert rest == {"QueueUrl": "q", "Entries": [{"Id": "b", "MessageBody": "x"}]}
    _aws_messages.joined(answer, {"Successful": [{"Id": "b"}]})
    assert answer == {
        "Successful": [{"Id": "a"}, {"Id": "b"}],
        "Failed": [{"Id": "c", "Code": "InternalError"}],
    }


@pytest.mark.parametrize(
    ("name", "answer", "code"),
    [
        ("SendMessageBatch", {"Failed": [{"Id": "1", "Code": "InternalError"}]}, "InternalError"),
        ("SendMessageBatch", {"Successful": [{"Id": "2"}], "Failed": [{"Id": "1", "Code": "X"}]}, None),
        ("PutRecords", {"Records": [{"ErrorCode": "Slow"}, {"ErrorCode": "Slow"}]}, "Slow"),
        ("PutRecords", {"Records": [{"ErrorCode": "Slow"}, {"SequenceNumber": "1"}]}, None),
        ("SendMessage", {}, None),
    ],
)
def test_a_batch_of_which_nothing_is_taken_has_failed(
    name: str, answer: dict[str, Any], code: str | None
) -> None:
    """A service answers it as it answers success."""
    assert is_refused(name, answer) == code


def test_context_comes_through_a_topic(sqs: Any, queue: str) -> None:
    sns = aws().client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for raw in ("false", "true"):
        attributes = {"RawMessageDelivery": raw}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        with context.use(actor="ada"):
            sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": "1", "Message": "x"}])
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]:
            assert carrier_of(message)["baggage"] == "lineage.actor=ada"


def test_a_resource_s_message_and_a_lambda_s_record_carry_it_too(sqs: Any, queue: str) -> None:
    with context.use(actor="ada"):
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    (message,) = aws().resource("sqs").Queue(queue).receive_messages()

    assert carrier_of(message) == {"baggage": "lineage.actor=ada"}
    record = {"messageAttributes": {"baggage": {"stringValue": "a=1", "dataType": "String"}}, "body": "x"}
    assert carrier_of(record) == {"baggage": "a=1"}
    assert carrier_of({"Sns": {"MessageAttributes": {"baggage": {"Type": "String", "Value": "a=1"}}}}) == {
        "baggage": "a=1"
    }
    assert carrier_of({"Body": '{"Type": "Notification"'}) == carrier_of({}) == carrier_of(object()) == {}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://sqs.eu-central-1.amazonaws.com/123456789012/orders", (ARN.format("sqs"), "orders")),
        ("http://localhost:4566/000000000000/orders", ("arn:aws:sqs:eu-central-1:000000000000", "orders")),
        ("http://ann:secret@localhost:9324/queue/orders", ("sqs://localhost:9324", "queue/orders")),
        ("orders", ("sqs", "orders")),
        ("", None),
        (None, None),
    ],
)
def test_a_queue_has_the_name_of_its_arn_wherever_it_is(url: Any, expected: tuple[str, str] | None) -> None:
    found = queue_dataset(url, "eu-central-1", "aws")

    assert (found and (found.namespace, found.name)) == expected


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sns:us-west-2:123456789012:endpoint/GCM/app/5e3e9847-3183-3f18-a7e8-671c3a57d4b3",
        "+4917612345678",
        None,
    ],
)
def test_a_person_s_device_is_no_topic(arn: Any) -> None:
    assert topic_dataset(arn) is None
