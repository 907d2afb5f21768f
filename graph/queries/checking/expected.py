"""What is not as declared: the current graph and its schemas against expectations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from graph.errors import UnknownNameError
from graph.nodes import Node, NodeType
from graph.queries.checking.expectations import DatasetExpectation, Expectations, JobExpectation
from graph.queries.checking.findings import Basis, Finding, Kind
from graph.queries.checking.last_runs import amounts_off, not_completed
from graph.queries.names import resolve
from graph.queries.schema_comparison import known_schema
from graph.queries.type_widening import same_type
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader


def check_expectations(reader: LineageReader, expected: Expectations, *, now: datetime) -> list[Finding]:
    """Return what is not as declared, in the order of the declaration; `now` is for when jobs complete.

    A name that must be there and is not known is a finding. Raises AmbiguousNameError where a name may mean
    several nodes.
    """
    found: list[Finding] = []
    for name, of_dataset in expected.dataset.items():
        dataset = _known(reader, name, NodeType.DATASET)
        found += [_unknown(name)] if dataset is None else _of_dataset(reader, dataset, of_dataset, now)
    for name, of_job in expected.job.items():
        job = _known(reader, name, NodeType.JOB)
        found += [_unknown(name)] if job is None else _of_job(reader, job, of_job, now)
    return found


def _known(reader: LineageReader, name: str, type_: NodeType) -> Node | None:
    try:
        return resolve(reader, name, (type_,))
    except UnknownNameError:
        return None


def _unknown(name: str, of: Node | None = None) -> Finding:
    about = "" if of is None else f", which is declared of {of.label}"
    message = f"nothing in the store is called {name}{about}"
    return Finding(Basis.EXPECTATION, Kind.UNKNOWN_NAME, of, message, expected=name)


def _of_dataset(
    reader: LineageReader, dataset: Node, told: DatasetExpectation, now: datetime
) -> Iterator[Finding]:
    for names, hops in ((told.fed_by, 1), (told.made_from, None)):
        yield from _edges(reader, dataset, names, _sources(reader, dataset, hops), "is not made from")
    for names, hops in ((told.not_fed_by, 1), (told.not_made_from, None)):
        yield from _no_edges(reader, dataset, names, _sources(reader, dataset, hops), "is made from")
    if told.readers is not None:
        yield from _readers(reader, dataset, told.readers)
    if told.columns is not None:
        yield from _columns(reader, dataset, told.columns, others=told.other_columns)
    if told.rows is not None:
        yield from amounts_off(reader, dataset, told.rows, now)


def _of_job(reader: LineageReader, job: Node, told: JobExpectation, now: datetime) -> Iterator[Finding]:
    read = {edge.source for edge in reader.incident([job.key], EdgeKind.READS, Direction.UPSTREAM)}
    written = {edge.target for edge in reader.incident([job.key], EdgeKind.WRITES, Direction.DOWNSTREAM)}
    yield from _edges(reader, job, told.reads, read, "does not read")
    yield from _edges(reader, job, told.writes, written, "does not write")
    yield from _no_edges(reader, job, told.not_reads, read, "reads")
    yield from _no_edges(reader, job, told.not_writes, written, "writes")
    if told.every is not None or told.by is not None:
        yield from not_completed(reader, job, told, now)


def _sources(reader: LineageReader, dataset: Node, hops: int | None) -> set[int]:
    edges = reader.closure([dataset.key], EdgeKind.FEEDS, Direction.UPSTREAM, hops)
    return {edge.source for edge in edges}


def _edges(
    reader: LineageReader, node: Node, names: Sequence[str], there: set[int], what: str
) -> Iterator[Finding]:
    """Yield the names that must be at the other end of an edge and are not."""
    for name in names:
        other = _known(reader, name, NodeType.DATASET)
        if other is None:
            yield _unknown(name, node)
        elif other.key not in there:
            message = f"{node.label} {what} {other.label}, which is declared"
            yield Finding(Basis.EXPECTATION, Kind.MISSING_EDGE, node, message, other, expected=name)


def _no_edges(
    reader: LineageReader, node: Node, names: Sequence[str], there: set[int], what: str
) -> Iterator[Finding]:
    """Yield the names that must not be at the other end; one that nothing is called by is at no end."""
    for name in names:
        other = _known(reader, name, NodeType.DATASET)
        if other is not None and other.key in there:
            message = f"{node.label} {what} {other.label}, which it must not by what is declared"
            yield Finding(Basis.EXPECTATION, Kind.NEW_EDGE, node, message, other, found=other.id)


def _readers(reader: LineageReader, dataset: Node, allowed: Sequence[str]) -> Iterator[Finding]:
    """Yield the jobs that read a dataset and match none of the patterns."""
    edges = reader.incident([dataset.key], EdgeKind.READS, Direction.DOWNSTREAM)
    for job in sorted(reader.nodes({edge.target for edge in edges}).values()):
        names = (job.id, job.name, f"{job.namespace}/{job.name}")
        if not any(fnmatchcase(name, pattern) for name in names for pattern in allowed):
            yield Finding(
                Basis.EXPECTATION,
                Kind.NEW_READER,
                dataset,
                f"{job.label} reads {dataset.label} and is none of its declared readers",
                job,
                expected=", ".join(allowed),
                found=job.id,
            )


def _columns(
    reader: LineageReader, dataset: Node, declared: dict[str, str], *, others: bool
) -> Iterator[Finding]:
    """Yield what is missing of the declared columns, is of another type or, unless others may be, is more."""
    known = known_schema(reader, dataset)
    if not known:
        message = f"no event tells the schema of {dataset.label}, of which columns are declared"
        yield Finding(Basis.EXPECTATION, Kind.SCHEMA, dataset, message, expected=", ".join(declared))
        return
    problems = []
    for name, type_ in declared.items():
        told = known.get(name)
        if name not in known:
            problems.append(f"{name} is missing")
        elif type_ and told is None:
            problems.append(f"the type of {name} is not told, {type_} is declared")
        elif type_ and told is not None and not same_type(type_, told):
            problems.append(f"{name} is {told}, {type_} is declared")
    problems += [f"{name} is not declared" for name in known if not others and name not in declared]
    for problem in problems:
        message = f"{dataset.label}: {problem}"
        yield Finding(Basis.EXPECTATION, Kind.SCHEMA, dataset, message, found=problem)
