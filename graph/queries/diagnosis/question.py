"""Why is this number wrong: one question, answered from what the store knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches

from graph.errors import InvalidQueryError, UnknownNameError
from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import AnswerNode
from graph.queries.dead_ends import why_nothing_downstream
from graph.queries.diagnosis.facts import DatasetFacts, dataset_facts, job_facts
from graph.queries.diagnosis.findings import findings
from graph.queries.diagnosis.past import past
from graph.queries.diagnosis.ranking import ranked
from graph.queries.diagnosis.result import Affected, Diagnosis
from graph.queries.diagnosis.text import when_text
from graph.queries.diagnosis.tracing import Gap, Trace, trace
from graph.queries.draft import Draft
from graph.queries.impacts import impact
from graph.queries.names import resolve
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader

_NO_EVENTS = datetime(1970, 1, 1, tzinfo=UTC)


def diagnose_metric(
    reader: LineageReader, metric: Node | str | Sequence[str], *, now: datetime | None = None
) -> Diagnosis:
    """Trace a field or dataset back to its sources and say what on the way may be the reason it is wrong.

    `metric` is a name as in every question, or (dataset, column); data comes before a job of the same name.
    Of a job the answer is about what it
    writes (what it reads, where it writes nothing) and has what it affects as well.

    `now` is the time that ages are counted to, by default that of the latest event in the store, so that
    the answer is the same whenever it is asked for; what happened later than `now` is left out. What is not
    known is None and said so, never guessed.

    Raises:
        UnknownNameError, AmbiguousNameError: the name is not that of one node.
        InvalidQueryError: `now` has no zone.
    """
    if now is not None and now.tzinfo is None:
        raise InvalidQueryError(f"now is {now.isoformat()}, which has no zone: give it one, such as UTC")
    asked = _asked(reader, metric)
    until = now or reader.latest_event_time() or _NO_EVENTS
    draft = Draft()
    starts, jobs = _starts(reader, asked, until)
    if asked.type is NodeType.JOB:
        draft.place(asked.key, 0)
    traced = trace(reader, draft, starts)
    known = past(reader, traced.distance, jobs, until)
    datasets = {key: dataset_facts(known, key) for key in traced.distance if key in known.names}
    of_jobs = {key: job_facts(known, key) for key in {*known.runs, *jobs} if key in known.names}
    found = findings(known, traced.distance, datasets, of_jobs)
    for key, writers in known.writers.items():
        for job in writers:
            draft.place(job, traced.distance[key] + 1)
    query = {"question": "diagnose", "node": asked.id, "at": when_text(until)}
    return Diagnosis(
        answer=draft.finish(reader, query),
        at=until,
        findings=ranked(known, found, traced, datasets),
        datasets={known.names[key]: facts for key, facts in datasets.items()},
        jobs={known.names[key]: facts for key, facts in of_jobs.items()},
        names=known.names,
        notes=(
            *_all_late(reader, datasets, until),
            *_notes(reader, traced),
            *_dead_end(reader, asked, starts),
        ),
        downstream=_downstream(reader, starts, until) if asked.type is NodeType.JOB else None,
    )


def _asked(reader: LineageReader, metric: Node | str | Sequence[str]) -> Node:
    """Return what is asked about: data before a job, NAMESPACE NAME before dataset and column."""
    for types in ((NodeType.DATASET, NodeType.FIELD), (NodeType.JOB,)):
        with suppress(UnknownNameError):
            return resolve(reader, metric, types)
    if isinstance(metric, Node | str) or len(metric) != 2:
        return resolve(reader, metric)
    holder, column = metric
    parent = resolve(reader, holder, (NodeType.DATASET,))
    known = {node.field: node for node in reader.fields(parent) if node.field is not None}
    if column not in known:
        raise UnknownNameError(f"{parent.label}.{column}", get_close_matches(column, known))
    return known[column]


def _starts(reader: LineageReader, asked: Node, until: datetime) -> tuple[list[Node], list[int]]:
    """Return the nodes that the trace starts at, and the job to look at though it may write none of them."""
    if asked.type is not NodeType.JOB:
        return [asked], []
    keys = {edge.target for edge in reader.incident([asked.key], EdgeKind.WRITES, Direction.DOWNSTREAM)}
    # A job that only ever failed writes nothing in the graph; its runs may say what it would write.
    keys |= {key for run in reader.job_runs([asked.key], until=until, limit=1) for key in run.wrote}
    if not keys:
        keys = {edge.source for edge in reader.incident([asked.key], EdgeKind.READS, Direction.UPSTREAM)}
    return sorted(reader.nodes(keys).values()), [asked.key]


def _all_late(reader: LineageReader, datasets: Mapping[int, DatasetFacts], until: datetime) -> Iterator[str]:
    """Say when the store itself has nothing new: then everything is late, whatever became of the data."""
    late = [facts.late for facts in datasets.values() if facts.late is not None]
    latest = reader.latest_event_time()
    if late and all(late) and latest is not None and latest < until:
        yield f"everything on the way is late: the latest event in the store is of {when_text(latest)}"


def _notes(reader: LineageReader, traced: Trace) -> list[str]:
    """Say at which datasets the trace went on by datasets, and why."""
    keys = {key for gap in traced.gaps for key in (gap.dataset, gap.field or gap.dataset, *gap.jobs)}
    names = reader.nodes(keys)
    return list(dict.fromkeys(_note(gap, names[gap.dataset], names) for gap in traced.gaps))


def _note(gap: Gap, at: Node, names: dict[int, Node]) -> str:
    jobs = ", ".join(sorted(names[job].label for job in gap.jobs if job in names))
    by = f" by {jobs}" if jobs else ""
    if gap.field is None:
        return f"the column lineage of {at.label}{by} is not known: from there on whole datasets are traced"
    return (
        f"no column lineage says what {names[gap.field].label} is made from{by}:"
        " from there on whole datasets are traced"
    )


def _dead_end(reader: LineageReader, asked: Node, starts: Collection[Node]) -> list[str]:
    """Say of a job that affects nothing why that is."""
    if asked.type is not NodeType.JOB:
        return []
    reasons = [why_nothing_downstream(reader, asked)]
    if reasons[0] is None:
        return []
    if not reader.incident([asked.key], EdgeKind.WRITES, Direction.DOWNSTREAM):
        reasons += [why_nothing_downstream(reader, start) for start in starts]
    return [reason for reason in reasons if reason is not None]


def _downstream(reader: LineageReader, starts: Collection[Node], until: datetime) -> tuple[Affected, ...]:
    """Return the datasets and fields that depend on where the trace started, nearest first."""
    nearest: dict[Node, AnswerNode] = {}
    for start in starts:
        for node in impact(reader, start).nodes:
            same = (node.node.namespace, node.node.name) in {(each.namespace, each.name) for each in starts}
            if node.node.type is NodeType.JOB or same:
                continue
            if node.node not in nearest or node.distance < nearest[node.node].distance:
                nearest[node.node] = node
    holders = {dataset(node.namespace, node.name).key for node in nearest}
    known = past(reader, holders, (), until) if holders else None
    updated = {}
    for key in holders:
        runs = known.wrote(key) if known is not None else []
        updated[key] = (runs[0].ended or runs[0].began) if runs else None
    return tuple(
        Affected(node, updated[dataset(node.node.namespace, node.node.name).key])
        for node in sorted(nearest.values(), key=lambda node: node.place)
    )
