"""`lineage export`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from heapq import merge
from operator import itemgetter
from typing import Annotated, Protocol, TypeVar

import typer

from graph.cli._options import AsOf, Depth, Store
from graph.cli._output import print_note
from graph.cli._store import Asked, Opened, asking, opened
from graph.nodes import Node, NodeType
from graph.queries.answer import AnswerEdge, AnswerNode
from graph.records import EdgeKind

_T = TypeVar("_T")


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
    """Write the whole graph, or what lies around a name, to standard output."""
    if events:
        format_ = ExportFormat.EVENTS
    if format_ is ExportFormat.EVENTS and name:
        raise typer.BadParameter("events are written as a whole: leave the name out", param_hint="NAME")
    if depth is not None and not name:
        raise typer.BadParameter("it counts from a name: give one", param_hint="--depth")
    if format_ is ExportFormat.EVENTS:
        if as_of is not None:
            raise typer.BadParameter("events are written as a whole, with their times", param_hint="--as-of")
        with opened(store) as kept:
            _write_events(kept)
        return
    with asking(store, as_of) as asked:
        for line in _lines(asked, format_, name, depth):
            typer.echo(line)
        if asked.incomplete:
            print_note("Incomplete: events or SQL wait that could not be read in time.")


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
    return every_node(asked.reader, types), every_edge(asked.reader, kinds)


def _write_events(asked: Opened) -> None:
    """Write events and commands as they came; line breaks in an event stand between parts of its JSON."""
    from graph.store.commands import line_of

    events = _paged(asked.reader.bodies)
    commands = ((number, line_of(command)) for number, command in _paged(asked.reader.commands))
    for _, line in merge(events, commands, key=itemgetter(0)):
        sys.stdout.buffer.write(line.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")
    sys.stdout.buffer.flush()


class _Reading(Protocol[_T]):
    def __call__(self, *, after: int) -> list[tuple[int, _T]]: ...


def _paged(read: _Reading[_T]) -> Iterator[tuple[int, _T]]:
    after = 0
    while page := read(after=after):
        after = page[-1][0]
        yield from page
