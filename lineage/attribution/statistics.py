"""The queries of one run, counted: bounded, one entry per statement, place in the code and operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lineage import facets as own
from lineage.attribution.callsite import Line, callsite
from lineage.attribution.query import Query
from lineage.attribution.record import Record
from lineage.redaction import mask_sql, shape_sql

if TYPE_CHECKING:
    from lineage.events import RunFacts

MAX_ENTRIES = 200
"""Queries of further kinds are counted together, as `omitted`."""

MAX_SAMPLES = 20
"""How many actors, agents, requests, traces and warehouse ids an entry names; further ones are left out."""

_Key = tuple[str, tuple[Line, ...], str | None]


class Counted:
    """Queries of one kind: count, errors, durations in milliseconds, rows and bytes."""

    __slots__ = (
        "bytes_read",
        "bytes_written",
        "cancelled",
        "count",
        "errors",
        "max_ms",
        "rows",
        "total_ms",
    )

    def __init__(self) -> None:
        self.count = self.errors = self.cancelled = 0
        self.total_ms = self.max_ms = 0.0
        self.rows: int | None = None
        self.bytes_read: int | None = None
        self.bytes_written: int | None = None

    def add(self, query: Query) -> None:
        """Count one query."""
        took = query.duration_ns / 1e6
        self.count += 1
        self.errors += query.status == "error"
        self.cancelled += query.status == "cancelled"
        self.total_ms += took
        self.max_ms = max(self.max_ms, took)
        for name in ("rows", "bytes_read", "bytes_written"):
            if (value := getattr(query, name)) is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)

    def wire(self) -> own.QueryCounts:
        """Return the counts as the facet has them."""
        return own.QueryCounts(
            self.count,
            self.errors,
            self.cancelled,
            round(self.total_ms, 3),
            round(self.max_ms, 3),
            self.rows,
            self.bytes_read,
            self.bytes_written,
        )


class _Entry:
    """One kind of query: the same statement at the same place for the same operation."""

    __slots__ = ("counted", "first", "samples", "shape", "statement")

    def __init__(self, first: Query, shape: str | None, statement: own.Statement | None) -> None:
        self.first = first
        self.shape = shape
        self.statement = statement
        self.counted = Counted()
        self.samples: dict[str, dict[str, None]] = {}

    def add(self, query: Query) -> None:
        self.counted.add(query)
        who = query.scope.attribution if query.scope is not None else None
        if who is not None:
            for name in ("actor", "agent", "request_id", "job_id", "session_id"):
                self._sample(name, getattr(who, name))
        if query.trace is not None:
            self._sample("trace_id", format(query.trace[0], "032x"))
        self._sample("query_id", query.query_id)

    def _sample(self, name: str, value: str | None) -> None:
        if value is not None:
            values = self.samples.setdefault(name, {})
            if len(values) < MAX_SAMPLES:
                values[value] = None

    def sample(self, name: str) -> list[str] | None:
        values = self.samples.get(name)
        return list(values) if values else None


class RunPart(Protocol):
    """What records of another kind than queries come to in a run."""

    def put(self, facts: RunFacts) -> None:
        """Give the run that ends what was counted."""


class QueryStatistics:
    """What the queries of one run come to."""

    def __init__(self) -> None:
        self._entries: dict[_Key, _Entry] = {}
        self._omitted = Counted()
        self._total = Counted()
        self.first: Query | None = None
        self.started_at = 0
        self.ended_at = 0
        self.others: dict[str, RunPart] = {}
        """What the run comes to besides queries, by kind of record."""

    def add(self, query: Query) -> None:
        """Count one query, or a record of another kind."""
        ended_at = query.started_at + query.duration_ns
        self.started_at = min(self.started_at or query.started_at, query.started_at)
        self.ended_at = max(self.ended_at, ended_at)
        if isinstance(query, Record):
            query.count_to(self)
            return
        if self.first is None:
            self.first = query
        self._total.add(query)
        entry = self._entry(query)
        if entry is None:
            self._omitted.add(query)
        else:
            entry.add(query)

    def _entry(self, query: Query) -> _Entry | None:
        shape, fingerprint = shape_sql(query.text, dialect=query.source.dialect)
        operation = query.scope.attribution.operation if query.scope is not None else None
        key = (fingerprint, query.lines, operation)
        entry = self._entries.get(key)
        if entry is None and len(self._entries) < MAX_ENTRIES:
            entry = self._entries[key] = _Entry(query, shape, _statement(query))
        return entry

    def external_query(self) -> tuple[str, str] | None:
        """Return the warehouse's id of the only query that has one, and its system; else None."""
        found = {
            (one, entry.first.source.db_system or "unknown")
            for entry in self._entries.values()
            for one in entry.samples.get("query_id", ())
        }
        return found.pop() if len(found) == 1 else None

    def facet(
        self, statements: list[own.Statement], producer: str
    ) -> own.LineageGraphQueryAttributionRunFacet:
        """Return the facet; the statements that are not yet in `statements` are appended to it."""
        entries = []
        for (fingerprint, _, operation), entry in self._entries.items():
            place = None
            if entry.statement is not None:
                if entry.statement not in statements:
                    statements.append(entry.statement)
                place = statements.index(entry.statement)
            entries.append(_wire(entry, fingerprint, operation, place))
        config = self.first.config if self.first is not None else None
        return own.LineageGraphQueryAttributionRunFacet(
            service=config.service_name if config is not None else "unknown",
            environment=config.environment if config is not None else "unknown",
            queries=entries,
            total=self._total.wire(),
            omitted=self._omitted.wire() if self._omitted.count else None,
            producer=producer,
        )


def _statement(query: Query) -> own.Statement | None:
    """Return what lineage is read from; None where there is no statement."""
    if not query.text:
        return None
    source = query.source
    return own.Statement(
        mask_sql(query.text, dialect=source.dialect),
        source.dialect,
        source.namespace,
        source.db_name if source.namespace else None,
        source.default_schema,
    )


def _wire(
    entry: _Entry, fingerprint: str, operation: str | None, statement: int | None
) -> own.AttributedQuery:
    query = entry.first
    config = query.config
    site = callsite(query.lines)
    with_text = config.include_query_text if query.include_text is None else query.include_text
    return own.AttributedQuery(
        fingerprint=fingerprint,
        counts=entry.counted.wire(),
        query=entry.shape if with_text else None,
        statement=statement,
        operation=operation,
        dbSystem=query.source.db_system,
        client=query.source.client,
        dbName=query.source.db_name,
        callsite=own.QueryCallsite(site.path, site.line, site.function, site.stack) if site else None,
        actors=entry.sample("actor"),
        agents=entry.sample("agent"),
        requestIds=entry.sample("request_id"),
        jobIds=entry.sample("job_id"),
        sessionIds=entry.sample("session_id"),
        traceIds=entry.sample("trace_id"),
        queryIds=entry.sample("query_id"),
    )
