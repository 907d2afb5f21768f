"""Where query events go besides lineage: files, functions, standard streams.

A sink has `write(events)`, called from a thread of ours with events that nobody else changes. What it
raises is counted and logged, never seen by the application.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TextIO

from lineage._guard import guard

Event = dict[str, Any]


class Sink(Protocol):
    """Takes events of finished queries."""

    def write(self, events: Sequence[Event], /) -> None:
        """Take some events over; may take as long as it needs."""


class CallbackSink:
    """Calls a function once for each event."""

    def __init__(self, function: Callable[[Event], Any]) -> None:
        self._function = function

    def write(self, events: Sequence[Event]) -> None:
        """Call the function; an event it raises on does not cost the others."""
        for event in events:
            with guard("calling a query sink"):
                self._function(event)


class FileJsonlSink:
    """Appends events to a file, one JSON object per line.

    Lines of several threads and processes do not mix: each batch is one write to a file opened for appending.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)

    def write(self, events: Sequence[Event]) -> None:
        """Append; makes the folder when it is not there. Raises OSError when the file cannot be written."""
        content = "".join(map(json_line, events)).encode()
        os.makedirs(os.path.dirname(os.path.abspath(self._path)), exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            while content:
                content = content[os.write(file, content) :]
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
    """Return an event as a line of strict JSON."""
    return json.dumps(event, ensure_ascii=False, allow_nan=False, default=str) + "\n"


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
