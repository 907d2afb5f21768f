"""Queries counted to the run they belong to; those outside any run to runs of their own.

A tracked run gets the facet with its terminal event. What no run claims, and what comes when its run has
ended, belongs to an implicit run: one per operation and window, of the job `service.operation`, told when the
window is over. Each query is counted once, so that totals are sums over runs.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from lineage._guard import guard
from lineage.attribution.callsite import callsite
from lineage.attribution.claims import Withheld, await_commits
from lineage.attribution.operation_names import operation_of
from lineage.attribution.query import Query
from lineage.attribution.statistics import QueryStatistics
from lineage.context import RunIdentity, process_parent

if TYPE_CHECKING:
    from lineage.events import RunFacts

MAX_RUNS = 10_000
"""Of more runs that have not ended the oldest are given up: their queries count as those outside runs."""

MAX_OPERATIONS = 200
"""Operations after these count to the job `service.other`: names made of ids must not flood the graph."""

MAX_KINDS = 500
"""Statements of one job outside runs; further ones are `omitted`, as some programs make up new ones."""

MAX_WINDOWS = 500
"""Implicit runs of a window that name a run of another process; what is beyond that names none."""

_Window = tuple[str, str, RunIdentity | None]
"""The namespace and name of an implicit run's job, and its parent: see `tell_implicit_runs`."""


class _Counting(NamedTuple):
    """What the queries of a run that has not ended come to so far."""

    run: RunIdentity
    counted: QueryStatistics


class _Ended(NamedTuple):
    """A run that has ended; its queries that end later name it as their parent, and its root as theirs."""

    run: RunIdentity
    root: RunIdentity | None


class _Counts:
    """What has been counted and not been told yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs: OrderedDict[str, _Counting] = OrderedDict()
        self.ended: OrderedDict[int, _Ended] = OrderedDict()
        self.windows: dict[_Window, QueryStatistics] = {}
        self.forgotten: list[_Counting] = []
        self.operations: set[str] = set()
        self.kinds: dict[str, set[str]] = {}
        """By job of queries outside runs: the fingerprints of the statements that it told of."""


_counts = _Counts()


def count_to_runs(queries: Iterable[Query]) -> None:
    """Count finished queries to the runs they belong to."""
    with _counts.lock:
        for query in queries:
            with guard("counting a query"):
                _statistics_of(query).add(query)


def _statistics_of(query: Query) -> QueryStatistics:
    run = query.run
    ended = _counts.ended.get(id(run)) if run is not None else None
    if run is not None and ended is None:
        found = _counts.runs.get(run.run_id)
        if found is None:
            found = _counts.runs[run.run_id] = _Counting(run, QueryStatistics())
            _bound_runs()
        return found.counted
    started = process_parent()
    outermost = started.identity if started is not None else None
    around = replace(ended.run, root=ended.root) if ended is not None else query.remote_run or outermost
    window = (query.config.namespace, _job_name(query), around)
    if window not in _counts.windows and len(_counts.windows) >= MAX_WINDOWS:
        window = (*window[:2], outermost)
    found_window = _counts.windows.get(window)
    if found_window is None:
        kinds = _counts.kinds.setdefault(window[1], set())
        found_window = _counts.windows[window] = QueryStatistics(kinds, MAX_KINDS)
    return found_window


def _bound_runs() -> None:
    while len(_counts.runs) > MAX_RUNS:
        _, oldest = _counts.runs.popitem(last=False)
        _mark_ended(oldest.run, None)
        _counts.forgotten.append(oldest)


def _mark_ended(run: RunIdentity, root: RunIdentity | None) -> None:
    # The object itself, not its id's text: tests with fixed ids have many runs of one id.
    _counts.ended[id(run)] = _Ended(run, root)
    if len(_counts.ended) > MAX_RUNS:
        _counts.ended.popitem(last=False)


def complete(facts: RunFacts) -> None:
    """Give a run that ends what its queries come to: the facet, their statements for lineage, and rows."""
    from lineage.facets import StatementStatistics

    with _counts.lock:
        _mark_ended(facts.identity, facts.root)
        found = _counts.runs.pop(facts.identity.run_id, None)
    if found is not None:
        for place, rows in _put(found.counted, facts).written.items():
            if rows is not None:  # what the run says itself stands
                facts.statement_statistics.setdefault(place, StatementStatistics(place, rows))


def _put(counted: QueryStatistics, facts: RunFacts) -> Withheld:
    """Tell a run of its queries; returns what is not told yet, and the rows that its statements wrote."""
    from openlineage.client.facet_v2 import external_query_run

    from lineage.version import PRODUCER

    for part in counted.others.values():
        part.put(facts)
    withheld = Withheld()
    if not counted.has_queries:
        return withheld
    facet = counted.facet(facts.statements, withheld, PRODUCER)
    facts.run_facets["lineageGraph_queryAttribution"] = facet
    await_commits(facts, withheld)
    if (external := counted.external_query()) is not None:
        facts.run_facets["externalQuery"] = external_query_run.ExternalQueryRunFacet(
            externalQueryId=external[0], source=external[1], producer=PRODUCER
        )
    return withheld


def tell_implicit_runs() -> None:
    """Emit START and COMPLETE of the runs that the queries outside any run came to since the last time.

    Their parent is the run that they outlived, the run of another process that a carrier told of, or the run
    that started this process; they have its root.
    """
    with _counts.lock:
        windows, _counts.windows = _counts.windows, {}
        forgotten, _counts.forgotten = _counts.forgotten, []
    for run, counted in forgotten:
        with guard("telling of the queries of a run without an end"):
            _tell(run.job_namespace, f"{run.job_name}.unfinished", run, counted)
    for (namespace, name, parent), counted in windows.items():
        with guard("telling of queries outside runs"):
            _tell(namespace, name, parent, counted)


def _tell(namespace: str, name: str, parent: RunIdentity | None, counted: QueryStatistics) -> None:
    from lineage import events

    started_at = datetime.fromtimestamp(counted.started_at / 1e9, UTC)
    facts = events.RunFacts(
        RunIdentity(events.sources.run_id(), namespace, name),
        started_at=started_at,
        parent=parent,
        root=parent.root if parent is not None else None,
    )
    facts.job_facets["jobType"] = events.service_job_type_facet()
    events.emit(events.run_event(facts, events.RunState.START, started_at))
    _put(counted, facts)
    ended_at = datetime.fromtimestamp(max(counted.ended_at, counted.started_at) / 1e9, UTC)
    events.emit(events.run_event(facts, events.RunState.COMPLETE, ended_at))


def _job_name(query: Query) -> str:
    operation = operation_of(query)
    if operation is None:
        site = callsite(query.lines[:1])
        operation = f"{site.file.removesuffix('.py')}.{site.function}" if site is not None else "unknown"
    if operation not in _counts.operations:
        if len(_counts.operations) >= MAX_OPERATIONS:
            operation = "other"
        else:
            _counts.operations.add(operation)
    return f"{query.config.service_name}.{operation}"


def _forget_after_fork() -> None:
    global _counts
    _counts = _Counts()


os.register_at_fork(after_in_child=_forget_after_fork)
