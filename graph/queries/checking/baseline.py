"""What is not as usual: the runs of a time, each held against the runs before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise

from graph.nodes import Node, NodeType
from graph.queries.checking.edges import edge_news
from graph.queries.checking.findings import Finding, Kind, Learning
from graph.queries.checking.job_past import RUNS, JobTimes, completed, times_of
from graph.queries.checking.missing_runs import missing_runs
from graph.queries.checking.readers import Readers
from graph.queries.checking.rhythms import due_by
from graph.queries.checking.saying import (
    amount_finding,
    edge_finding,
    late_finding,
    reader_finding,
    schema_finding,
)
from graph.queries.checking.schemas import schema_news
from graph.queries.checking.sensitivity import Bars, Sensitivity
from graph.queries.checking.usual import Series, unusual
from graph.queries.diagnosis.statistics import Bar, Jump
from graph.queries.occasions import Occasion
from graph.queries.whole import every_node
from graph.store.base import LineageReader
from graph.store.history import JobRun, Version

_JOBS = 25
"""Jobs whose runs are held in memory at once."""

_DATASETS = 1_000


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is not as usual, in the order of time, and the jobs of which too little is known yet.

    `jobs` is how many jobs there are.
    """

    findings: tuple[Finding, ...]
    learning: tuple[Learning, ...]
    jobs: int


@dataclass(frozen=True, slots=True)
class _Asked:
    since: datetime
    now: datetime
    bars: Bars


def check_baseline(
    reader: LineageReader,
    *,
    since: datetime,
    now: datetime,
    sensitivity: Sensitivity = Sensitivity.DEFAULT,
) -> Baseline:
    """Return what is not as usual of the runs that ended from `since` on, and the runs missing by `now`.

    Each run is held against those before it; it takes 7 completed runs in 14 days to judge the next one.
    """
    asked = _Asked(since, now, sensitivity.bars)
    readers, times, names = Readers(), dict[int, JobTimes](), dict[int, Node]()
    findings: list[Finding] = []
    learning: list[Learning] = []
    for page in _batches(reader, NodeType.JOB, _JOBS):
        names |= page
        for job, runs in _runs_of(reader, page).items():
            datasets = {key for run in runs for key in (*run.read, *run.wrote)}
            names |= reader.nodes(datasets - names.keys())
            done = completed(runs)
            readers.add(job, runs)
            times[job] = times_of(done)
            if times[job].warm is None:
                learning.append(Learning(page[job], len(done), done[0].ended if done else None))
            findings += _of_job(page[job], done, times[job], asked, names)
    for new in readers.new(since, asked.bars.new):
        # What a job reads newly that is long known itself is said of the job.
        known = times[new.job].known_by(new.run.began) is not None
        if not known and new.dataset in names:
            findings.append(reader_finding(new, names))
    findings += _of_schemas(reader, times, asked)
    findings += missing_runs({names[job]: each for job, each in times.items()}, asked.now, asked.bars)
    findings.sort(key=lambda one: (one.at or now, one.kind, one.message))
    return Baseline(tuple(findings), tuple(learning), len(times))


def _runs_of(reader: LineageReader, jobs: Mapping[int, Node]) -> dict[int, list[JobRun]]:
    found: dict[int, list[JobRun]] = defaultdict(list)
    latest = reader.latest_event_time()
    if latest is not None:
        for run in reader.job_runs(list(jobs), until=latest, limit=RUNS):
            found[run.job].append(run)
    return found


def _batches(reader: LineageReader, type_: NodeType, size: int) -> Iterator[dict[int, Node]]:
    nodes = every_node(reader, (type_,))
    while batch := dict(islice(nodes, size)):
        yield batch


def _of_job(
    job: Node, done: Sequence[Occasion], times: JobTimes, asked: _Asked, names: Mapping[int, Node]
) -> Iterator[Finding]:
    """Yield what is unusual of a job: what it reads and writes, how much, how long, and whether it comes."""
    if times.warm is None:
        return
    first = times.first_in(asked.since)
    if first < len(done):
        yield from _of_runs(job, done, first, asked, names)
    yield from _late(job, times, asked)


def _of_runs(
    job: Node, done: Sequence[Occasion], first: int, asked: _Asked, names: Mapping[int, Node]
) -> Iterator[Finding]:
    """Yield what is unusual of the runs of a job from a place on."""
    for reads, touched in ((True, [one.read for one in done]), (False, [one.wrote for one in done])):
        for news in edge_news(touched, first, asked.bars):
            if news.dataset in names:
                yield edge_finding(job, names[news.dataset], news, done[news.place], reads=reads)
    took = [(one, one.seconds) for one in done]
    for found, at, runs in _jumps(took, first, asked.bars.duration, counts=False):
        yield amount_finding(Kind.DURATION, job, None, "s", found, at, runs)
    for dataset in sorted(frozenset().union(*(one.wrote for one in done[first:]))):
        if dataset in names:
            yield from _volumes(job, names[dataset], done, first, asked.bars.volume)


def _volumes(job: Node, dataset: Node, done: Sequence[Occasion], first: int, bar: Bar) -> Iterator[Finding]:
    """Yield the volumes that are off: of rows where they are told, else of bytes."""
    key = dataset.key
    rows = [(one, _number(one.rows(key))) for one in done]
    size = [(one, _number(one.size(key))) for one in done]
    unit, amounts = ("rows", rows) if any(count is not None for _, count in rows) else ("bytes", size)
    for found, at, runs in _jumps(amounts, first, bar, counts=unit == "rows"):
        yield amount_finding(Kind.VOLUME, job, dataset, unit, found, at, runs)


def _number(count: int | None) -> float | None:
    return None if count is None else float(count)


def _jumps(
    amounts: Sequence[tuple[Occasion, float | None]], first: int, bar: Bar, *, counts: bool
) -> list[tuple[Jump, Occasion, int]]:
    """Return the amounts that are off, with how many on end are off the same way: those are told once."""
    known = [(place, one, amount) for place, (one, amount) in enumerate(amounts) if amount is not None]
    values = [(one.ended, amount) for _, one, amount in known]
    start = sum(place < first for place, _, _ in known)
    found: list[tuple[Jump, Occasion, int]] = []
    last = -1
    for place, jump in unusual(Series(values, counts), start, bar):
        goes_on = bool(found) and place == last + 1 and found[-1][0].up is jump.up
        if goes_on:
            found[-1] = (*found[-1][:2], found[-1][2] + 1)
        else:
            found.append((jump, known[place][1], 1))
        last = place
    return found


def _late(job: Node, times: JobTimes, asked: _Asked) -> Iterator[Finding]:
    """Yield the runs that came too late in the time that is asked for."""
    for place, (last, came) in enumerate(pairwise(times.times), 1):
        if came < asked.since or times.warm is None or place < times.warm:
            continue
        due = due_by(times.times[:place], asked.bars)
        if due is not None and due < came:
            yield late_finding(job, last, due, came)


def _of_schemas(reader: LineageReader, times: Mapping[int, JobTimes], asked: _Asked) -> Iterator[Finding]:
    latest = reader.latest_event_time()
    if latest is None:
        return
    for page in _batches(reader, NodeType.DATASET, _DATASETS):
        by_dataset: dict[int, list[Version]] = defaultdict(list)
        for version in reader.versions(list(page), until=latest):
            by_dataset[version.entity].append(version)
        for dataset, versions in by_dataset.items():
            for change in schema_news(versions, times, asked.since, asked.bars.new):
                by = reader.nodes([change.owner]).get(change.owner) if change.owner > 0 else None
                yield schema_finding(page[dataset], change, by, None)
