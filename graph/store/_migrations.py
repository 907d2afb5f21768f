"""The numbered scripts that make the tables of a store: written once, in SQLite's words, for every engine.

graph/store/schema holds them, in the order of their names. Where engines truly differ there is a file for
each, with the engine before the ending: `0002_search.sqlite.sql`, `0002_search.postgresql.sql`. The number of
a store's format is how many of them it has seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources

from graph.errors import StoreError


@cache
def scripts(engine: str) -> tuple[str, ...]:
    """Return the scripts for an engine (sqlite, postgresql) in their order."""
    folder = resources.files("graph.store") / "schema"
    files = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
    ours = [name for name in sorted(files) if _engine(name) in {"", engine}]
    return tuple(files[name].read_text(encoding="utf-8") for name in ours)


def _engine(name: str) -> str:
    return name.removesuffix(".sql").partition(".")[2]


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def require_current(location: str, found: int, known: int) -> None:
    """Raise StoreError unless a store that is opened for reading has the format that this release knows."""
    require_known(location, found, known)
    if found < known:
        raise StoreError(
            location,
            f"has format {found}, this release reads {known}: open it once with write access"
            " so that it is brought up to date",
        )


def require_known(location: str, found: int, known: int) -> None:
    """Raise StoreError for a store of a newer release."""
    if found > known:
        raise StoreError(
            location,
            f"was written by a newer release (format {found}, this one knows {known}):"
            " upgrade lineage-graph, or give another place",
        )
