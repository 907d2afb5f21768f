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
from graph.store.catalog import Subject
from graph.store.texts import is_long_name, is_long_word
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
    DECLARE = "declare"
    RETRACT = "retract"


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `time` is nanoseconds since the epoch and `id` a UUID that no other command has.

    `name` is the tag or the owner. `value` is that of the tag, the type of ownership, or the description
    ("" takes the description back). `who` gave the command. Only datasets and jobs are deleted.

    What is declared is a JSON object in `value`: about a dataset or job, or without a node about what `name`
    gives as `namespace:NAME`, `source:NAME`, `tag:NAME` or `run:ID`. The latest one replaces all of it.
    """

    id: str
    time: int
    kind: CommandKind
    node: Node | None
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
    node: _Node | None = None
    name: str = ""
    value: str = ""
    who: str = ""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    command: _Command = msgspec.field(name=KEY)


_DECODER = msgspec.json.Decoder(_Line)
_BEGINNING = re.compile(rb'\s*\{\s*"' + KEY.encode() + rb'"\s*:')
_NAMED = {CommandKind.TAG, CommandKind.UNTAG, CommandKind.OWN, CommandKind.DISOWN}
_DECLARING = {CommandKind.DECLARE, CommandKind.RETRACT}
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
    node = None
    if told.node is not None:
        node = Node(told.node.type, told.node.namespace, told.node.name, told.node.field)
    if time is None:
        problem: str | None = (
            f"time {told.time!r} is not a time between 1678 and 2262 such as 2026-01-31T12:00:00Z"
        )
    else:
        problem = _problem(told, node)
    if problem is not None or time is None:
        raise InvalidCommandError(f"no command: {problem}")
    return Command(str(told.id), time, told.command, node, told.name, told.value, told.who)


def _problem(told: _Command, node: Node | None) -> str | None:
    if any("\0" in text for text in (*(node or ())[1:], told.name, told.value, told.who) if text):
        return "a text holds a NUL"
    if is_long_word(told.name) or (node is not None and is_long_name(node.namespace, node.name)):
        return "a name is too long"
    if told.command in _DECLARING:
        return _declaring_problem(told, node)
    if node is None:
        return f"{told.command} needs a node"
    if (node.type is NodeType.FIELD) is not bool(node.field):
        return "a FIELD needs the name of its field, and nothing else has one"
    if told.command in _NAMED and not told.name.strip():
        return f"{told.command} needs a name"
    if told.command in _OF_WHOLES and node.type is NodeType.FIELD:
        return "fields are not deleted by themselves: delete the dataset"
    return None


def _declaring_problem(told: _Command, node: Node | None) -> str | None:
    subject, colon, name = told.name.partition(":")
    if node is None and not (colon and name.strip() and subject in set(Subject)):
        return f"without a node {told.command} needs a name such as namespace:NAME"
    if node is not None and (told.name or node.type is NodeType.FIELD):
        return f"{told.command} is about a dataset or job, or about what its name tells"
    try:
        is_object = isinstance(msgspec.json.decode(told.value), dict)
    except msgspec.DecodeError:
        is_object = False
    return None if is_object else f"the value of {told.command} is no JSON object"


def line_of(command: Command) -> bytes:
    """Return a command as a line without its end."""
    told: dict[str, Any] = {
        "id": command.id,
        "time": _time_text(command.time),
        "command": command.kind.value,
    }
    if (node := command.node) is not None:
        told["node"] = {"type": node.type.value, "namespace": node.namespace, "name": node.name}
        if node.field is not None:
            told["node"]["field"] = node.field
    told |= {key: value for key in ("name", "value", "who") if (value := getattr(command, key))}
    return msgspec.json.encode({KEY: told})


def _time_text(time: int) -> str:
    seconds, rest = divmod(time, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
