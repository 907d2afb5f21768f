"""Calls of boto3 to S3, SQS, SNS and Kinesis, and of all else that stands on botocore: aiobotocore, s3fs.

Hooks where botocore's clients make their calls: one operation per call that moves, lists or deletes data.
What transfers do (`upload_file`, `download_fileobj`, `copy`, ...) is one operation with all its bytes.
Presigned URLs are made without a call, and what is done with them is not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import wraps
from types import FrameType
from typing import Any

from wrapt import register_post_import_hook

from lineage._guard import guard
from lineage.datasets import Dataset
from lineage.errors import InstrumentError
from lineage.operations import Operation
from lineage.operations.tracking import recorded_config
from producers import _aws_messages, _s3transfer
from producers._aws_calls import (
    CALLS,
    NAMES,
    answered,
    call_of,
    call_of_transfer,
    etag_of,
    is_refused,
    on_stream,
)
from producers._aws_messages import carrier_of as carrier_of
from producers._base import Producer, missing, module_version, replace
from producers._latest import Latest
from producers._operations import Call, begin_call, end_call, fail_call

try:
    import botocore
    from botocore.client import BaseClient
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as error:
    raise missing("boto3", "boto3", error) from error

_CALL = "_make_api_call"
_ASYNC = "aiobotocore.client"


class Boto3Producer(Producer):
    """Captures the calls of all clients, or of some."""

    name = "boto3"
    minimum = "1.34.63"

    def hook(self, undo: ExitStack) -> None:
        """Replace where clients make their calls, and where transfers begin and end."""
        replace(BaseClient, _CALL, _captured(vars(BaseClient)[_CALL]), undo)
        if (module := sys.modules.get(_ASYNC)) is not None:
            _hook_async(module, undo)
        try:
            import s3transfer  # noqa: F401 - comes with boto3, and not with botocore alone
        except ImportError:
            return
        _s3transfer.hook_transfers(_begin_transfer, code_of, undo)

    def imported(self, module: Any) -> None:
        """Hook aiobotocore, which was imported after the installation."""
        with self._lock:
            if self._undo is not None:
                _hook_async(module, self._undo)

    def subject(self, target: Any) -> Any:
        """Return the client itself, or that of a resource."""
        client = getattr(getattr(target, "meta", None), "client", target)
        if not isinstance(client, BaseClient):
            raise InstrumentError(self.name, f"give a client, not {type(target).__name__}")
        return client

    def version(self) -> str:
        """Return botocore's version, by which boto3 and aiobotocore go."""
        return module_version(botocore)


PRODUCER = Boto3Producer()
_HOOKING = guard("instrumenting aiobotocore")


def _hook_async(module: Any, undo: ExitStack) -> None:
    kind = module.AioBaseClient
    replace(kind, _CALL, _captured_async(vars(kind)[_CALL]), undo)


def _imported(module: Any) -> None:
    with _HOOKING:
        PRODUCER.imported(module)


if _ASYNC not in sys.modules:
    register_post_import_hook(_imported, _ASYNC)

_BEGINNING = guard("beginning a call of AWS")
_ENDING = guard("ending a call of AWS")
_CARRYING = guard("carrying context with messages")


_streams: Latest[str, Dataset] = Latest()
"""The streams of Kinesis by iterators of their shards, which are all that reading names."""

_refusing: Latest[Dataset | None, bool] = Latest()
"""Queues and topics where a message was too long with ours."""


class BatchRefused(Exception):  # noqa: N818 - what an operation's error is called
    """Nothing of a batch was taken, which the service answers without an error."""


class _Made:
    """A call while it is made: `asked` is what the caller gave, `params` what goes to the service."""

    __slots__ = ("asked", "call", "name", "operation", "params", "transfer")

    def __init__(self, name: str, params: Any, call: Call) -> None:
        self.name = name
        self.call = call
        self.asked = self.params = params
        self.operation: Operation | None = None
        self.transfer: _s3transfer.Transfer | None = None

    def carry(self) -> None:
        """Have the context go with messages that are sent, and come with those that are received."""
        with _CARRYING:
            if self.name == "ReceiveMessage":
                self.params = _aws_messages.asking(self.asked) or self.asked
            elif not _refusing.get(self.call.dataset):
                self.params = _aws_messages.sending(self.name, self.asked) or self.asked

    def repeats(self, error: BaseException) -> bool:
        """Whether to make the call once more as the caller meant it, because ours made it too long."""
        with _CARRYING:
            if self.params is not self.asked and _aws_messages.is_too_long(refusal_of(error)):
                self.params = self.asked
                _refusing.put(self.call.dataset, True)
                return True
        return False

    def rest(self, answer: Any) -> dict[str, Any]:
        """Return what sends the rest of a batch as the caller meant it; empty but where ours was too long."""
        with _CARRYING:
            if self.params is not self.asked and answer.get("Failed"):
                rest = _aws_messages.unsent(answer, self.params, self.asked)
                if rest:
                    _refusing.put(self.call.dataset, True)
                return rest
        return {}

    def join(self, answer: Any, second: Any) -> None:
        """Put the answer for the rest of a batch into the first one."""
        with _CARRYING:
            _aws_messages.joined(answer, second)

    def done(self, answer: Any) -> None:
        """Tell what the service answered."""
        if self.params is not self.asked and self.name == "ReceiveMessage":
            with _CARRYING:
                _aws_messages.taking(answer, self.asked)
        known: dict[str, Any] = {}
        with _ENDING:
            self._note_iterator(answer)
            known = answered(self.name, self.asked, answer)
            of_object = self.operation if self.transfer is None else self.transfer.operation
            if of_object is not None and (etag := etag_of(self.name, answer)) is not None:
                of_object.etag = etag
            if self.transfer is not None:
                self.transfer.add(self.call.measures | known)
            known["query_id"] = answer.get("ResponseMetadata", {}).get("RequestId")
            if (code := is_refused(self.name, answer)) is not None and self.operation is not None:
                fail_call(self.operation, BatchRefused(), lambda _: code)
        if self.operation is not None:
            end_call(self.operation, **known)

    def _note_iterator(self, answer: Any) -> None:
        dataset = self.call.dataset
        following = answer.get(_FOLLOWING[self.name]) if self.name in _FOLLOWING else None
        if dataset is not None and following is not None:
            _streams.put(following, dataset)

    def failed(self, error: BaseException) -> None:
        """Tell that it failed."""
        if self.operation is not None:
            fail_call(self.operation, error, code_of)


_FOLLOWING = {"GetShardIterator": "ShardIterator", "GetRecords": "NextShardIterator"}


def refusal_of(error: BaseException | None) -> dict[str, Any]:
    """Return what a service says of an error; empty for what is none of a service."""
    answer = getattr(error, "response", None)
    said = answer.get("Error") if isinstance(answer, dict) else None
    return said if isinstance(said, dict) else {}


def code_of(error: BaseException | None) -> str | None:
    """Return a service's own code of an error."""
    code = refusal_of(error).get("Code")
    return code if isinstance(code, str) else None


def _begin(client: Any, name: Any, params: Any) -> _Made | None:
    """Begin a call of a client; None for one that is of no interest."""
    if name not in NAMES:
        return None
    made = None
    with _BEGINNING:
        if not PRODUCER.watches(client):
            return None
        meta = client.meta
        service = meta.service_model.service_name
        if name not in CALLS.get(service, ()) or recorded_config() is None:
            return None
        call = call_of(service, name, params, meta.region_name, meta.partition, meta.endpoint_url)
        if name == "GetRecords" and call.dataset is None:
            call = on_stream(call, _streams.get(params["ShardIterator"]))
        made = _Made(name, params, call)
        made.carry()
        made.transfer = _s3transfer.current.get() if service == "s3" else None
        if made.transfer is None and call.operation:
            made.operation = begin_call(call, sys._getframe(2))
    return made


def _begin_transfer(client: Any, kind: str, asked: Any, frame: FrameType) -> Operation | None:
    """Begin the operation of a transfer, with the arguments of the method that was called."""
    if not PRODUCER.watches(client) or recorded_config() is None:
        return None
    return begin_call(call_of_transfer(kind, asked), frame)


def _captured(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def make(client: Any, operation_name: Any, api_params: Any) -> Any:
        made = _begin(client, operation_name, api_params)
        if made is None:
            return method(client, operation_name, api_params)
        while True:
            try:
                answer = method(client, operation_name, made.params)
            except BaseException as error:
                if made.repeats(error):
                    continue
                made.failed(error)
                raise
            if rest := made.rest(answer):
                with suppress(ClientError, BotoCoreError):  # what failed has failed
                    made.join(answer, method(client, operation_name, rest))
            made.done(answer)
            return answer

    return make


def _captured_async(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def make(client: Any, operation_name: Any, api_params: Any) -> Any:
        made = _begin(client, operation_name, api_params)
        if made is None:
            return await method(client, operation_name, api_params)
        while True:
            try:
                answer = await method(client, operation_name, made.params)
            except BaseException as error:
                if made.repeats(error):
                    continue
                made.failed(error)
                raise
            if rest := made.rest(answer):
                with suppress(ClientError, BotoCoreError):
                    made.join(answer, await method(client, operation_name, rest))
            made.done(answer)
            return answer

    return make
