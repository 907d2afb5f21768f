"""`lineage search TEXT`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from graph import questions
from graph.cli._options import Cursor, Json, Limit, Store
from graph.cli._output import note_incomplete, print_json, print_note, print_table, time_text
from graph.cli._store import ask
from graph.store.search import SearchHit


class Kind(StrEnum):
    """What `--type` takes."""

    DATASET = "dataset"
    JOB = "job"
    FIELD = "field"


Text = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT", help="Words, or beginnings of words; all must be found.", show_default=False
    ),
]
Types = Annotated[
    list[Kind] | None,
    typer.Option(
        "--type",
        case_sensitive=False,
        help="Only these; may be given more than once.  [default: dataset and job]",
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option("--namespace", metavar="NAMESPACE", help="In one of these; may be given more than once."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="With this tag, KEY or KEY=VALUE; all that are given."),
]
Owners = Annotated[
    list[str] | None, typer.Option("--owner", metavar="OWNER", help="Of this owner; of all that are given.")
]


def search(
    text: Text = None,
    types: Types = None,
    namespace: Namespaces = None,
    tag: Tags = None,
    owner: Owners = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Find datasets, jobs and fields by words of names, columns, descriptions, tags, owners and SQL."""
    found = ask(
        store,
        None,
        questions.search,
        " ".join(text or ()),
        types=[kind.value for kind in types or ()],
        namespaces=namespace or (),
        tags=tag or (),
        owners=owner or (),
        limit=limit,
        cursor=cursor,
    )
    if json:
        print_json(found.as_json())
    else:
        gone = any(hit.dropped_at for hit in found.items)
        columns = ["type", "name", "matched", "text", *["dropped"] * gone, "namespace"]
        print_table(columns, [_row(hit, gone) for hit in found.items])
        if found.next is not None:
            print_note(f"There is more: --cursor {found.next}")
    note_incomplete(found.incomplete)


def _row(hit: SearchHit, gone: bool) -> list[str]:
    node = hit.node
    excerpt = "" if hit.excerpt in (node.name, node.field) else hit.excerpt
    row = [node.type.value.lower(), node.label, hit.matched.value, excerpt]
    return [*row, *[time_text(hit.dropped_at) or ""] * gone, node.namespace]
