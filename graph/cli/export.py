"""`lineage export`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated

import typer

from graph.cli._options import AsOf, Depth, Store
from graph.cli._output import note_incomplete, print_note
from graph.cli._store import asking, location_of, opened, server_at
from graph.nodes import Node, NodeType
from graph.queries.answer import AnswerEdge, AnswerNode
from graph.questions import Asked
from graph.records import EdgeKind
from lineage.destination import is_server


class ExportFormat(StrEnum):
    """What the graph can be written as."""

    JSONL = "jsonl"
    DOT = "dot"
    MERMAID = "mermaid"
    EVENTS = "events"


Around = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Only what feeds this name and what it feeds.", show_default=False),
]
FormatOption = Annotated[
    ExportFormat,
    typer.Option("--format", help="events are those received, one a line, to be ingested elsewhere."),
]

Events = Annotated[
    bool, typer.Option("--events", help="Write the events received, and commands: as --format events.")
]


def export(
    name: Around = None,
    format_: FormatOption = ExportFormat.JSONL,
    events: Events = False,
    depth: Depth = None,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Write the whole graph, or what lies around a name, to standard output.

    To a DataHub: `lineage export datahub`.
    """
    if events:
        format_ = ExportFormat.EVENTS
    if format_ is ExportFormat.EVENTS and name:
        raise typer.BadParameter("events are written as a whole: leave the name out", param_hint="NAME")
    if depth is not None and not name:
        raise typer.BadParameter("it counts from a name: give one", param_hint="--depth")
    if format_ is ExportFormat.EVENTS:
        if as_of is not None:
            raise typer.BadParameter("events are written as a whole, with their times", param_hint="--as-of")
        _write_events(store)
        return
    with asking(store, as_of) as asked:
        for line in _lines(asked, format_, name, depth):
            typer.echo(line)
        note_incomplete(asked.incomplete)


def _lines(asked: Asked, format_: ExportFormat, name: list[str] | None, depth: int | None) -> Iterator[str]:
    from graph import exports

    write = {
        ExportFormat.JSONL: exports.jsonl,
        ExportFormat.DOT: exports.dot,
        ExportFormat.MERMAID: exports.mermaid,
    }[format_]
    if name:
        return write(*_around(asked, name, depth))
    return write(*_whole(asked, drawn=format_ is not ExportFormat.JSONL))


def _around(
    asked: Asked, name: list[str], depth: int | None
) -> tuple[Iterable[AnswerNode], Iterable[AnswerEdge]]:
    """Return both directions as one; what stands in both, on a cycle, is taken from upstream."""
    from graph import queries

    above = queries.upstream(asked.reader, name, depth=depth)
    below = queries.downstream(asked.reader, name, depth=depth)
    nodes = {node.node: node for node in (*below.nodes, *above.nodes)}
    edges = {(edge.kind, edge.source, edge.target): edge for edge in (*below.edges, *above.edges)}
    return sorted(nodes.values(), key=lambda node: node.place), edges.values()


_UNTOLD = {EdgeKind.OVERRULED, EdgeKind.UNDERSTOOD}
"""Kinds of edge that are no lineage by themselves."""


def _whole(asked: Asked, *, drawn: bool) -> tuple[Iterable[Node], Iterable[AnswerEdge]]:
    """Return all there is; in a drawing, datasets and jobs with what is read and written."""
    from graph.queries.whole import every_edge, every_node

    types = (NodeType.DATASET, NodeType.JOB) if drawn else tuple(NodeType)
    kinds = (EdgeKind.READS, EdgeKind.WRITES) if drawn else tuple(set(EdgeKind) - _UNTOLD)
    return (node for _, node in every_node(asked.reader, types)), every_edge(asked.reader, kinds)


def _write_events(store: str | None) -> None:
    """Write events and commands as they came; line breaks in an event stand between parts of its JSON."""
    location = location_of(store)
    if is_server(location):
        server = server_at(location)
        for chunk in server.events():
            sys.stdout.buffer.write(chunk)
        letters = server.ask("status", None, {}).counts.dead_letters
    else:
        from graph.questions.log import event_lines

        with opened(store) as kept:
            for line in event_lines(kept.reader):
                sys.stdout.buffer.write(line)
            letters = kept.reader.counts().dead_letters
    if letters:
        print_note(f"Rejected events are not among them: {letters} (`lineage deadletters list`).")
    sys.stdout.buffer.flush()
