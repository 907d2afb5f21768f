"""Parameters of a run as they may be told: a value where its name is allowed, else a digest that takes a key.

A plain hash of a short value is as good as the value: whoever reads the store can try all of them. So a
digest is an HMAC, with a key that stays on the machines it was put on.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import hashlib
import hmac
import os
import uuid
from collections.abc import Collection
from pathlib import PurePath
from typing import Any

from lineage.redaction import redact_text
from lineage.redaction.urls import is_secret_key

DIGEST = "hmac-sha256:"
"""What a digest begins with; the id of its key and 64 hexadecimal digits follow."""

MAX_PARAMETERS = 200
"""Of more parameters than these the first are told."""

_MAX_NAME = 200
_MAX_PARTS = 10_000
_MAX_SIZE = 1 << 20
_MAX_SHOWN = 1000
_SCALARS = frozenset(
    {
        *(str, bytes, int, float, bool, type(None), decimal.Decimal, uuid.UUID),
        *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
    }
)
_CONTAINERS = (list, tuple, set, frozenset)


def told(name: str, value: object, *, allowed: Collection[str], key: bytes | None) -> dict[str, str]:
    """Return one parameter as the facet executionParameters has it; `description` is its type.

    `value` is the value itself where the name is allowed, is no secret's and nothing in it looks like one;
    else a digest. It is absent for what has none (a frame, a connection), and where there is no key.
    """
    plain = plain_value(value)
    entry = {"key": name, "name": name, "description": type(value).__qualname__[:_MAX_NAME]}
    if plain is _NOT_PLAIN:
        return entry
    shown = shown_text(plain) if name in allowed and not is_secret_key(name) else None
    if shown is not None:
        entry["value"] = shown
    elif key is not None:
        entry["value"] = digest(plain, key)
    return entry


def shown_text(value: object) -> str | None:
    """Return a plain value as text; None where it is long, or holds what looks like a secret."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > _MAX_SHOWN or redact_text(text) != text or text.startswith(DIGEST):
        return None
    return text


def digest(value: object, key: bytes) -> str:
    """Return `hmac-sha256:KEYID:HEX` of a plain value: equal for values that `hash_value` takes for equal."""
    from lineage.provenance import hash_value

    content = hash_value(value)
    return f"{DIGEST}{key_id(key)}:{hmac.new(key, content.encode(), hashlib.sha256).hexdigest()}"


def key_id(key: bytes) -> str:
    """Return eight hexadecimal digits that tell keys apart and say nothing about one."""
    return hmac.new(key, b"id", hashlib.sha256).hexdigest()[:8]


_NOT_PLAIN = object()


def plain_value(value: object) -> object:
    """Return a value of Python's own types, or one that stands for it; what has none is told by `is_plain`.

    Objects of the host are asked nothing: their methods are its own code.
    """
    kind = type(value)  # and not isinstance(), which would ask the object for its class
    plain: Any = value
    if issubclass(kind, enum.Enum):
        plain = plain._value_
    elif issubclass(kind, PurePath):
        plain = os.fspath(plain)
    elif kind.__module__ == "numpy" and getattr(kind, "item", None) and plain.shape == ():
        plain = plain.item()
    return plain if _is_plain(plain) else _NOT_PLAIN


def is_plain(value: object) -> bool:
    """Return whether a value, as `plain_value` gives it, can be told."""
    return value is not _NOT_PLAIN


def _is_plain(value: object) -> bool:
    """Whether a value is of Python's own types through and through, and of no great size."""
    waiting, left = [value], _MAX_PARTS
    while waiting and left >= 0:
        one = waiting.pop()
        kind = type(one)
        if isinstance(one, dict) and kind is dict:
            waiting += [*one.keys(), *one.values()]
            left -= 2 * len(one)
        elif isinstance(one, _CONTAINERS) and kind in _CONTAINERS:
            waiting += one
            left -= len(one)
        elif kind not in _SCALARS or _size(one) > _MAX_SIZE:
            return False
        left -= 1
    return left >= 0


def _size(one: Any) -> int:
    return one.bit_length() if type(one) is int else len(one) if type(one) in (str, bytes) else 0
