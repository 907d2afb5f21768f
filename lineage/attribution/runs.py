"""Queries counted to the run they belong to; those outside any run to runs of their own.

A tracked run gets the facet with its terminal event. What no run claims belongs to an implicit run: one per
operation and window, of the job `service.operation`, told when the window is over.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lineage._guard import guard
from lineage.attribution.callsite import callsite
from lineage.attribution.query import Query
from lineage.attribution.statistics import QueryStatistics
from lineage.context import RunIdentity

if TYPE_CHECKING:
    from lineage.events import RunFacts

MAX_RUNS = 10_000
MAX_OPERATIONS = 200
"""Operations after these count to the job `service.other`: names made of ids must not flood the graph."""

_Window = tuple[str, str, RunIdentity | None]
"""The namespace and name of an implicit run's job, and the run of another process it was done for."""


class _Counts:
    """What has been counted and not been told yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs: OrderedDict[str, QueryStatistics] = OrderedDict()
        self.ended: OrderedDict[str, None] = OrderedDict()
        self.windows: dict[_Window, QueryStatistics] = {}
        self.operations: set[str] = set()


_counts = _Counts()


def count_to_runs(queries: Iterable[Query]) -> None:
    """Count finished queries to the runs they belong to."""
    with _counts.lock:
        for query in queries:
            with guard("counting a query"):
                _statistics_of(query).add(query)


def _statistics_of(query: Query) -> QueryStatistics:
    run = query.run
    if run is not None and run.run_id not in _counts.ended:
        found = _counts.runs.setdefault(run.run_id, QueryStatistics())
        if len(_counts.runs) > MAX_RUNS:  # runs that never end
            _counts.runs.popitem(last=False)
        return found
    window = (query.config.namespace, _job_name(query), run or query.remote_run)
    return _counts.windows.setdefault(window, QueryStatistics())


def complete(facts: RunFacts) -> None:
    """Give a run that ends what its queries come to: the facet, and their statements for lineage."""
    with _counts.lock:
        _counts.ended[facts.identity.run_id] = None
        if len(_counts.ended) > MAX_RUNS:
            _counts.ended.popitem(last=False)
        counted = _counts.runs.pop(facts.identity.run_id, None)
    if counted is not None:
        _put(counted, facts)


def _put(counted: QueryStatistics, facts: RunFacts) -> None:
    from openlineage.client.facet_v2 import external_query_run

    from lineage.version import PRODUCER

    for part in counted.others.values():
        part.put(facts)
    if counted.first is None:
        return
    facts.run_facets["lineageGraph_queryAttribution"] = counted.facet(facts.statements, PRODUCER)
    if (external := counted.external_query()) is not None:
        facts.run_facets["externalQuery"] = external_query_run.ExternalQueryRunFacet(
            externalQueryId=external[0], source=external[1], producer=PRODUCER
        )


def tell_implicit_runs() -> None:
    """Emit START and COMPLETE of the runs that the queries outside any run came to since the last time."""
    with _counts.lock:
        windows, _counts.windows = _counts.windows, {}
    for (namespace, name, parent), counted in windows.items():
        with guard("telling of queries outside runs"):
            _tell(namespace, name, parent, counted)


def _tell(namespace: str, name: str, parent: RunIdentity | None, counted: QueryStatistics) -> None:
    from lineage import events

    started_at = datetime.fromtimestamp(counted.started_at / 1e9, UTC)
    facts = events.RunFacts(
        RunIdentity(events.sources.run_id(), namespace, name), started_at=started_at, parent=parent
    )
    facts.job_facets["jobType"] = events.service_job_type_facet()
    events.emit(events.run_event(facts, events.RunState.START, started_at))
    _put(counted, facts)
    ended_at = datetime.fromtimestamp(max(counted.ended_at, counted.started_at) / 1e9, UTC)
    events.emit(events.run_event(facts, events.RunState.COMPLETE, ended_at))


def _job_name(query: Query) -> str:
    scope = query.scope
    operation = scope.attribution.operation if scope is not None else None
    if operation is not None:
        operation = without_ids(operation)
    else:
        site = callsite(query.lines[:1])
        operation = f"{site.file.removesuffix('.py')}.{site.function}" if site is not None else "unknown"
    if operation not in _counts.operations:
        if len(_counts.operations) >= MAX_OPERATIONS:
            operation = "other"
        else:
            _counts.operations.add(operation)
    return f"{query.config.service_name}.{operation}"


_IDS = re.compile(
    r"""
    [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}   # UUIDs
    | (?<![A-Za-z0-9])(?=[0-9a-f]*[0-9])[0-9a-f]{12,}(?![A-Za-z0-9])   # hashes
    | (?<![A-Za-z0-9])\d+(?![A-Za-z0-9])   # numbers that stand alone
    """,
    re.VERBOSE | re.IGNORECASE,
)


def without_ids(operation: str) -> str:
    """Return an operation's name with its ids as `{id}`: `GET /orders/42?x=1` is `GET /orders/{id}`."""
    return _IDS.sub("{id}", operation.partition("?")[0])[:200]


def _forget_after_fork() -> None:
    global _counts
    _counts = _Counts()


os.register_at_fork(after_in_child=_forget_after_fork)
