"""Texts as every engine can hold them.

A row of an index of PostgreSQL has room for some 2,700 bytes. What is longer is refused on every engine, so
that a store can always be moved.
"""

from __future__ import annotations

from typing import Any, Final

NAME_BYTES: Final = 2_500
"""So many bytes in UTF-8 a namespace and a name may have together."""

WORD_CHARACTERS: Final = 1_000
"""So many characters the name of a facet or tag may have, and what is kept of a service or an actor."""


def is_long_name(namespace: str, name: str) -> bool:
    """Tell whether a namespace and a name are too long to be looked up."""
    if 4 * (len(namespace) + len(name)) <= NAME_BYTES:
        return False
    return len((namespace + name).encode("utf-8", "surrogatepass")) > NAME_BYTES


def is_long_word(word: str) -> bool:
    """Tell whether a word is too long to be looked up."""
    return cut_word(word) != word


def cut_word(word: str) -> str:
    """Return as much of a word as can be looked up."""
    if 4 * len(word) <= NAME_BYTES:
        return word
    cut = word[:WORD_CHARACTERS].encode("utf-8", "surrogatepass")[:NAME_BYTES]
    return cut.decode("utf-8", "ignore")


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
