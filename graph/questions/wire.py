"""Records of answers as JSON and back, for a client that prints what the server found.

The published shapes are for everybody, and leave out what only a printer wants. Between a server and a
client of one release an answer goes as it is: `{"classes": [...], "value": ...}`, where a value is itself, or
a list that begins with what it is: the number of its class, or one of the words below. Only records, named
tuples and enumerations of this package are read: nothing that comes in is executed.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from importlib import import_module
from typing import Any

MEDIA_TYPE = "application/vnd.lineage-graph.records+json"

_OURS = ("graph.nodes", "graph.records", "graph.queries.", "graph.questions.", "graph.store.")


class UnreadableRecordsError(ValueError):
    """What came in is not what this release writes."""


def dumps(value: Any) -> bytes:
    """Return a record, and all in it, as JSON."""
    writer = _Writer()
    written = writer.write(value)
    return json.dumps({"classes": list(writer.classes), "value": written}, separators=(",", ":")).encode()


def loads(text: bytes) -> Any:
    """Return the record in the JSON; UnreadableRecordsError when there is none that this release knows."""
    try:
        told = json.loads(text)
        classes = [_class(name) for name in told["classes"]]
        return _read(told["value"], classes)
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        ImportError,
        RecursionError,
    ) as error:
        raise UnreadableRecordsError(f"{type(error).__name__}: {error}") from error


class _Writer:
    """Writes values; `classes` are the names of those that came, with their numbers."""

    def __init__(self) -> None:
        self.classes: dict[str, int] = {}

    def write(self, value: Any) -> Any:
        """Return a value as it stands in JSON."""
        if isinstance(value, Enum):
            return [self._number(type(value)), value.name]
        if value is None or isinstance(value, str | int | float):
            return value
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = (getattr(value, field.name) for field in dataclasses.fields(value))
            return [self._number(type(value)), *map(self.write, fields)]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return [self._number(type(value)), *map(self.write, value)]
        if isinstance(value, Mapping):
            return ["map", *([self.write(key), self.write(each)] for key, each in value.items())]
        if isinstance(value, tuple | list | frozenset | set):
            word = next(word for word, type_ in _CONTAINERS.items() if isinstance(value, type_))
            return [word, *(self.write(each) for each in value)]
        return _plain(value)

    def _number(self, class_: type) -> int:
        return self.classes.setdefault(f"{class_.__module__}:{class_.__qualname__}", len(self.classes))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return ["time", value.isoformat()]
    if isinstance(value, timedelta):
        return ["duration", value / timedelta(microseconds=1)]
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode("ascii")]
    raise TypeError(f"a {type(value).__name__} in an answer cannot be written")


_CONTAINERS: dict[str, type] = {"tuple": tuple, "list": list, "frozenset": frozenset, "set": set}


def _class(name: str) -> type:
    module, _, class_ = name.partition(":")
    if not module.startswith(_OURS) or "." in class_ or class_.startswith("_"):
        raise ValueError(f"{name} is no record")
    found = getattr(import_module(module), class_)
    is_record = dataclasses.is_dataclass(found) or hasattr(found, "_fields")
    if not isinstance(found, type) or not (is_record or issubclass(found, Enum)):
        raise ValueError(f"{name} is no record")
    return found


def _read(value: Any, classes: list[type]) -> Any:
    if not isinstance(value, list):
        return value
    kind, *parts = value
    if isinstance(kind, int):
        class_ = classes[kind]
        if issubclass(class_, Enum):
            return class_[parts[0]]
        return class_(*(_read(part, classes) for part in parts))
    if kind == "map":
        return {_read(key, classes): _read(each, classes) for key, each in parts}
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](_read(part, classes) for part in parts)
    if kind == "time":
        return datetime.fromisoformat(parts[0])
    if kind == "duration":
        return timedelta(microseconds=parts[0])
    if kind == "bytes":
        return base64.b64decode(parts[0])
    raise ValueError(f"{kind!r} is no kind of value")
