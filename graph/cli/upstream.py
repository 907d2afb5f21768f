"""`lineage upstream NAME`."""

from __future__ import annotations

from graph import questions
from graph.cli._answers import PAGE, Format, FormatOption, print_answer
from graph.cli._options import AsOf, Cursor, Depth, Json, Limit, Name, Store
from graph.cli._store import ask


def upstream(
    name: Name,
    depth: Depth = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    json: Json = False,
    format_: FormatOption = Format.TABLE,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Show every dataset and job that a dataset or job is made from, or every field behind a field."""
    answer = ask(store, as_of, questions.upstream, name, depth)
    print_answer(answer, json=json, format_=format_, limit=limit, cursor=cursor)
