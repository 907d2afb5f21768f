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


def shortened(text: str) -> str:
    """Return a time as Marquez shows it among the arguments of a run: in UTC, without empty seconds."""
    try:
        time = datetime.fromisoformat(text)
        plain = (time if time.tzinfo is None else time.astimezone(UTC)).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return text
    shown = plain.isoformat(timespec="minutes" if not (plain.second or plain.microsecond) else "auto")
    if plain.microsecond and plain.microsecond % 1000 == 0:
        shown = plain.isoformat(timespec="milliseconds")
    return shown if time.tzinfo is None else f"{shown}Z"
