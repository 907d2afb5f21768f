"""Times, spans and numbers as evidence words them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import overload


@overload
def when_text(time: datetime) -> str: ...
@overload
def when_text(time: None) -> None: ...
def when_text(time: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC with milliseconds; None stays None."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age_text(span: timedelta) -> str:
    """Return a span in its two largest units: `3 d 4 h`, `2 h 05 min`, `12.0 s`, `40 ms`."""
    seconds = abs(span.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24} h"


def number_text(number: float) -> str:
    """Return a count with separators: `12,345`."""
    return f"{number:,.0f}"


def times_text(factor: float) -> str:
    """Return a factor for people: `x0.48`, `x12`."""
    return "from none" if math.isinf(factor) else f"x{factor:.2g}"
