"""Tables in Markdown, for pasting into a review."""

from __future__ import annotations

import re
from collections.abc import Sequence

import typer

from graph.exports.labels import one_line

# An underscore within a word is none.
_MEANINGFUL = re.compile(r"[\\`*\[\]<|~&$]|(?<![^\W_])_+|_+(?![^\W_])")


def print_markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as GitHub and others read it."""
    typer.echo(f"| {' | '.join(columns)} |")
    typer.echo(f"|{' --- |' * len(columns)}")
    for row in rows:
        typer.echo(f"| {' | '.join(map(escaped, row))} |")


def escaped(text: str) -> str:
    """Return the text on one line, shown as it is: what Markdown or HTML reads as markup is escaped."""
    return _MEANINGFUL.sub(_with_backslashes, one_line(text))


def _with_backslashes(found: re.Match[str]) -> str:
    return "".join(f"\\{char}" for char in found[0])
