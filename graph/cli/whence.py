"""`lineage whence FILE|DATASET`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph import questions
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import note_incomplete, print_json, print_note, print_table
from graph.cli._store import ask

if TYPE_CHECKING:
    from graph.exports.story import Section

Held = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|DATASET",
        help="A file or folder, wherever it is by now; or a dataset: a URI, an id, the end of a name that is"
        " like no other, or NAMESPACE and NAME as two words.",
    ),
]
Run = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="The version that this run wrote.  [default: the latest]"),
]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="Tell of at most N runs.")]


class StoryFormat(StrEnum):
    """What a story can be written as."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


FormatOption = Annotated[
    StoryFormat, typer.Option("--format", help="markdown, or html as one page, for other readers.")
]


def whence(
    held: Held,
    run: Run = None,
    format_: FormatOption = StoryFormat.TEXT,
    limit: Most = 1000,
    json: Json = False,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Tell where an artifact came from: the runs that led to it, with code, parameters and versions read.

    A file is known by the id in it and by the hash of its content, whatever it is called. The hash is made
    here: the file goes nowhere.
    """
    known = _identified(held)
    found = ask(
        store,
        as_of,
        questions.whence,
        known.name,
        contents=known.contents,
        run=run or known.run,
        changed=known.changed,
        limit=limit,
    )
    if json:
        print_json(found.as_json())
    else:
        from graph.exports.story import markdown, page, sections

        title = f"Where {found.story.artifact.dataset.label} came from"
        parts = list(sections(found.story))
        if format_ is StoryFormat.TEXT:
            print_sections(parts)
        else:
            write: Callable[[str, Iterable[Section]], str] = (
                markdown if format_ is StoryFormat.MARKDOWN else page
            )
            typer.echo(write(title, parts), nl=False)
        if found.story.more:
            print_note(f"There is more: --limit above {limit}")
    note_incomplete(found.incomplete)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of what is held: a name, the hash of its content, and what the id in it says."""

    name: list[str]
    contents: list[str]
    run: str | None = None
    changed: bool = False


def _identified(held: list[str]) -> _Known:
    path = Path(held[0])
    if len(held) > 1 or not path.exists():
        return _Known(held, [])
    from lineage.datasets import parse_dataset
    from lineage.provenance import hash_file, hash_folder, read_embedded

    content = hash_folder(path) if path.is_dir() else hash_file(path)
    embedded = read_embedded(path)
    if embedded is None:
        named = parse_dataset(path.absolute())
        return _Known([named.namespace, named.name], [content])
    name = [] if embedded.dataset is None else list(embedded.dataset)
    return _Known(name, [content], embedded.run, changed=embedded.content != content)


def print_sections(parts: Iterable[Section]) -> None:
    """Print a report for a terminal."""
    for place, part in enumerate(parts):
        if place:
            typer.echo()
        typer.echo(part.title)
        width = max((len(name) for name, _ in part.facts), default=0)
        for name, value in part.facts:
            typer.echo(f"  {name.ljust(width)}  {value}")
        if part.rows:
            print_table(part.columns, part.rows)
