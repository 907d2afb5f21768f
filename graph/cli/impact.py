"""`lineage impact NAME`."""

from __future__ import annotations

from graph.cli._answers import PAGE, Format, FormatOption, print_answer
from graph.cli._options import Cursor, Depth, Json, Limit, Name, Store
from graph.cli._store import opened


def impact(
    name: Name,
    depth: Depth = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    json: Json = False,
    format_: FormatOption = Format.TABLE,
    store: Store = None,
) -> None:
    """Show all that a change affects: directly, indirectly (filters, joins), or in ways nobody can tell.

    Of a field, jobs that read its dataset and whose column lineage is not known are listed as `unknown`.
    """
    from graph import queries

    with opened(store) as asked:
        answer = asked.said(queries.impact(asked.reader, name, depth=depth))
    print_answer(answer, json=json, format_=format_, limit=limit, cursor=cursor)
