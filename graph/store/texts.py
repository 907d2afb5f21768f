"""Texts as every engine can hold them."""

from __future__ import annotations

from typing import Any


def without_nul(value: Any) -> Any:
    """Return a JSON value with U+FFFD in the place of each NUL: PostgreSQL holds none in a text.

    The log keeps what was received; this is what is made of it.
    """
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {without_nul(key): without_nul(each) for key, each in value.items()}
    return [without_nul(each) for each in value] if isinstance(value, list) else value


def may_have_nul(raw: bytes) -> bool:
    """Tell whether a NUL may be in the texts of this JSON."""
    return b"\\u0000" in raw
