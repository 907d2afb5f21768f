"""`lineage diagnose DATASET[.FIELD]`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph import questions
from graph.cli._options import Json, Name, Store
from graph.cli._output import note_incomplete, print_json
from graph.cli._store import ask

At = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        "--at",
        metavar="TIME",
        help="Judge as of this time (RFC 3339), or as of so long ago: 7d, 12h, 30m. Ages are counted to it,"
        " and what happened later is left out.  [default: now]",
    ),
]


def diagnose(name: Name, at: At = None, json: Json = False, store: Store = None) -> None:
    """Show why a number may be wrong: the way to its sources, what is known on it, and the suspects.

    Suspects are what failed, is late or has changed on the way, the nearest first, each with its evidence. Of
    a job: what it writes (or reads, if it writes nothing), and what depends on that.
    """
    found = ask(store, at, questions.diagnose, name)
    if json:
        print_json(found.as_json())
        return
    from graph.cli._diagnosis import print_diagnosis

    print_diagnosis(found)
    note_incomplete(found.answer.incomplete)
