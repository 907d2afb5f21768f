"""`lineage columns NAME`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from graph import questions
from graph.cli._answers import (
    PAGE,
    Format,
    FormatOption,
    Table,
    draw_in_markdown,
    made_text,
    name_text,
    print_answer,
)
from graph.cli._markdown import print_markdown_table
from graph.cli._options import AsOf, Cursor, Json, Limit, Name, Store
from graph.cli._output import print_note, print_table
from graph.cli._store import ask
from graph.nodes import Node
from graph.queries.answer import Answer, AnswerEdge
from graph.records import Origin

Hops = Annotated[int, typer.Option("--depth", min=1, metavar="N", help="Go N hops far.")]
All = Annotated[bool, typer.Option("--all", help="Go all the way to the first sources.")]
Origins = Annotated[
    bool,
    typer.Option(
        "--origins", help="Say where each is known from, and what is said otherwise and not trusted."
    ),
]

_SAID = {
    Origin.LINEAGE_FACET: "lineage facet",
    Origin.SQL_CERTAIN: "SQL",
    Origin.COLUMN_FACET: "columnLineage facet",
    Origin.SQL_DOUBTFUL: "SQL in doubt",
}


def columns(
    name: Name,
    depth: Hops = 1,
    all_: All = False,
    origins: Origins = False,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    json: Json = False,
    format_: FormatOption = Format.TABLE,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Show for each field of a dataset, or for one field, the fields it is made from and how.

    Where the columnLineage facet of an event and its SQL disagree, the better one is shown and named.
    """
    answer = ask(store, as_of, questions.columns, name, None if all_ else depth, origins=origins)
    show = partial(_print_sources, origins=origins)
    print_answer(
        answer,
        json=json,
        format_=format_,
        limit=limit,
        cursor=cursor,
        table=show,
        markdown=lambda page: _print_markdown(answer, page, show),
    )
    if answer.notes and not origins and not json and format_ in (Format.TABLE, Format.MARKDOWN):
        print_note("What is not trusted is shown by --origins.")


def _print_markdown(answer: Answer, page: Answer, show: Callable[[Answer, Table], None]) -> None:
    show(page, print_markdown_table)
    draw_in_markdown(answer, page)


def _print_sources(answer: Answer, table: Table = print_table, *, origins: bool) -> None:
    distances = {node.node: node.distance for node in answer.nodes}
    sources: dict[Node, list[AnswerEdge]] = {}
    for edge in answer.edges:
        sources.setdefault(edge.target, []).append(edge)
    rows = []
    for target in sorted({*distances, *sources}, key=lambda node: (distances.get(node, -1), node)):
        if target not in sources and distances[target]:
            continue  # a source that is made from nothing: it stands in its targets' rows
        rows += _rows(target, sources.get(target, []), origins)
    table(["field", "made from", "how", "by"] + ["known from"] * origins, rows)


def _rows(target: Node, edges: list[AnswerEdge], origins: bool) -> list[list[str]]:
    if not edges:
        return [[target.label, "", "", ""] + [""] * origins]
    return [
        [
            target.label,
            name_text(edge.source, target.namespace),
            "; ".join(map(made_text, edge.transformations)),
            ", ".join(job.name for job in edge.jobs),
        ]
        + [_known_from(edge)] * origins
        for edge in sorted(edges, key=_only_indirect)
    ]


def _only_indirect(edge: AnswerEdge) -> bool:
    return bool(edge.transformations) and all(made.type == "INDIRECT" for made in edge.transformations)


def _known_from(edge: AnswerEdge) -> str:
    said = ", ".join(_SAID[origin] for origin in edge.origins)
    return said if edge.trusted else f"{said}: not trusted"
