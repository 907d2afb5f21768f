"""From finished queries to the sinks that the settings name, and to the runs they belong to."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from lineage._guard import guard
from lineage.attribution import query as queries_here
from lineage.attribution.buffer import EXIT_SECONDS, Buffer
from lineage.attribution.claims import forget_awaited, tell_commits
from lineage.attribution.event import Event, ended_at, event_of
from lineage.attribution.query import Query
from lineage.attribution.record import Record
from lineage.attribution.runs import complete, count_to_runs, tell_implicit_runs
from lineage.attribution.sinks import contained
from lineage.attribution.tracing import tell_span
from lineage.context import completions

if TYPE_CHECKING:
    from lineage.attribution.plan import Plan
    from lineage.events import RunFacts


def _attribute(queries: list[Query]) -> None:
    count_to_runs([query for query in queries if query.plan.to_runs])


def _tell(queries: list[Query]) -> None:
    with guard("telling of queries outside runs"):
        tell_implicit_runs()
    by_plan: dict[int, tuple[Plan, list[Query]]] = {}
    for query in queries:
        by_plan.setdefault(id(query.plan), (query.plan, []))[1].append(query)
    for plan, theirs in by_plan.values():
        for sink in plan.sinks:
            events = list(_events(theirs))  # of each sink its own: what one does to them no other sees
            # Whatever a sink raises ends here: it runs in our thread, for nobody's request.
            with contained(f"writing queries to {type(sink).__name__}"):
                sink.write(events)


def _events(queries: list[Query]) -> Iterator[Event]:
    """Yield the events of queries; one that cannot be told costs itself and not the others."""
    for query in queries:
        with guard("telling a query"):
            yield _event(query)


def _event(query: Query) -> Event:
    return query.own_event() if isinstance(query, Record) else event_of(query)


def _look() -> None:
    with guard("telling of commits after a run's end"):
        tell_commits()


buffer = Buffer(_attribute, _tell, _look)

enclosing: ContextVar[Any] = ContextVar("lineage_enclosing", default=None)
"""What queries are done inside of, and is told of each: an operation."""


witnesses: list[Callable[[Query], None]] = []
"""Each is called with every query and operation that ends, in the thread and context that it ends in."""


def deliver(query: Query) -> None:
    """Take over a finished query; returns at once. One that was seen further out already completes that."""
    scope, outer = query.scope, query.outer
    if scope is not None and scope.ended:
        query.scope_ended = True
    if outer is not None:
        if not outer.ended:
            outer.complete_from(query)
        return
    for witness in witnesses:
        with guard("telling a witness of a query"):
            witness(query)
    if (around := enclosing.get()) is not None:
        with guard("telling an operation of a query inside it"):
            around.hold(query)
    if query.span is not None:
        # Here, not in our thread: the span may end with the statement after the query.
        with guard("telling a span of a query"):
            tell_span(query.span, _event(query), ended_at(query))
        query.span = None
    buffer.put(query)


def _complete(facts: RunFacts) -> None:
    buffer.attribute()
    complete(facts)


def flush_queries(timeout: float | None = EXIT_SECONDS) -> bool:
    """Have the sinks told of all queries that have ended; returns whether that was done in time."""
    return buffer.flush(timeout)


def _at_exit(pid: int) -> None:
    if pid == os.getpid():
        with guard("telling of the last queries"):
            buffer.flush(EXIT_SECONDS)


queries_here.take = deliver
# Not with the first query that ends: that one may end after its run, which would never be asked for it.
completions.append(_complete)
os.register_at_fork(after_in_child=buffer.forget)
os.register_at_fork(after_in_child=forget_awaited)
atexit.register(_at_exit, os.getpid())
