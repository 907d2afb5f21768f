"""What PostgreSQL's errors mean to somebody who uses a store, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from graph.errors import StoreError
from lineage.redaction import redact_text

LOST = "the connection to the server was lost; nothing is half-written: try again"
_UNREACHABLE = "the server cannot be reached: check that it is running, and the host and the port"
_REFUSED = "the server refuses the user: check the user, the password and the server's pg_hba.conf"
_NO_DATABASE = "the server has no such database: create it (createdb), or name another one"
_CROWDED = (
    "the server takes no more connections: end some, raise its max_connections, or put a pool before it"
)
_STARTING = "the server is starting or stopping: try again in a moment"
_READ_ONLY = "the server or this user may only read (a standby?): give the address of the primary server"
_POOLED = "a pool hands its connections to others in between: add ?prepare_threshold=none to the URL"
_DAMAGED = "the database is damaged: restore it, or ingest the events again into a new one"

_BY_STATE = {
    "08": LOST,
    "25006": _READ_ONLY,
    "26000": _POOLED,
    "28": _REFUSED,
    "3D000": _NO_DATABASE,
    "42501": "the user lacks a permission: see docs/stores.md for those that are needed",
    "42P05": _POOLED,
    "42P01": "a table of the store is missing: restore it, or ingest the events again into a new database",
    "53100": "the server's disk is full; nothing of this step was kept: free some space and try again",
    "53200": "the server is out of memory; nothing of this step was kept: try again later",
    "53300": _CROWDED,
    "54000": "a name or text is longer than the server can index; nothing of this step was kept",
    "55P03": "another process has been writing all the while; try again when it is done",
    "57014": "the server's statement_timeout ended this step; nothing of it was kept: raise it for this user",
    "57P01": LOST,
    "57P02": LOST,
    "57P03": _STARTING,
    "57P05": LOST,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""Advice by SQLSTATE, whole or its first two characters (the class)."""

_BY_WORDS = (
    ("cannot contain nul", "a text has a NUL character, which PostgreSQL cannot keep"),
    (
        "unsupported startup parameter",
        "the pool before the server takes no ?options: set the search_path of the role or database instead",
    ),
    ("too many", _CROWDED),
    ("connection slots", _CROWDED),
    ("password", _REFUSED),
    ("pg_hba.conf", _REFUSED),
    ("authentication", _REFUSED),
    ("role ", _REFUSED),
    ("starting up", _STARTING),
    ("shutting down", _STARTING),
    ("not yet accepting", _STARTING),
    ("in recovery mode", _STARTING),
    ("database ", _NO_DATABASE),
    ("server closed the connection", LOST),
    ("connection is closed", LOST),
    ("consuming input failed", LOST),
    ("terminating connection", LOST),
    ("connection to server", _UNREACHABLE),
    ("connection refused", _UNREACHABLE),
    ("connection failed", _UNREACHABLE),
    ("connection is bad", _UNREACHABLE),
    ("could not translate host", _UNREACHABLE),
    ("resolve host", _UNREACHABLE),
    ("timeout", _UNREACHABLE),
)
"""Advice by what libpq says of a connection that was not made or is gone: such errors have no SQLSTATE."""


@contextmanager
def postgresql_errors(location: str) -> Iterator[None]:
    """Turn PostgreSQL's errors into StoreError with what to do about them."""
    try:
        yield
    except psycopg.Error as error:
        # Not chained: messages about addresses and values may quote them.
        raise store_error(location, error) from None


def store_error(location: str, error: psycopg.Error) -> StoreError:
    """Return what an error of PostgreSQL means."""
    said = " ".join(str(error).split())
    text = redact_text(said) or type(error).__name__
    advice = _advice(error.sqlstate, said.lower())
    return StoreError(location, f"{advice} (PostgreSQL: {text})" if advice else f"PostgreSQL: {text}")


def _advice(state: str | None, text: str) -> str | None:
    if state is not None:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2])
    return next((advice for words, advice in _BY_WORDS if words in text), None)
