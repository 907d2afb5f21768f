"""Reports in sections: for a terminal, as Markdown, or as a page of HTML."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from graph.cli._output import print_table

if TYPE_CHECKING:
    from graph.exports.story import Section


class StoryFormat(StrEnum):
    """What a story can be written as."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


FormatOption = Annotated[
    StoryFormat, typer.Option("--format", help="markdown, or html as one page, for other readers.")
]


def print_report(title: str, parts: Iterable[Section], format_: StoryFormat) -> None:
    """Print a report; a terminal has no need of its title."""
    from graph.exports.story import markdown, page

    if format_ is StoryFormat.TEXT:
        _print_sections(parts)
    else:
        write = markdown if format_ is StoryFormat.MARKDOWN else page
        typer.echo(write(title, parts), nl=False)


def _print_sections(parts: Iterable[Section]) -> None:
    for place, part in enumerate(parts):
        if place:
            typer.echo()
        typer.echo(part.title)
        width = max((len(name) for name, _ in part.facts), default=0)
        for name, value in part.facts:
            typer.echo(f"  {name.ljust(width)}  {value}")
        if part.rows:
            print_table(part.columns, part.rows)
