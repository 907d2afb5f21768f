"""`lineage downstream NAME`."""

from __future__ import annotations

from graph import questions
from graph.cli._answers import PAGE, Format, FormatOption, print_answer
from graph.cli._options import AsOf, Cursor, Depth, Json, Limit, Name, Store
from graph.cli._store import ask


def downstream(
    name: Name,
    depth: Depth = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    json: Json = False,
    format_: FormatOption = Format.TABLE,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Show every dataset and job that is made from a dataset or job, or every field made from a field."""
    answer = ask(store, as_of, questions.downstream, name, depth)
    print_answer(answer, json=json, format_=format_, limit=limit, cursor=cursor)
