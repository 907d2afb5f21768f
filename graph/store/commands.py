"""Commands: what people say about datasets, fields and jobs. They stand in the log beside the events.

On the wire a command is `{"lineageCommand": {...}}`, a line of its own among events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from graph.nodes import Node, NodeType
from lineage.event_id import parse_time

KEY = "lineageCommand"


class CommandKind(StrEnum):
    """What a command does; the values are those on the wire."""

    TAG = "tag"
    UNTAG = "untag"
    OWN = "own"
    DISOWN = "disown"
    DESCRIBE = "describe"
    DELETE = "delete"
    UNDELETE = "undelete"


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `time` is nanoseconds since the epoch and `id` a UUID that no other command has.

    `name` is the tag or the owner. `value` is that of the tag, the type of ownership, or the description
    ("" takes the description back). `who` gave the command. Only datasets and jobs are deleted.
    """

    id: str
    time: int
    kind: CommandKind
    node: Node
    name: str = ""
    value: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """A tag with its value, or an owner with the type of ownership; `value` is "" where none is given."""

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """What is said about a dataset, field or job, by events and by commands."""

    tags: tuple[Label, ...] = ()
    owners: tuple[Label, ...] = ()
    description: str | None = None


class InvalidCommandError(ValueError):
    """What stands in the place of a command is none; the message says why."""


class _Node(msgspec.Struct, forbid_unknown_fields=True):
    type: NodeType
    namespace: str
    name: str
    field: str | None = None


class _Command(msgspec.Struct, forbid_unknown_fields=True):
    id: UUID
    time: str
    command: CommandKind
    node: _Node
    name: str = ""
    value: str = ""
    who: str = ""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    command: _Command = msgspec.field(name=KEY)


_DECODER = msgspec.json.Decoder(_Line)
_BEGINNING = re.compile(rb'\s*\{\s*"' + KEY.encode() + rb'"\s*:')
_NAMED = {CommandKind.TAG, CommandKind.UNTAG, CommandKind.OWN, CommandKind.DISOWN}
_OF_WHOLES = {CommandKind.DELETE, CommandKind.UNDELETE}


def is_command(line: bytes) -> bool:
    """Tell whether a line holds a command; events have no such key."""
    return _BEGINNING.match(line) is not None


def command_of(line: bytes) -> Command:
    """Return the command in a line, or raise InvalidCommandError."""
    try:
        told = _DECODER.decode(line).command
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidCommandError(f"no command: {error}") from error
    time = parse_time(told.time)
    node = Node(told.node.type, told.node.namespace, told.node.name, told.node.field)
    problem = None
    if time is None:
        problem = f"time {told.time!r} is not a time between 1678 and 2262 such as 2026-01-31T12:00:00Z"
    elif (node.type is NodeType.FIELD) is not bool(node.field):
        problem = "a FIELD needs the name of its field, and nothing else has one"
    elif told.command in _NAMED and not told.name.strip():
        problem = f"{told.command} needs a name"
    elif told.command in _OF_WHOLES and node.type is NodeType.FIELD:
        problem = "fields are not deleted by themselves: delete the dataset"
    elif any("\0" in text for text in (node.namespace, node.name, told.name, told.value, told.who)):
        problem = "a text holds a NUL"
    if problem is not None or time is None:
        raise InvalidCommandError(f"no command: {problem}")
    return Command(str(told.id), time, told.command, node, told.name, told.value, told.who)


def line_of(command: Command) -> bytes:
    """Return a command as a line without its end."""
    node: dict[str, Any] = {
        "type": command.node.type.value,
        "namespace": command.node.namespace,
        "name": command.node.name,
    }
    if command.node.field is not None:
        node["field"] = command.node.field
    told = {"id": command.id, "time": _time_text(command.time), "command": command.kind.value, "node": node}
    told |= {key: value for key in ("name", "value", "who") if (value := getattr(command, key))}
    return msgspec.json.encode({KEY: told})


def _time_text(time: int) -> str:
    seconds, rest = divmod(time, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
