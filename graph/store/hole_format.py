"""What fills the holes of a form, in the few bytes by which it differs from what filled them first.

The texts of two runs differ in times, numbers and ids. Where all else is the same, only these are kept: a
time by its distance to the one before it, the ids of the run and of the run above it by a reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from graph.store.varints import put_number, signed, take_number, unsigned

_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?:\d{3}){1,3})?(?:Z|\+00:00)?"
_INT = rb"0|[1-9]\d*"
_HEX = rb"(?:[0-9a-f]{2}){8,64}"
_VARIABLE = re.compile(rb'[":#,\[ ](?:(%s)|(%s)|(%s)|(%s))(?=[",}\]\0 ]|$)' % (_UUID, _TIME, _INT, _HEX))


_IS_UUID, _IS_TIME, _IS_INT, _IS_HEX = 1, 2, 3, 4
"""Kinds of variables: the groups of `_VARIABLE`."""

_MATCHES = {
    kind: re.compile(text).match
    for kind, text in ((_IS_UUID, _UUID), (_IS_TIME, _TIME), (_IS_INT, _INT), (_IS_HEX, _HEX))
}

_RAW, _OWN, _PARENT, _EARLIER = 0, 1, 2, 3
"""How the id of a run is kept: itself, as that of the run, of the run above it, as one before it."""

_ZONE = re.compile(rb"(?:Z|\+00:00)?$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Runs:
    """The ids that an event's own part may refer to: its run's, and by number those of runs above it."""

    own: str
    parents: Mapping[int, str]


class _Style(NamedTuple):
    """How a time is written: digits of its fraction, zone, and its smallest step in nanoseconds."""

    digits: int
    zone: bytes
    unit: int


@dataclass(frozen=True, slots=True)
class _Variable:
    """A place in a text that is another in each run.

    `length` is that of the text, 0 where it varies. `step` is the distance of a time, in its unit, to the
    time before it; None for the first one.
    """

    text: bytes
    kind: int
    length: int
    style: _Style
    step: int | None


_NO_STYLE = _Style(0, b"", 1)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The texts between the variables, one more than these, and the variables."""

    literals: Sequence[bytes]
    variables: Sequence[_Variable]


def packed_like(text: bytes, sample: bytes, time: int, runs: Runs) -> bytes | None:
    """Return a text in the bytes by which it differs from another one; None where it is quite another.

    `time` is the time of the event, in nanoseconds.
    """
    pattern = _pattern(sample)
    variables = _split(text, pattern)
    if variables is None:
        return None
    writing = _Writing(time, runs)
    for variable, like in zip(variables, pattern.variables, strict=True):
        if not writing.put(variable, like):
            return None
    return bytes(writing.packed)


def text_like(packed: bytes, sample: bytes, time: int, runs: Runs | None) -> bytes:
    """Return the text of which `packed_like` made these bytes; without `runs` times and ids are left out."""
    pattern = _pattern(sample)
    reading = _Reading(packed, time, runs)
    found = [pattern.literals[0]]
    for like, literal in zip(pattern.variables, pattern.literals[1:], strict=True):
        found += (reading.take(like), literal)
    return b"".join(found)


def parents_in(packed: bytes, sample: bytes) -> set[int]:
    """Return the numbers of the runs that these bytes refer to."""
    reading = _Reading(packed, 0, None)
    for like in _pattern(sample).variables:
        reading.take(like)
    return reading.parents


@lru_cache(maxsize=20_000)
def _pattern(sample: bytes) -> _Pattern:
    literals, variables = [], []
    end, before = 0, None
    for found in _VARIABLE.finditer(sample):
        kind = found.lastindex or _IS_UUID
        text = found[kind]
        style, step = _NO_STYLE, None
        if kind == _IS_TIME:
            style = _style(text)
            when = _nanoseconds(text, style)
            if when is None:  # such as the 31st of February
                continue
            step = None if before is None else when // style.unit - before // style.unit
            before = when
        literals.append(sample[end : found.start(kind)])
        variables.append(_Variable(text, kind, 0 if kind == _IS_INT else len(text), style, step))
        end = found.end()
    return _Pattern([*literals, sample[end:]], variables)


def _split(text: bytes, pattern: _Pattern) -> list[bytes] | None:
    """Return what stands in the places of the variables; None where all else is not the same."""
    if not text.startswith(pattern.literals[0]):
        return None
    end = len(pattern.literals[0])
    found = []
    for like, literal in zip(pattern.variables, pattern.literals[1:], strict=True):
        match = _MATCHES[like.kind](text, end)
        if match is None or (like.length and match.end() - end != like.length):
            return None
        found.append(match[0])
        end = match.end()
        if not text.startswith(literal, end):
            return None
        end += len(literal)
    return found if end == len(text) else None


def _style(text: bytes) -> _Style:
    zone = _ZONE.search(text, 19)
    assert zone is not None
    digits = max(0, zone.start() - 20)
    return _Style(digits, zone[0], int(10 ** (9 - digits)))


@lru_cache(maxsize=1_000)
def _nanoseconds(text: bytes, style: _Style) -> int | None:
    """Return a time; None where it is none or is written in another style."""
    try:
        moment = datetime.fromisoformat(f"{text[:19].decode()}+00:00")
    except ValueError:
        return None
    fraction = int(text[20 : 20 + style.digits]) * style.unit if style.digits else 0
    time = round((moment - _EPOCH).total_seconds()) * 10**9 + fraction
    return time if _written(time, style) == text else None


def _written(time: int, style: _Style) -> bytes:
    seconds, rest = divmod(time, 10**9)
    moment = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19].encode()
    return moment + (b".%0*d" % (style.digits, rest // style.unit) if style.digits else b"") + style.zone


class _Writing:
    def __init__(self, time: int, runs: Runs) -> None:
        self.packed = bytearray()
        self._time = time
        self._runs = runs
        self._uuids: list[bytes] = []

    def put(self, text: bytes, like: _Variable) -> bool:
        """Write a variable; tell whether that could be done."""
        if like.kind == _IS_INT:
            put_number(self.packed, 0 if text == like.text else int(text) + 1)
        elif like.kind == _IS_UUID:
            self._uuid(text)
        elif like.kind == _IS_HEX:
            self.packed += bytes.fromhex(text.decode())
        else:
            when = _nanoseconds(text, like.style)
            if when is None:
                return False
            unit = like.style.unit
            step = when // unit - self._time // unit - (like.step or 0)
            put_number(self.packed, unsigned(step))
            self._time = when
        return True

    def _uuid(self, text: bytes) -> None:
        if text in self._uuids:
            put_number(self.packed, _EARLIER + self._uuids.index(text))
            return
        self._uuids.append(text)
        uuid = text.decode()
        number = next((number for number, run_id in self._runs.parents.items() if run_id == uuid), None)
        if uuid == self._runs.own:
            put_number(self.packed, _OWN)
        elif number is not None:
            put_number(self.packed, _PARENT)
            put_number(self.packed, number)
        else:
            put_number(self.packed, _RAW)
            self.packed += bytes.fromhex(uuid.replace("-", ""))


class _Reading:
    """Reads variables; without `runs` times and ids are left out."""

    def __init__(self, packed: bytes, time: int, runs: Runs | None) -> None:
        self.parents: set[int] = set()
        self._packed = packed
        self._place = 0
        self._time = time
        self._runs = runs
        self._uuids: list[bytes] = []

    def take(self, like: _Variable) -> bytes:
        """Return the next variable."""
        if like.kind == _IS_INT:
            number = self._number()
            return like.text if number == 0 else b"%d" % (number - 1)
        if like.kind == _IS_UUID:
            return self._uuid()
        if like.kind == _IS_HEX:
            return self._bytes(like.length // 2).hex().encode()
        step = signed(self._number())
        unit = like.style.unit
        self._time = (self._time // unit + step + (like.step or 0)) * unit
        return _written(self._time, like.style) if self._runs is not None else b""

    def _uuid(self) -> bytes:
        how = self._number()
        if how >= _EARLIER:
            return self._uuids[how - _EARLIER]
        uuid = ""
        if how == _OWN:
            uuid = self._runs.own if self._runs is not None else ""
        elif how == _PARENT:
            number = self._number()
            self.parents.add(number)
            uuid = self._runs.parents[number] if self._runs is not None else ""
        else:
            uuid = str(UUID(bytes=self._bytes(16)))
        self._uuids.append(uuid.encode())
        return self._uuids[-1]

    def _number(self) -> int:
        number, self._place = take_number(self._packed, self._place)
        return number

    def _bytes(self, count: int) -> bytes:
        if len(self._packed) < self._place + count:
            raise LookupError("the log has half of an event")
        self._place += count
        return self._packed[self._place - count : self._place]
