"""Tables in Markdown, for pasting into a review."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from graph.exports.labels import one_line

_MEANINGFUL = "\\`*[]<|"


def print_markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as GitHub and others read it."""
    typer.echo(f"| {' | '.join(columns)} |")
    typer.echo(f"|{' --- |' * len(columns)}")
    for row in rows:
        typer.echo(f"| {' | '.join(map(escaped, row))} |")


def escaped(text: str) -> str:
    """Return the text on one line, shown as it is: what Markdown or HTML reads as markup is escaped."""
    return "".join(f"\\{char}" if char in _MEANINGFUL else char for char in one_line(text))
