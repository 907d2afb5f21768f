"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

from graph.exports.labels import one_line
from graph.queries.answer import time_as_json


def print_json(value: Mapping[str, Any]) -> None:
    """Print a JSON value; all but ASCII is escaped, so that any terminal and any name will do."""
    typer.echo(json.dumps(value, indent=2))


def print_items(
    query: Mapping[str, Any], items: Sequence[Mapping[str, Any]], next_: str | None = None
) -> None:
    """Print the envelope of every command that does not answer with a graph."""
    print_json({"query": query, "items": items, "next": next_})


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: for a terminal fitted to its width, else as text columns with nothing cut.

    Colours are for terminals, and for anything where FORCE_COLOR is set; NO_COLOR and TERM=dumb forbid them.
    """
    columns, *rows = [[one_line(cell) for cell in row] for row in (columns, *rows)]
    terminal = sys.stdout.isatty()
    if terminal or colours_are_forced():
        from graph.cli._table import print_on_terminal

        print_on_terminal(columns, rows, fit=terminal)
        return
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def colours_are_forced() -> bool:
    forbidden = os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown")
    return bool(os.environ.get("FORCE_COLOR")) and not forbidden


def print_note(text: str) -> None:
    """Tell people something that is no part of the answer."""
    typer.echo(one_line(text), err=True)


def note_incomplete(incomplete: bool) -> None:
    """Tell people of an answer that it is not whole, where it is not."""
    if incomplete:
        print_note("Incomplete: events or SQL wait that could not be read in time; ask again for the rest.")


def time_text(time: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC with milliseconds; None stays None."""
    return None if time is None else time_as_json(time)


def duration_text(milliseconds: float | None) -> str:
    """Return a duration for people: `12 ms`, `3.4 s`, `5 min 06 s`, `2 h 05 min`; empty when unknown."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02} h"


def size_text(size: int) -> str:
    """Return a size in bytes for people: `512 B`, `4.0 KiB`, `1.2 GiB`."""
    if size < 1024:
        return f"{size} B"
    scaled = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        scaled /= 1024
        if scaled < 1024:
            return f"{scaled:.1f} {unit}"
    return f"{scaled / 1024:.1f} TiB"
