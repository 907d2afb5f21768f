"""Which fields the fields of a dataset are made from, how, and which source of lineage is trusted for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import ORIGIN_NAMES, Answer
from graph.queries.certainty import is_indirect
from graph.queries.draft import Draft
from graph.queries.names import resolve
from graph.queries.walk import check_depth, walk
from graph.records import Direction, Edge, EdgeKind, Origin
from graph.store.base import LineageReader

ORIGIN_WORDS = {
    Origin.LINEAGE_FACET: "the lineage facet",
    Origin.SQL_CERTAIN: "the SQL",
    Origin.COLUMN_FACET: "the columnLineage facet",
    Origin.SQL_DOUBTFUL: "the SQL, which is in doubt",
}


def columns(
    reader: LineageReader,
    node: Node | str | Sequence[str],
    *,
    depth: int | None = 1,
    origins: bool = False,
) -> Answer:
    """Return the fields of a dataset (or one field) at distance 0, and the fields they are made from.

    Every known field is there, also one without lineage. `depth` 1 gives direct sources, more gives theirs,
    None all.

    Where sources of lineage disagree about the asked fields, as a producer's columnLineage facet and the SQL
    it sent with it, the edges are those of the most trusted one and `notes` say which that is. With `origins`
    what the others say is there too, as edges that are not `trusted`.

    Raises:
        UnknownNameError, AmbiguousNameError: the name, where one is given, is not that of one dataset or
        field. InvalidQueryError: a depth below 1.
    """
    check_depth(depth)
    asked = resolve(reader, node, (NodeType.DATASET, NodeType.FIELD))
    fields = [asked] if asked.type is NodeType.FIELD else reader.fields(asked)
    draft = Draft()
    walked = walk(reader, draft, [each.key for each in fields], EdgeKind.FIELD, Direction.UPSTREAM, depth)
    own = _own_fields(reader, asked)
    overruled = reader.incident(own, EdgeKind.OVERRULED, Direction.UPSTREAM) if own else []
    if origins:
        for edge in overruled:
            draft.place(edge.target, 0)
            draft.place(edge.source, 1, (edge.target,))
        draft.link(overruled)
    answer = draft.finish(reader, {"question": "columns", "node": asked.id, "depth": depth})
    trusted = [edge for edge in walked.edges if edge.target in own]
    return replace(answer, notes=tuple(_notes(reader, trusted, overruled)))


def _own_fields(reader: LineageReader, asked: Node) -> Collection[int]:
    """Return the keys of what was asked about, also of fields that only overruled lineage names."""
    if asked.type is NodeType.FIELD:
        return [asked.key]
    return reader.columns([dataset(asked.namespace, asked.name).key])


def _notes(reader: LineageReader, trusted: Iterable[Edge], overruled: Iterable[Edge]) -> Iterable[str]:
    """Say for each job which source is trusted, where another names other columns that values come from."""
    losers: dict[int | None, set[Origin]] = defaultdict(set)
    winners: dict[int | None, set[Origin]] = defaultdict(set)
    for found, edges in ((losers, overruled), (winners, trusted)):
        for edge in edges:
            if edge.origin is not None and not is_indirect(edge):
                found[edge.job].add(edge.origin)
    names = reader.nodes([job for job in losers if job is not None])
    for job in sorted(losers.keys() & winners.keys(), key=lambda key: str(names.get(key or 0))):
        of = f"of {names[job].name} " if job in names else ""
        yield f"{of}{_words(winners[job])} is trusted, not {_words(losers[job])}, which says otherwise"


def _words(origins: Collection[Origin]) -> str:
    return " or ".join(ORIGIN_WORDS[origin] for origin in ORIGIN_NAMES if origin in origins)
