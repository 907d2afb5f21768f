"""Tables in Markdown, for pasting into a review."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from graph.exports.labels import escaped_markdown


def print_markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as GitHub and others read it."""
    typer.echo(f"| {' | '.join(columns)} |")
    typer.echo(f"|{' --- |' * len(columns)}")
    for row in rows:
        typer.echo(f"| {' | '.join(map(escaped_markdown, row))} |")
