"""How an answer about the graph is printed, in each format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from graph.cli._markdown import print_markdown_table
from graph.cli._output import note_incomplete, print_json, print_note, print_table, time_text
from graph.nodes import Node, NodeType
from graph.queries.answer import Answer, AnswerNode
from graph.records import Transformation

PAGE = 1_000
_DRAWN = 50

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], None]
"""How columns and rows are printed."""


class Format(StrEnum):
    """What an answer can be printed as."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    MERMAID = "mermaid"
    DOT = "dot"


FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        help="markdown is a table and, of a small answer, a drawing, for a review; mermaid and dot draw the"
        " whole answer, without pages.",
    ),
]


def print_answer(
    answer: Answer,
    *,
    json: bool,
    format_: Format = Format.TABLE,
    limit: int = PAGE,
    cursor: str | None = None,
    table: Callable[[Answer], None] | None = None,
    markdown: Callable[[Answer], None] | None = None,
) -> None:
    """Print an answer: `table` and `markdown` are how people see it, by default a node a row."""
    if format_ in (Format.MERMAID, Format.DOT):
        _draw(answer, format_)
        return
    page = answer.page(limit=limit, cursor=cursor)
    if json or format_ is Format.JSON:
        print_json(page.as_json())
        return
    if format_ is Format.MARKDOWN:
        if markdown is None:
            print_nodes(page, print_markdown_table)
            draw_in_markdown(answer, page)
        else:
            markdown(page)
    else:
        (table or print_nodes)(page)
    for note in page.notes:
        print_note(note[0].upper() + note[1:] + ".")
    if page.next is not None:
        print_note(f"There is more: --cursor {page.next}")
    note_incomplete(page.incomplete)


def _draw(answer: Answer, format_: Format) -> None:
    from graph.exports import dot, mermaid

    draw = mermaid if format_ is Format.MERMAID else dot
    for line in draw(answer.nodes, answer.edges):
        typer.echo(line)


def draw_in_markdown(answer: Answer, page: Answer) -> None:
    """Draw an answer below its table, if the page holds all of it and it is not too large to be looked at."""
    if page.nodes == answer.nodes and answer.edges and len(answer.nodes) <= _DRAWN:
        typer.echo("\n```mermaid")
        _draw(answer, Format.MERMAID)
        typer.echo("```")


def print_nodes(answer: Answer, table: Table = print_table, *, made: bool = False) -> None:
    """Print a node a row; namespaces only where there are several, what is affected only where it is said.

    With `made` it is said of fields how each is made from the one before it.
    """
    several = len({node.node.namespace for node in answer.nodes}) > 1
    marked = any(node.impact for node in answer.nodes)
    nested = any(node.parents for node in answer.nodes)
    gone = any(node.dropped_at for node in answer.nodes)
    how = _made_of(answer) if made else {}
    columns = ["distance", "type", "name"]
    columns += ["impact"] * marked + ["via"] + ["how"] * bool(how) + ["above"] * nested
    columns += ["dropped"] * gone + ["namespace"] * several
    rows = []
    for node in answer.nodes:
        row = [str(node.distance), kind_text(node), node.node.label]
        row += [node.impact or ""] * marked + [node.via.label if node.via else ""]
        row += [how.get(node.node, "")] * bool(how)
        row += [" < ".join(parent.name for parent in node.parents)] * nested
        row += [time_text(node.dropped_at) or ""] * gone
        rows.append(row + [node.node.namespace] * several)
    table(columns, rows)


def _made_of(answer: Answer) -> dict[Node, str]:
    """Return for fields how they are made from the field before them."""
    before = {(node.via, node.node) for node in answer.nodes if node.node.type is NodeType.FIELD}
    return {
        edge.target: "; ".join(map(made_text, edge.transformations))
        for edge in answer.edges
        if edge.transformations and (edge.source, edge.target) in before
    }


def made_text(made: Transformation) -> str:
    """Return how a field is made from another: type, subtype, the expression, and whether it is masked."""
    words = [made.type, made.subtype, made.description, "masked" if made.masking else ""]
    return " ".join(filter(None, words))


def kind_text(node: AnswerNode) -> str:
    """Return what a node is for people: its dataset type where it has one, as `dashboard`."""
    return (node.dataset_type or node.node.type.value).lower()


def name_text(node: Node, home: str) -> str:
    """Return a node's label, with its namespace where that is not the one at home."""
    what = f"{node.label} (job)" if node.type is NodeType.JOB else node.label
    return what if node.namespace == home else f"{what} [{node.namespace}]"
