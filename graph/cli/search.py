"""`lineage search TEXT`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from graph.cli._options import Cursor, Json, Limit, Store
from graph.cli._output import print_items, print_note, print_table
from graph.cli._store import SECONDS, opened
from graph.errors import StoreError
from graph.nodes import NodeType
from graph.store.base import LineageStore
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
    from graph.queries import search as find

    words = " ".join(text or ())
    with opened(store) as asked:
        indexed = _indexed(asked.reader)
        found, more = find(
            asked.reader,
            words,
            types=[NodeType(kind.name) for kind in types or ()],
            namespaces=namespace or (),
            tags=tag or (),
            owners=owner or (),
            limit=limit,
            cursor=cursor,
        )
    if json:
        query: dict[str, Any] = {"text": words, "types": [kind.value for kind in types or ()]}
        query |= {"namespaces": namespace or [], "tags": tag or [], "owners": owner or []}
        print_items(query, [_as_json(hit) for hit in found], more)
    else:
        print_table(["type", "name", "matched", "text", "namespace"], [_row(hit) for hit in found])
        if more is not None:
            print_note(f"There is more: --cursor {more}")
    if asked.incomplete or not indexed:
        print_note("Incomplete: events or SQL wait that could not be read in time; ask again for the rest.")


def _indexed(store: LineageStore) -> bool:
    """Have search know what is in the store; False where that was not possible in time."""
    if not store.unindexed():
        return True
    from graph.ingest import index

    try:
        return index(store, seconds=SECONDS)
    except StoreError:
        return False


def _as_json(hit: SearchHit) -> dict[str, Any]:
    node = hit.node
    told = {"id": node.id, "type": node.type.value, "namespace": node.namespace, "name": node.name}
    if node.field is not None:
        told["field"] = node.field
    return {**told, "grade": hit.grade.name.lower(), "matched": hit.matched.value, "excerpt": hit.excerpt}


def _row(hit: SearchHit) -> list[str]:
    node = hit.node
    excerpt = "" if hit.excerpt in (node.name, node.field) else hit.excerpt
    return [node.type.value.lower(), node.label, hit.matched.value, excerpt, node.namespace]
