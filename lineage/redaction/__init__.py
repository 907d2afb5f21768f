"""Texts without their secrets: SQL for parsers, SQL for people, error messages, addresses.

Everything here takes time linear in its input and fails closed: what cannot be told apart is hidden.
Nothing raises for strange input. Text may be given as `str` or `bytes` (UTF-8, bad bytes replaced).
"""

from __future__ import annotations

from functools import lru_cache

from lineage.redaction import urls
from lineage.redaction.masking import mask
from lineage.redaction.messages import redact
from lineage.redaction.normalizing import normalize

__all__ = ["mask_sql", "normalize_sql", "redact_text", "redact_url"]

_CACHED_LENGTH = 64 * 1024
_mask_cached = lru_cache(maxsize=256)(mask)
_normalize_cached = lru_cache(maxsize=256)(normalize)


def mask_sql(text: str | bytes, *, dialect: str | None = None) -> str:
    """The statement without its literals, still parseable and naming the same tables.

    String literals of every form become `'?'`, numbers `0`; comments and hints go. Case, whitespace,
    identifiers, stages, file arguments, JSON paths, placeholders, column ordinals and numbers in types
    stay. Credentials go, also those inside kept paths and URLs. A string is kept as a file or a path
    only for where it stands, never for how it looks.

    `dialect` is a name sqlglot knows. None, or an unknown one, hides whatever is quoted or commented in
    any dialect, which may hide more than the literals after a backslash before a quote or after a `#`;
    double quotes then enclose identifiers and are kept, so a caller who knows that they enclose strings
    (MySQL, BigQuery, Spark, Hive) must say so.
    """
    text = _as_str(text)
    return _mask_cached(text, dialect) if len(text) <= _CACHED_LENGTH else mask(text, dialect)


def normalize_sql(text: str | bytes, *, dialect: str | None = None) -> str:
    """The shape of a statement, for people and for fingerprints.

    Literals and placeholders of every style become `?` with their signs, lists and rows of them one
    `(?)`; comments go, whitespace is set anew, words are lower-cased except inside quoted identifiers.
    Normalizing twice gives the same as once. `dialect` is read as in `mask_sql`.
    """
    text = _as_str(text)
    return _normalize_cached(text, dialect) if len(text) <= _CACHED_LENGTH else normalize(text, dialect)


def redact_text(text: str | bytes, *, limit: int = 2000) -> str:
    """An error message, log line or status without passwords, keys, addresses and quoted data.

    Exception names, table and column names, line numbers and plain words stay. At most `limit`
    characters, the last of them an ellipsis where more was there.
    """
    return redact(_as_str(text), limit)


def redact_url(text: str | bytes) -> str:
    """A URL, DSN or connection string without password and secret parameters; the user name stays."""
    return urls.redact_url(_as_str(text))


def _as_str(text: object) -> str:
    if isinstance(text, str):
        return text
    if isinstance(text, bytes | bytearray | memoryview):
        return bytes(text).decode("utf-8", "replace")
    return str(text)
