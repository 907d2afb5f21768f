"""Times as Marquez writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lineage.event_id import parse_time

_WITH_SECONDS = len("2026-01-01T00:00:00")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(time: datetime | None) -> str | None:
    """Return a time in UTC with as many digits of the second as it needs: none, three or six."""
    if time is None:
        return None
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    text = time.isoformat()[:-6]  # the offset
    if len(text) > _WITH_SECONDS and text.endswith("000"):
        text = text[:-3]
    return text + "Z"


def instant_in(text: Any) -> str | None:
    """Return the time in a text as `instant` does, None where it is no time."""
    nanoseconds = parse_time(text) if isinstance(text, str) else None
    return None if nanoseconds is None else instant(_EPOCH + timedelta(microseconds=nanoseconds // 1000))


def zoned(text: str) -> str:
    """Return a time with its zone as Marquez shows it among the arguments of a run: without empty seconds."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    plain = time.replace(tzinfo=None)
    shown = plain.isoformat(timespec="minutes" if not (plain.second or plain.microsecond) else "auto")
    if plain.microsecond and plain.microsecond % 1000 == 0:
        shown = plain.isoformat(timespec="milliseconds")
    offset = time.utcoffset()
    if offset is None:
        return shown
    return shown + ("Z" if not offset else time.isoformat()[-6:])
