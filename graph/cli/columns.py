"""`lineage columns NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.cli._answers import PAGE, Format, FormatOption, Table, draw_in_markdown, name_text, print_answer
from graph.cli._markdown import print_markdown_table
from graph.cli._options import Cursor, Json, Limit, Name, Store
from graph.cli._output import print_table
from graph.cli._store import opened
from graph.nodes import Node
from graph.queries.answer import Answer, AnswerEdge
from graph.records import Transformation

Hops = Annotated[int, typer.Option("--depth", min=1, metavar="N", help="Go N hops far.")]
All = Annotated[bool, typer.Option("--all", help="Go all the way to the first sources.")]


def columns(
    name: Name,
    depth: Hops = 1,
    all_: All = False,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    json: Json = False,
    format_: FormatOption = Format.TABLE,
    store: Store = None,
) -> None:
    """Show for each field of a dataset, or for one field, the fields it is made from and how."""
    from graph import queries

    with opened(store) as asked:
        answer = asked.said(queries.columns(asked.reader, name, depth=None if all_ else depth))
    print_answer(
        answer,
        json=json,
        format_=format_,
        limit=limit,
        cursor=cursor,
        table=_print_sources,
        markdown=lambda page: _print_markdown(answer, page),
    )


def _print_markdown(answer: Answer, page: Answer) -> None:
    _print_sources(page, print_markdown_table)
    draw_in_markdown(answer, page)


def _print_sources(answer: Answer, table: Table = print_table) -> None:
    distances = {node.node: node.distance for node in answer.nodes}
    sources: dict[Node, list[AnswerEdge]] = {}
    for edge in answer.edges:
        sources.setdefault(edge.target, []).append(edge)
    rows = []
    for target in sorted({*distances, *sources}, key=lambda node: (distances.get(node, -1), node)):
        if target not in sources and distances[target]:
            continue  # a source that is made from nothing: it stands in its targets' rows
        rows += _rows(target, sources.get(target, []))
    table(["field", "made from", "how", "by"], rows)


def _rows(target: Node, edges: list[AnswerEdge]) -> list[list[str]]:
    if not edges:
        return [[target.label, "", "", ""]]
    return [
        [
            target.label,
            name_text(edge.source, target.namespace),
            "; ".join(map(_how, edge.transformations)),
            ", ".join(job.name for job in edge.jobs),
        ]
        for edge in edges
    ]


def _how(made: Transformation) -> str:
    words = [made.type, made.subtype, made.description, "masked" if made.masking else ""]
    return " ".join(filter(None, words))
