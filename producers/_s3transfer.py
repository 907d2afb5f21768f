"""Transfers of s3transfer: `upload_file` and the like are one operation, however many calls they make.

The calls are made by threads of a pool: each task there knows its transfer, and so do the calls it makes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from functools import wraps
from threading import Lock
from types import FrameType
from typing import Any

from lineage._guard import guard
from lineage.operations import Operation
from producers._base import replace
from producers._operations import CodeOf, end_call, fail_call

Begin = Callable[[Any, str, Any, FrameType], Operation | None]
"""Begins the operation of a transfer: of a client, what it does, its arguments and its caller's frame."""

_KINDS = {
    "UploadSubmissionTask": "PUT",
    "DownloadSubmissionTask": "GET",
    "CopySubmissionTask": "COPY",
    "DeleteSubmissionTask": "DELETE",
}
_BYTES = ("bytes_read", "bytes_written")

_BEGINNING = guard("beginning a transfer")
_ENDING = guard("ending a transfer")


class Transfer:
    """One transfer: its operation, counted by many threads, and the context of who asked for it."""

    __slots__ = ("_around", "_lock", "operation", "requests")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.requests = 0
        self._lock = Lock()
        self._around = copy_context()

    def add(self, measures: Mapping[str, Any]) -> None:
        """Count a call that was made for it."""
        with self._lock:
            self.requests += 1
            known = self.operation.measures
            for name in _BYTES:
                if isinstance(count := measures.get(name), int):
                    known[name] = known.get(name, 0) + count

    def end(self, error: BaseException | None, code_of: CodeOf) -> None:
        """Tell the end, where whoever asked for it stands."""
        self.operation.requests = max(1, self.requests)
        if error is None:
            self._around.run(end_call, self.operation, attributes={"requests": self.requests})
        else:
            self._around.run(fail_call, self.operation, error, code_of)


_asked: ContextVar[Transfer | None] = ContextVar("lineage_transfer_asked", default=None)
current: ContextVar[Transfer | None] = ContextVar("lineage_transfer", default=None)
"""The transfer that code in a pool's thread works for."""


def hook_transfers(begin: Begin, code_of: CodeOf, undo: ExitStack) -> None:
    """Have transfers captured until `undo`; `code_of` gives a service's own code of an error."""
    from s3transfer import futures, manager, tasks

    for holder, name, hook in (
        (manager.TransferManager, "_submit_transfer", _submitting(begin)),
        (futures.TransferCoordinator, "__init__", _coordinating),
        (futures.TransferCoordinator, "announce_done", _announcing(code_of)),
        (tasks.Task, "__call__", _working),
    ):
        replace(holder, name, hook(vars(holder)[name]), undo)


_Hook = Callable[[Callable[..., Any]], Callable[..., Any]]


def _submitting(begin: Begin) -> _Hook:
    def hook(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def submit(manager: Any, call_args: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
            token = None
            with _BEGINNING:
                kind = _KINDS.get(task.__name__)
                frame = sys._getframe(1)
                operation = begin(manager.client, kind, call_args, frame) if kind is not None else None
                if operation is not None:
                    token = _asked.set(Transfer(operation))
            try:
                return method(manager, call_args, task, *args, **kwargs)
            finally:
                if token is not None:
                    _asked.reset(token)

        return submit

    return hook


def _coordinating(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def make(coordinator: Any, *args: Any, **kwargs: Any) -> None:
        method(coordinator, *args, **kwargs)
        coordinator._lineage_transfer = _asked.get()

    return make


def _announcing(code_of: CodeOf) -> _Hook:
    def hook(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def announce(coordinator: Any) -> Any:
            with _ENDING:  # before whoever waits goes on, and ends its run
                transfer: Transfer | None = getattr(coordinator, "_lineage_transfer", None)
                if transfer is not None:
                    transfer.end(coordinator.exception, code_of)
            return method(coordinator)

        return announce

    return hook


def _working(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def work(task: Any, *args: Any, **kwargs: Any) -> Any:
        token = current.set(getattr(task._transfer_coordinator, "_lineage_transfer", None))
        try:
            return method(task, *args, **kwargs)
        finally:
            current.reset(token)

    return work
