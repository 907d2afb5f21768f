"""What the calls of S3, SQS, SNS and Kinesis are as operations, read from their parameters and answers.

Nothing here asks anything, and bodies are looked at for their length alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from lineage.datasets import Dataset, normalise
from producers._lengths import length_of
from producers._operations import Call

Params = Mapping[str, Any]

_S3 = {
    "GetObject": "GET",
    "SelectObjectContent": "GET",
    "PutObject": "PUT",
    "CopyObject": "COPY",
    "CompleteMultipartUpload": "MULTIPART_UPLOAD",
    "CreateMultipartUpload": "CREATE_MULTIPART_UPLOAD",
    "UploadPart": "UPLOAD_PART",
    "UploadPartCopy": "UPLOAD_PART_COPY",
    "DeleteObject": "DELETE",
    "DeleteObjects": "DELETE",
    "HeadObject": "HEAD",
    "ListObjects": "LIST",
    "ListObjectsV2": "LIST",
    "ListObjectVersions": "LIST",
}
_MOVING = frozenset({"GET", "PUT", "COPY", "MULTIPART_UPLOAD"})
"""What makes its object a dataset of the run. HEAD and LIST show that there is one, and read none."""

_SQS = {
    "SendMessage": "publish",
    "SendMessageBatch": "publish",
    "ReceiveMessage": "receive",
    "DeleteMessage": "delete",
    "DeleteMessageBatch": "delete",
}
_SNS = {"Publish": "publish", "PublishBatch": "publish"}
_KINESIS = {
    "PutRecord": "publish",
    "PutRecords": "publish",
    "GetRecords": "receive",
    "SubscribeToShard": "consume",
    "GetShardIterator": "",
}
CALLS = {"s3": _S3, "sqs": _SQS, "sns": _SNS, "kinesis": _KINESIS}
"""The calls that are operations, by service: what each is called as one. Some only tell where others are."""

NAMES = frozenset(name for calls in CALLS.values() for name in calls)

_OBJECT_ARN = re.compile(r"(arn:[\w-]+:s3[\w-]*:[\w-]*:\d*):(.+)", re.ASCII)
_STREAM_ARN = re.compile(r"(arn:[\w-]+:kinesis:[\w-]*:\d*):(stream/[^/]+).*", re.ASCII)
_TOPIC_ARN = re.compile(r"(arn:[\w-]+:sns:[\w-]*:\d*):([\w.-]+)", re.ASCII)
_QUEUE_PATH = re.compile(r".*/(\d{12})/([\w.-]+)", re.ASCII)


def call_of(service: str, name: str, params: Params, region: str, partition: str, endpoint: str) -> Call:
    """Return what a call is; `endpoint` is the service's URL, for names that say no account."""
    operation = CALLS[service][name]
    if service == "s3":
        return _of_object(operation, params)
    if service == "sqs":
        dataset = queue_dataset(params.get("QueueUrl"), region, partition)
        sent = _sent_by_sqs(name, params)
    elif service == "sns":
        dataset = topic_dataset(params.get("TopicArn") or params.get("TargetArn"))
        sent = _sent_by_sns(name, params)
    else:
        dataset = stream_dataset(params, endpoint)
        sent = _sent_by_kinesis(name, params)
    return on_stream(Call("messaging", service, operation, measures=sent), dataset)


def on_stream(call: Call, dataset: Dataset | None) -> Call:
    """Return a call with the queue, topic or stream that it is about."""
    return replace(call, target=dataset.name.rpartition("/")[2] if dataset else None, dataset=dataset)


def call_of_transfer(operation: str, asked: Any) -> Call:
    """Return what a transfer of s3transfer is; its bytes are those of the calls that it makes."""
    dataset = object_dataset(asked.bucket, asked.key) if operation in _MOVING else None
    source = source_dataset(asked.copy_source) if operation == "COPY" else None
    sources = (source,) if source is not None else ()
    return Call("storage", "s3", operation, asked.bucket, dataset, sources, {"objects": 1})


def _of_object(operation: str, params: Params) -> Call:
    bucket, key = params.get("Bucket"), params.get("Key")
    dataset = object_dataset(bucket, key) if operation in _MOVING else None
    source = source_dataset(params.get("CopySource")) if "COPY" in operation else None
    sources = (source,) if source is not None else ()
    measures = {}
    if (length := length_of(params.get("Body"))) is not None and operation in ("PUT", "UPLOAD_PART"):
        measures["bytes_written"] = length
    if operation in _MOVING:
        measures["objects"] = 1
    target = bucket if isinstance(bucket, str) else None
    return Call("storage", "s3", operation, target, dataset, sources, measures)


def object_dataset(bucket: Any, key: Any) -> Dataset | None:
    """Return the dataset of an object; of one behind an access point, that of its ARN."""
    if not (isinstance(bucket, str) and isinstance(key, str) and bucket and key.strip("/ ")):
        return None
    if (arn := _OBJECT_ARN.fullmatch(bucket)) is not None:
        return Dataset(arn[1], f"{arn[2]}/object/{key}")
    return Dataset(*normalise(f"s3://{bucket}", key))


def source_dataset(source: Any) -> Dataset | None:
    """Return the dataset of the source of a copy: a mapping, or `bucket/key` percent-encoded."""
    if isinstance(source, Mapping):
        return object_dataset(source.get("Bucket"), source.get("Key"))
    if not isinstance(source, str):
        return None
    path = unquote(source.partition("?versionId=")[0]).removeprefix("/")
    if path.startswith("arn:"):
        point, _, key = path.partition("/object/")
        return object_dataset(point, key)
    bucket, _, key = path.partition("/")
    return object_dataset(bucket, key)


def queue_dataset(url: Any, region: str, partition: str) -> Dataset | None:
    """Return the dataset of a queue: that of its ARN where its URL has an account, as AWS's have."""
    if not isinstance(url, str) or not url.strip():
        return None
    parts = urlsplit(url)
    if (path := _QUEUE_PATH.fullmatch(parts.path)) is not None:
        return Dataset(f"arn:{partition}:sqs:{region}:{path[1]}", path[2])
    if not parts.hostname:
        return Dataset("sqs", url)
    return Dataset(f"sqs://{parts.netloc.rpartition('@')[2]}", parts.path.strip("/") or "/")


def topic_dataset(arn: Any) -> Dataset | None:
    """Return the dataset of a topic; None for a phone or an app on it, which are somebody's."""
    found = _TOPIC_ARN.fullmatch(arn) if isinstance(arn, str) else None
    return Dataset(found[1], found[2]) if found is not None else None


def stream_dataset(params: Params, endpoint: str) -> Dataset | None:
    """Return the dataset of a stream: by its ARN, else by its name and the service's host."""
    arn = params.get("StreamARN") or params.get("ConsumerARN")
    found = _STREAM_ARN.fullmatch(arn) if isinstance(arn, str) else None
    if found is not None:
        return Dataset(found[1], found[2])
    name = params.get("StreamName")
    return Dataset(f"kinesis://{urlsplit(endpoint).netloc}", name) if isinstance(name, str) else None


def _sent_by_sqs(name: str, params: Params) -> dict[str, int]:
    entries = [params] if name == "SendMessage" else params.get("Entries", ())
    return _sent(entries, "MessageBody") if name.startswith("Send") else {}


def _sent_by_sns(name: str, params: Params) -> dict[str, int]:
    return _sent([params] if name == "Publish" else params.get("PublishBatchRequestEntries", ()), "Message")


def _sent_by_kinesis(name: str, params: Params) -> dict[str, int]:
    entries = [params] if name == "PutRecord" else params.get("Records", ())
    return _sent(entries, "Data") if name.startswith("Put") else {}


def _sent(entries: Any, body: str) -> dict[str, int]:
    lengths = [length_of(entry.get(body)) for entry in entries]
    known = [length for length in lengths if length is not None]
    sent = {"messages": len(lengths)}
    return sent | {"bytes_transferred": sum(known)} if len(known) == len(lengths) else sent


def answered(name: str, params: Params, answer: Params) -> dict[str, Any]:
    """Return what an answer says of what a call came to."""
    if name == "GetObject":
        return {"bytes_read": answer.get("ContentLength")}
    if name in ("ListObjects", "ListObjectsV2"):
        return {"objects": len(answer.get("Contents", ()))}
    if name == "DeleteObject":
        return {"objects": 1}
    if name == "DeleteObjects":
        return {"objects": len(params["Delete"]["Objects"]) - len(answer.get("Errors", ()))}
    if name in ("SendMessageBatch", "PublishBatch"):
        return {"messages": len(answer.get("Successful", ()))}
    if name == "PutRecords":
        return {"messages": len(answer["Records"]) - (answer.get("FailedRecordCount") or 0)}
    if name == "ReceiveMessage":
        return _sent(answer.get("Messages", ()), "Body")
    return _sent(answer.get("Records", ()), "Data") if name == "GetRecords" else {}


def etag_of(name: str, answer: Params) -> str | None:
    """Return the etag of the object that a call read or wrote as a whole; None where the answer has none."""
    told = answer.get("CopyObjectResult", {}) if name == "CopyObject" else answer
    etag = told.get("ETag") if name in _WHOLE_OBJECTS else None
    return etag.strip('"') if isinstance(etag, str) and 0 < len(etag) <= _LONGEST_ETAG else None


_WHOLE_OBJECTS = {"GetObject", "PutObject", "CopyObject", "CompleteMultipartUpload"}
_LONGEST_ETAG = 200


def is_refused(name: str, answer: Params) -> str | None:
    """Return the code of why nothing of a batch was taken, None where something was."""
    if name in ("SendMessageBatch", "PublishBatch"):
        failed = [] if answer.get("Successful") else answer.get("Failed", [])
        return str(failed[0].get("Code")) if failed else None
    if name == "PutRecords":
        codes = [one.get("ErrorCode") for one in answer.get("Records", ())]
        return str(codes[0]) if codes and all(codes) else None
    return None
