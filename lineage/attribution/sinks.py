"""Where query events go besides lineage: files, functions, standard streams.

A sink has `write(events)`, called from a thread of ours with events that nobody else changes. What it
raises is counted and logged, never seen by the application.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TextIO

from lineage._guard import faults, guard, logger

Event = dict[str, Any]


class Sink(Protocol):
    """Takes events of finished queries."""

    def write(self, events: Sequence[Event], /) -> None:
        """Take some events over; may take as long as it needs."""


class contained(guard):  # noqa: N801 - reads as the statement it is
    """`guard` for code that is not ours and runs in our thread: also contains what is no `Exception`.

    A cancellation or an exit that a sink raises is meant for nobody there.
    """

    __slots__ = ()

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> bool:
        if fault is None or isinstance(fault, Exception):
            return super().__exit__(kind, fault, trace)
        faults[self._doing] += 1
        if faults[self._doing] == 1:
            logger.warning("Lineage failed while %s (%s). Told once.", self._doing, type(fault).__name__)
        return True


class CallbackSink:
    """Calls a function once for each event."""

    def __init__(self, function: Callable[[Event], Any]) -> None:
        self._function = function
        self._calling = f"calling the query sink {getattr(function, '__qualname__', type(function).__name__)}"

    def write(self, events: Sequence[Event]) -> None:
        """Call the function; an event it raises on does not cost the others."""
        for event in events:
            with contained(self._calling):
                self._function(event)


class FileJsonlSink:
    """Appends events to a file, one JSON object per line.

    Lines of several threads and processes do not mix: each batch is written under a lock of the file. A
    batch that does not fit on the disk is taken back, so that no line is torn.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(os.path.expanduser(os.fspath(path)))

    def write(self, events: Sequence[Event]) -> None:
        """Append; makes the folder when it is not there. Raises OSError when the file cannot be written."""
        content = "".join(map(json_line, events)).encode()
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = os.fstat(file).st_size
            try:
                while content:
                    content = content[os.write(file, content) :]
            except OSError:
                if os.fstat(file).st_size > before:
                    os.ftruncate(file, before)
                raise
        finally:
            os.close(file)


class StreamSink:
    """Writes events as JSON lines to standard error, or to standard output on request."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, events: Sequence[Event]) -> None:
        """Write; a program that runs without the stream gets nothing."""
        stream: TextIO | None = getattr(sys, self._name)
        if stream is not None:
            stream.write("".join(map(json_line, events)))
            stream.flush()


def json_line(event: Event) -> str:
    """Return an event as a line of strict JSON, in ASCII: any file and any stream can take it."""
    return json.dumps(event, allow_nan=False, default=str) + "\n"


def sink_of(named: Any) -> Sink:
    """Return the sink that a setting names; objects with `write` are sinks, functions are called."""
    if isinstance(named, str):
        if named.startswith("file:"):
            return FileJsonlSink(named.removeprefix("file:"))
        return StreamSink(named)
    if callable(getattr(named, "write", None)):
        sink: Sink = named
        return sink
    return CallbackSink(named)
