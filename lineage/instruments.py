"""Which integrations there are: the entry points of a group."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from lineage.errors import InstrumentError

GROUP = "lineage.instruments"
"""The entry-point group of integrations: each loads as a function that installs it.

It is called without arguments, or with what a name gives after a colon: `dbapi:pymysql`.
"""


def instruments() -> dict[str, EntryPoint]:
    """Return all integrations by name: that of the module that a program imports, or `dbapi` for any."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def unknown(name: str, known: Iterable[str]) -> InstrumentError:
    """Return the error of a name that no integration has."""
    return InstrumentError(name, f"known are: {', '.join(sorted(known)) or 'none'}")
