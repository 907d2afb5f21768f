"""Who reads what a change affects: code lines of services, for whom, how often and at what cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import Answer, Impact
from graph.queries.query_items import query_item
from graph.store.base import LineageReader
from graph.store.queries import QueryFilter, Use

READERS_SHOWN = 100
_FETCHED = 1_000
_PERIOD = timedelta(days=30)
"""Who has not read for so long before the latest event in the store is no reader any more."""


def with_readers(
    reader: LineageReader, answer: Answer, asked: Node, fields: Collection[Node] | None = None
) -> Answer:
    """Return an answer about a change with the queries that read what is affected, of the last 30 days.

    `fields` are those of the asked dataset that change; None is all of it. A reader is `direct` when its
    result has values of a field that is affected directly, `indirect` when such a field filters, joins,
    groups or sorts, or when the field is affected indirectly, `unknown` when nobody can tell. The one with
    the longest time in all comes first; at most 100 are given, and `notes` say when there are more.
    """
    marks = {each.node: each.impact for each in answer.nodes if each.impact is not None}
    marks |= dict.fromkeys([asked] if fields is None else fields, Impact.DIRECT)
    datasets = {node for node in marks if node.type is NodeType.DATASET}
    blind = set() if fields is None else {*datasets, dataset(asked.namespace, asked.name)}
    latest = reader.latest_event_time()
    since = None if latest is None else latest - _PERIOD
    used = (
        datasets if fields is None else {node for node in marks if node not in datasets or _lost(node, marks)}
    )
    wanted = QueryFilter(_keys(used), _keys(blind), since=since)
    found = []
    for record in reader.queries(wanted, limit=_FETCHED) if used or blind else ():
        impact = _impact(record.uses, marks, blind)
        if impact is not None:
            found.append(query_item(record, latest=latest, since=since, impact=impact))
    more = len(found) - READERS_SHOWN
    notes = answer.notes
    if more > 0:
        notes += (f"{more} more queries read what is affected: `lineage queries --dataset` lists all",)
    return replace(answer, readers=tuple(found[:READERS_SHOWN]), notes=notes)


def _keys(nodes: Iterable[Node]) -> frozenset[int]:
    return frozenset(node.key for node in nodes)


def _lost(node: Node, marks: Mapping[Node, Impact]) -> bool:
    """Tell whether nobody can tell which fields of a dataset are affected: then all that read it may be."""
    return marks.get(node) is Impact.UNKNOWN


def _impact(
    uses: Iterable[tuple[Node, Use]], marks: Mapping[Node, Impact], blind: Collection[Node]
) -> Impact | None:
    """Return how surely a statement is affected; None when it is not.

    `blind` are the datasets of which fields are affected and not the whole; none where it is the whole.
    """
    order = list(Impact)
    found = {mark for node, use in uses if (mark := _mark(node, use, marks, blind)) is not None}
    return min(found, key=order.index, default=None)


def _mark(node: Node, use: Use, marks: Mapping[Node, Impact], blind: Collection[Node]) -> Impact | None:
    mark = marks.get(node)
    if use in (Use.READS, Use.READS_UNKNOWN):
        if not blind or mark is Impact.UNKNOWN:
            return mark
        return Impact.UNKNOWN if use is Use.READS_UNKNOWN and node in blind else None
    if not blind or mark is None or use not in (Use.VALUE, Use.CONDITION):
        return None
    return mark if use is Use.VALUE else max(mark, Impact.INDIRECT, key=list(Impact).index)
