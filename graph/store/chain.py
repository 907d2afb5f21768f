"""The chain over the log: by its values an alteration of anything that the log ever took is found.

What a transaction adds to the log is a *link*. Its value is the SHA-256 of the value before it, of what the
link says of itself, and of an *item* for each of its records. So the last value stands for all of the log.
What a removal takes out leaves its item behind, and is a link itself. See docs/decisions/0013.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from enum import IntEnum, StrEnum
from typing import NamedTuple

_VERSION = b"lineage-graph chain 1\0"


class LinkKind(IntEnum):
    """What a link adds to the chain; the values are those in the store."""

    EVENTS = 1
    COMMAND = 2
    REMOVAL = 3
    SIGNED = 4
    """A checkpoint, or a change of keys."""


class Link(NamedTuple):
    """One link; `first` is the number of its first record, or the next one that the log will give."""

    number: int
    kind: int
    first: int
    records: int
    made_at: int


def first_value(log_id: bytes, covered_from: int, removals_before: int) -> bytes:
    """Return the value that stands before the first link of a log."""
    return hashlib.sha256(_VERSION + log_id + _number(covered_from) + _number(removals_before)).digest()


class ValueOf:
    """Works out the value of a link, item by item."""

    def __init__(self, before: bytes, link: Link) -> None:
        self._hash = hashlib.sha256(before + b"".join(map(_number, link)))

    def add(self, items: Iterable[bytes]) -> None:
        """Take in the next items."""
        for item in items:
            self._hash.update(len(item).to_bytes(2, "big") + item)

    def value(self) -> bytes:
        """Return the value."""
        return self._hash.digest()


def event_item(digest: bytes) -> bytes:
    """Return what stands for an event: see `Identity.digest`."""
    return b"e" + digest


def command_item(line: bytes) -> bytes:
    """Return what stands for a command, of the line that the log has."""
    return b"c" + hashlib.sha256(line).digest()


def signed_item(body: str) -> bytes:
    """Return what stands for a signed statement."""
    return b"s" + hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest()


UNKNOWN_ITEM = b"?"
"""What stands for a record that could not be read any more when it was removed."""

UNFINISHED = '"unfinished":true,'
"""Stands in the record of a removal until it is done."""


def removal_items(
    record: tuple[object, ...], body: str, events: int, tombstones: Iterable[tuple[int, bytes]]
) -> Iterable[bytes]:
    """Yield what stands for a step of a removal.

    `record` are the number of the removal, its time, the last number of the log then and its horizon, and
    `events` counts those that the step took out.
    """
    said = "|".join(map(str, record))
    text = f"{said}|{events}|{body.replace(UNFINISHED, '')}".encode("utf-8", "surrogatepass")
    yield b"r" + hashlib.sha256(text).digest()
    for seq, item in tombstones:
        yield _number(seq) + item


def _number(number: int) -> bytes:
    return number.to_bytes(9, "big", signed=True)


class Identity(NamedTuple):
    """What an event is, as ingest reads it.

    `digest` is the hash of its canonical form: its id, unless it is a copy that was completed on its way.
    `time` is nanoseconds since the epoch, `run_id` "" for an event without a run, `owner` the namespace and
    name of the job or dataset that it is about.
    """

    digest: bytes
    time: int
    run_id: str
    owner: tuple[str, str]


Identify = Callable[[bytes], Identity]
"""Tells what an event is; raises ValueError where it is none."""


class FindingKind(StrEnum):
    """What was done to a log."""

    ALTERED = "altered"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    CHECKPOINT = "checkpoint"
    SIGNATURE = "signature"


class Finding(NamedTuple):
    """Something in the log that is not as it was written.

    `number` is that of the record, or the first one that it may be; None where it is about no record. `id` is
    the id of the event (as it reads now) or of the command, `job` the name of the job or dataset it is about.
    """

    kind: FindingKind
    text: str
    number: int | None = None
    id: str | None = None
    job: str | None = None
    run_id: str | None = None


_PLACE = re.compile(r"(\d{1,18})-(\d{1,18})-([0-9a-f]{64})(?:-([0-9a-f]{64}))?")


class Place(NamedTuple):
    """A place in the chain: behind a link, with its value, and the number of the next record.

    `other` is another value that the next link may go on from, where the one that stands there may be what
    was altered.
    """

    link: int
    next: int
    value: bytes
    other: bytes | None = None

    @property
    def text(self) -> str:
        """The place as a text."""
        parts = [str(self.link), str(self.next), self.value.hex()]
        return "-".join([*parts, self.other.hex()] if self.other is not None else parts)


def place_of(text: str) -> Place | None:
    """Return the place that a text tells, None where it is none."""
    found = _PLACE.fullmatch(text)
    if found is None:
        return None
    other = bytes.fromhex(found[4]) if found[4] else None
    return Place(int(found[1]), int(found[2]), bytes.fromhex(found[3]), other)


class Signed(NamedTuple):
    """A signed statement of the log: the link that it is, and the place that the chain had before it."""

    link: int
    body: str
    before: Place


class Verified(NamedTuple):
    """A part of the log that was looked through, from one place to the next.

    `checked` counts records, of which `removed` are gone and known by what they left; `uncovered`, in the
    first part, the events that are older than the chain. `end` says that the log ends here. `log_id` is 32
    hexadecimal digits, "" before the first link; `covered_from` the first number that the chain covers,
    `last` the last number that the log has given. `passed` are values of the chain by link, of those that
    were asked for.
    """

    findings: tuple[Finding, ...]
    place: Place
    checked: int
    removed: int
    end: bool
    log_id: str
    covered_from: int
    last: int
    uncovered: int
    signed: tuple[Signed, ...] = ()
    passed: tuple[tuple[int, bytes], ...] = ()
