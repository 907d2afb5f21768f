"""What a caller tells of an operation, taken as it is or not at all: nothing here raises."""

from __future__ import annotations

import math
import operator
from typing import Any

from lineage._guard import logger
from lineage.context.scopes import MAX_CHARACTERS, Scalar
from lineage.datasets.address import without_credentials
from lineage.redaction import redact_text, redact_url

MAX_COUNT = (1 << 63) - 1
"""Larger numbers are no counts, and neither exporters nor stores could write them."""

MAX_NAME = 1_024
"""Names end here: the longest key that object stores take."""

RESERVED = (
    "lineage.",
    "botanu.",
    "db.",
    "messaging.",
    "gen_ai.",
    "error.",
    "exception.",
    "otel.",
    "run_id",
    "trace_id",
    "span_id",
)
"""Metadata under these names is refused: they belong to what is recorded beside it."""

_told: set[str] = set()


def refuse(what: str, value: object, wanted: str) -> None:
    """Say once in the log that a value was left out; the value itself is not shown."""
    if what not in _told and len(_told) < 1_000:
        _told.add(what)
        logger.warning("%s of type %s is left out: give %s.", what, type(value).__name__, wanted)


def count_of(name: str, value: Any) -> int | None:
    """Return a count; None for what is no count, also for the -1 that drivers say when they do not know."""
    if value is None:
        return None
    count = None
    if type(value) is int:
        count = value
    elif isinstance(value, float):
        count = int(value) if value.is_integer() else None
    elif not isinstance(value, bool):
        try:
            count = operator.index(value)
        except Exception:  # noqa: BLE001 - a value of the host's may fail in any way
            count = None
    if count is None or count > MAX_COUNT:
        refuse(name, value, "a whole number")
        return None
    return count if count >= 0 else None


def text_of(name: str, value: Any) -> str | None:
    """Return a name as bounded text without credentials; None for what is no text, or an empty one."""
    if value is None:
        return None
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int):
            refuse(name, value, "a text")
            return None
        value = str(value)
    text = str.__str__(value).strip()[:MAX_NAME]
    if "://" in text:
        text = redact_url(without_credentials(text))
    return text or None


def scalar_of(name: str, value: Any) -> Scalar | None:
    """Return a value of metadata: text without credentials, a number or a flag; None for what is neither."""
    if value is None:
        return None
    if isinstance(value, str):
        return redact_text(str.__str__(value)[:MAX_CHARACTERS], limit=MAX_CHARACTERS)
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= MAX_COUNT:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    refuse(f"the metadata {name[:MAX_CHARACTERS]!r}", value, "a text, a number or a flag")
    return None


def is_reserved(name: str) -> bool:
    """Whether metadata may not be called so."""
    return name.lower().startswith(RESERVED)
