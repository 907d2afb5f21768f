"""Texts about a delivery without the credentials of its destination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from lineage.redaction import redact_text

_SECRET_WORDS = ("auth", "key", "password", "secret", "token", "headers", "credential", "sasl")
_SHORTEST = 4


def without_secrets(text: str, options: Mapping[str, Any]) -> str:
    """Return a text in which no credential of these transport options can be read; at most 300 characters."""
    for secret in sorted(set(_secrets(options, False)), key=len, reverse=True):
        text = text.replace(secret, "***")
    return redact_text(text)[:300]


def _secrets(value: Any, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            named = any(word in str(key).lower() for word in _SECRET_WORDS)
            yield from _secrets(inner, secret or (named and str(key).lower() != "type"))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner, secret)
    elif isinstance(value, str):
        if secret and len(value) >= _SHORTEST:
            yield value
            yield from (word for word in value.split() if len(word) > _SHORTEST)
        yield from _of_url(value)


def _of_url(text: str) -> Iterator[str]:
    if "://" not in text:
        return
    try:
        password = urlsplit(text).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))
