"""`lineage whence FILE|DATASET`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from graph import questions
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import note_incomplete, print_json, print_note
from graph.cli._report import FormatOption, StoryFormat, print_report
from graph.cli._store import ask

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
        from graph.exports.story import sections

        print_report(f"Where {found.story.artifact.dataset.label} came from", sections(found.story), format_)
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
