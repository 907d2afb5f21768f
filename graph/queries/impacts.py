"""What is affected when a dataset, a job or a field changes, and how surely."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import Answer
from graph.queries.certainty import direct_keys, is_indirect, mark_feeds
from graph.queries.dead_ends import why_nothing_downstream
from graph.queries.draft import Draft
from graph.queries.names import resolve
from graph.queries.readers import with_readers
from graph.queries.unknown import Holder, add_unknown
from graph.queries.walk import Walked, add_jobs, check_depth, holders_of, starts_of, walk
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader

DOWN = Direction.DOWNSTREAM


def impact(reader: LineageReader, node: Node | str | Sequence[str], *, depth: int | None = None) -> Answer:
    """Return what a change of the node affects, each node once and marked `direct`, `indirect` or `unknown`.

    Of a dataset (or of what a job writes): the datasets, dashboards and jobs downstream, and what its
    fields feed. A field is `direct` when a path of DIRECT edges leads to it, `indirect` when each path has
    an INDIRECT one (a filter, a join, a sort). A dataset or job is `indirect` when column lineage shows
    only that, else `direct`.

    Of a field: the fields it feeds with their datasets, the jobs on the way and those that read one of these
    fields; and, marked `unknown`, the jobs that read a dataset which holds one of these fields and whose
    column lineage nobody gave, with everything behind them.

    `readers` are the queries that read what is affected, with the code that runs them (`with_readers`).
    Where no dataset is downstream `notes` say why.

    Raises:
        UnknownNameError, AmbiguousNameError: the name, where one is given, is not that of one node.
        InvalidQueryError: a depth below 1.
    """
    check_depth(depth)
    asked = resolve(reader, node)
    draft = Draft()
    if asked.type is NodeType.FIELD:
        _of_fields(reader, draft, dataset(asked.namespace, asked.name), [asked.key], depth)
    else:
        _of_dataset(reader, draft, asked, depth)
    draft.impact.pop(asked.key, None)
    answer = draft.finish(reader, {"question": "impact", "node": asked.id, "depth": depth})
    answer = with_readers(reader, answer, asked, [asked] if asked.type is NodeType.FIELD else None)
    if any(each.distance and each.node.type is NodeType.DATASET for each in answer.nodes):
        return answer
    why = why_nothing_downstream(reader, asked)
    return answer if why is None else replace(answer, notes=(why, *answer.notes))


def impact_of_fields(
    reader: LineageReader, holder: Node, fields: Sequence[Node], *, depth: int | None = None
) -> Answer:
    """Return what a change of several fields of one dataset affects together, marked as `impact` does.

    Without any field it is what nobody can tell: the readers of the dataset whose column lineage is not
    known, and all behind them. Dataset and fields are nodes as the store gives them.

    Raises:
        InvalidQueryError: a depth below 1.
    """
    check_depth(depth)
    draft = Draft()
    keys = [each.key for each in fields]
    _of_fields(reader, draft, holder, keys, depth)
    for key in keys:
        draft.impact.pop(key, None)
    return draft.finish(reader, {"question": "impact", "node": holder.id, "depth": depth})


def _of_fields(
    reader: LineageReader, draft: Draft, holder: Node, keys: Sequence[int], depth: int | None
) -> None:
    draft.place(holder.key, 0)
    fields = walk(reader, draft, keys, EdgeKind.FIELD, DOWN, depth)
    direct = direct_keys(fields, keys)
    of_field = holders_of(draft.read(reader, fields.reached))
    holders = _add_what_holds(draft, fields, of_field, direct)
    holders.setdefault(holder.key, Holder(0))
    _add_users(reader, draft, fields, direct, depth)
    shown = {(of_field[edge.target], edge.job) for edge in fields.edges if edge.target in of_field}
    add_unknown(reader, draft, holders, shown, depth)
    draft.impact.pop(holder.key, None)


def _add_users(
    reader: LineageReader, draft: Draft, fields: Walked, direct: Collection[int], depth: int | None
) -> None:
    """Add and mark the jobs that read the walked fields in statements that write nothing."""
    near = [key for key, hops in fields.reached.items() if depth is None or hops < depth]
    uses = list(reader.incident(near, EdgeKind.USES, DOWN)) if near else []
    draft.link(uses)
    for edge in uses:
        draft.place(edge.target, fields.reached[edge.source] + 1)
        draft.mark(edge.target, direct=edge.source in direct and not is_indirect(edge))


def _of_dataset(reader: LineageReader, draft: Draft, asked: Node, depth: int | None) -> None:
    starts, leading = starts_of(reader, draft, asked, DOWN)
    feeds = walk(reader, draft, starts, EdgeKind.FEEDS, DOWN, depth)
    jobs = add_jobs(reader, draft, feeds, DOWN, depth, leading)
    own = [each.key for start in reader.nodes(starts).values() for each in reader.fields(start)]
    fields = walk(reader, draft, own, EdgeKind.FIELD, DOWN, depth, alone=False)
    of_field = holders_of(draft.read(reader, fields.reached))
    mark_feeds(draft, feeds, starts, jobs, fields.edges, of_field)
    _add_what_holds(draft, fields, of_field, direct_keys(fields, own))
    if asked.type is NodeType.DATASET:
        for key in own:
            draft.impact.pop(key, None)


def _add_what_holds(
    draft: Draft, fields: Walked, holder: Mapping[int, int], direct: Collection[int]
) -> dict[int, Holder]:
    """Mark the walked fields; add and mark the datasets that hold them and the jobs that make them.

    `holder` are the datasets of fields, `direct` the fields that are affected directly.
    """
    _prefer_direct(draft, fields, direct)
    bringing: dict[int, set[int]] = defaultdict(set)
    for edge in fields.edges:
        if edge.job is not None and fields.reached[edge.target] == fields.reached[edge.source] + 1:
            bringing[edge.target].add(edge.job)
    holders: dict[int, Holder] = {}
    for key, distance in fields.reached.items():  # nearest first
        draft.mark(key, direct=key in direct)
        if (held_by := holder.get(key)) is not None:
            before = {holder[each] for each in draft.before[key] if each in holder} - {held_by}
            draft.place(held_by, distance, before)
            draft.mark(held_by, direct=key in direct)
            if holders.setdefault(held_by, Holder(distance)).distance == distance:
                holders[held_by].jobs |= bringing[key]
    for edge in fields.edges:
        if edge.job is not None:
            hops = fields.reached[edge.source] + 1
            if draft.distance.get(edge.job, hops) >= hops:
                brought = bringing.get(edge.source)
                draft.place(edge.job, hops, brought - {edge.job} if brought else ())
            draft.mark(edge.job, direct=edge.source in direct and not is_indirect(edge))
    return holders


def _prefer_direct(draft: Draft, fields: Walked, direct: Collection[int]) -> None:
    """Where a shortest path to a field ends in a direct hop, let `via` show that one."""
    strong: dict[int, set[int]] = defaultdict(set)
    for edge in fields.edges:
        if edge.source in direct and not is_indirect(edge):
            strong[edge.target].add(edge.source)
    for key, sources in strong.items():
        draft.before[key] = draft.before[key] & sources or draft.before[key]
