"""The events that a Marquez received, the oldest first, page by page.

Marquez lists RunEvents by their time, and in no certain order those of one time: an offset may give one of
them twice and another never. So the pages go on from the time of the last event, overlapping, and where a
page holds one time only, a longer one is asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec

from graph.errors import ImportSourceError
from graph.importers.marquez.connection import Connection
from lineage.event_id import parse_time

PAGE = 500
_BEGINNING = datetime(1678, 1, 1, tzinfo=UTC)
_END = "2262-04-11T00:00:00Z"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ZONE = re.compile(r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)$")


class _Events(msgspec.Struct):
    events: list[msgspec.Raw]


class _Event(msgspec.Struct, rename="camel"):
    event_time: Any = None


def event_pages(
    marquez: Connection, since: datetime | None, progress: Callable[[str], None]
) -> Iterator[list[bytes]]:
    """Yield the events from `since` on as they came, in pages; one that Marquez has twice may come twice.

    An ImportSourceError says from which time the import can go on.
    """
    after, limit = since or _BEGINNING, PAGE
    given: dict[bytes, datetime | None] = {}
    while True:
        try:
            page = _page(marquez, after, limit)
        except ImportSourceError as error:
            raise error.go_on_from(None if after == _BEGINNING else _text(after)) from error
        digests = [hashlib.blake2b(body, digest_size=16).digest() for body in page]
        yield [body for body, digest in zip(page, digests, strict=True) if digest not in given]
        if len(page) < limit:
            return
        times = [_time(body) for body in page]
        given |= zip(digests, times, strict=True)
        reached = _reached(times)
        if reached is not None and reached > after:
            after, limit = reached, PAGE
            given = {each: time for each, time in given.items() if time is None or time >= after}
            progress(f"events up to {_text(reached)}")
        else:
            limit *= 2


def _page(marquez: Connection, after: datetime, limit: int) -> list[bytes]:
    asked = {"after": _text(after), "before": _END, "sortDirection": "asc", "limit": limit, "offset": 0}
    body = marquez.body("/events/lineage", asked)
    try:
        return [bytes(event) for event in msgspec.json.decode(body, type=_Events).events]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ImportSourceError(marquez.url, f"its list of events cannot be read: {error}") from error


def _reached(times: Sequence[datetime | None]) -> datetime | None:
    """Return the time up to which a page holds all events; None when its order does not tell.

    The times are cut to milliseconds, so that it does not matter to which digit Marquez rounds its own.
    """
    known = [time for time in times if time is not None]
    ordered = all(later >= earlier - _MILLISECOND for earlier, later in pairwise(known))
    return known[-1] if known and ordered else None


def _time(body: bytes) -> datetime | None:
    """Return the time of an event, in whole milliseconds; None without a zone, which only Marquez knows."""
    text = msgspec.json.decode(body, type=_Event).event_time
    if not isinstance(text, str) or not _ZONE.search(text.strip()):
        return None
    nanoseconds = parse_time(text)
    return None if nanoseconds is None else _EPOCH + timedelta(milliseconds=nanoseconds // 1_000_000)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
