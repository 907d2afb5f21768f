"""Texts without their secrets: SQL for parsers, SQL for people, error messages, addresses.

Everything here takes time linear in its input and fails closed: what cannot be told apart is hidden.
Nothing raises for strange input. Text may be given as `str` or `bytes` (UTF-8, bad bytes replaced).

Of a statement its first 1,048,576 characters are read, and of these as many as hold 32,768 units: a
long list of plain literals, a quoted text, a comment or a sign is one unit, a plain word or comma a third
of one. A rendering of a part ends in an ellipsis. So no statement takes long, whatever it holds.
"""

from __future__ import annotations

from lineage.redaction import urls
from lineage.redaction.masking import mask
from lineage.redaction.messages import redact
from lineage.redaction.shapes import UNKNOWN, cached, fingerprint, shape
from lineage.redaction.statements import as_text, statement_text

__all__ = [
    "fingerprint_sql",
    "mask_sql",
    "normalize_sql",
    "redact_text",
    "redact_url",
    "shape_sql",
    "statement_text",
]

_mask_cached = cached(mask)
_shape_cached = cached(shape)


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
    return _mask_cached(as_text(text), dialect)


def normalize_sql(text: str | bytes, *, dialect: str | None = None) -> str:
    """The shape of a statement, for people and for fingerprints.

    Literals and placeholders of every style become `?` with their signs, lists and rows of them one
    `(?)`; comments go, whitespace is set anew, words are lower-cased except inside quoted identifiers.
    Normalizing twice gives the same as once where all was read. `dialect` is read as in `mask_sql`.
    """
    return _shape_cached(as_text(text), dialect).text


def fingerprint_sql(text: str | bytes, *, dialect: str | None = None) -> str:
    """`sha256:` and the hex digest of the normalized text: one for all statements of one shape.

    Where only a part of the statement is read, all statements that begin with that part share it.
    """
    return _shape_cached(as_text(text), dialect).fingerprint


def shape_sql(text: str | bytes | None, dialect: str | None = None) -> tuple[str | None, str]:
    """The normalized text and the fingerprint, in one pass.

    The text is None where only a part of the statement was read. A statement that is not known (None)
    has the shape `<unknown>`, which no statement has.
    """
    if text is None:
        return UNKNOWN, fingerprint(UNKNOWN)
    found = _shape_cached(as_text(text), dialect)
    return (found.text if found.is_whole else None), found.fingerprint


def redact_text(text: str | bytes, *, limit: int = 2000) -> str:
    """An error message, log line or status without passwords, keys, quoted data and what names a person.

    That is e-mail addresses, payment card numbers, IBANs and international phone numbers. Exception names,
    table and column names, addresses of hosts, other numbers and plain words stay. At most `limit`
    characters, the last of them an ellipsis where more was there.
    """
    return redact(as_text(text), limit)


def redact_url(text: str | bytes) -> str:
    """A URL, DSN or connection string without password and secret parameters; the user name stays."""
    return urls.redact_url(as_text(text))
