"""The queries of one run, counted: bounded, one entry per statement, place in the code and operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attr

from lineage import facets as own
from lineage.attribution.callsite import callsite
from lineage.attribution.claims import Claim, Withheld
from lineage.attribution.event import time_text
from lineage.attribution.operation_names import operation_of
from lineage.attribution.prices import RunPrices
from lineage.attribution.query import Query
from lineage.attribution.record import Record
from lineage.attribution.systems import system_name, vendor_of
from lineage.redaction import mask_sql, shape_sql

if TYPE_CHECKING:
    from lineage.config import Config
    from lineage.events import RunFacts

MAX_ENTRIES = 200
"""Queries of further kinds are counted together, as `omitted`."""

MAX_SAMPLES = 20
"""How many actors, agents, requests, traces and warehouse ids an entry names; further ones are left out."""

MAX_TABLES = 100
"""How many tables a statement tells of beyond its text."""

MAX_STATEMENT_CHARACTERS = 1_000_000
"""Statements beyond this come without their text: it is kept until the run ends, and travels with its end."""

_Key = tuple[Any, ...]


class Counted:
    """Queries of one kind: count, errors, durations in milliseconds, rows, bytes and what they cost."""

    __slots__ = (
        "bytes_read",
        "bytes_written",
        "cancelled",
        "cost",
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
        self.cost: float | None = None

    def add(self, query: Query, cost: float | None) -> None:
        """Count one query; a cost of None is not known."""
        took = query.duration_ns / 1e6
        self.count += 1
        self.errors += query.status == "error"
        self.cancelled += query.status == "cancelled"
        self.total_ms += took
        if took > self.max_ms:
            self.max_ms = took
        self._add_measured(query)
        self.add_cost(cost)

    def add_cost(self, cost: float | None) -> None:
        """Count what they cost besides; None is not known."""
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost

    def _add_measured(self, measured: Query | Counted) -> None:
        if measured.rows is not None:
            self.rows = (self.rows or 0) + measured.rows
        if measured.bytes_read is not None:
            self.bytes_read = (self.bytes_read or 0) + measured.bytes_read
        if measured.bytes_written is not None:
            self.bytes_written = (self.bytes_written or 0) + measured.bytes_written

    def join(self, other: Counted) -> None:
        """Add what others have been counted to."""
        self.count += other.count
        self.errors += other.errors
        self.cancelled += other.cancelled
        self.total_ms += other.total_ms
        self.max_ms = max(self.max_ms, other.max_ms)
        self._add_measured(other)
        self.add_cost(other.cost)

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
            None if self.cost is None else round(self.cost, 12),
        )


class _Entry:
    """One kind of query: the same statement at the same place for the same operation.

    Nothing of the queries themselves is held: their texts may be large and are not masked.
    """

    __slots__ = (
        "claim",
        "counted",
        "ended_at",
        "fingerprint",
        "lines",
        "operation",
        "reading",
        "samples",
        "shape",
        "source",
        "started_at",
        "statement",
    )

    def __init__(self, first: Query, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.operation = operation_of(first)
        self.source = first.source
        self.lines = first.lines
        self.shape: str | None = None
        self.reading = ""
        """The shape of what lineage is read from."""
        self.statement: own.Statement | None = None
        self.started_at = first.started_at
        self.ended_at = first.started_at
        self.counted = Counted()
        self.claim = Claim()
        self.samples: dict[str, dict[str, None]] = {}

    def add(self, query: Query, cost: float | None) -> None:
        self.counted.add(query, cost)
        self.claim.add(query)
        if query.tables and self.statement is not None and self.statement.tables is None:
            self.statement.tables = _tables(query)  # the first one may have failed
        self.started_at = min(self.started_at, query.started_at)
        self.ended_at = max(self.ended_at, query.started_at + query.duration_ns)
        who = query.scope.attribution if query.scope is not None else None
        if who is not None:
            for name in ("actor", "agent", "request_id", "job_id", "session_id"):
                if (value := getattr(who, name)) is not None:
                    self._sample(name, value)
            for name, said in who.attributes:
                self._sample("attributes", f"{name}={said}")
        if (trace := query.known_trace) is not None:
            self._sample("trace_id", format(trace[0], "032x"))
        if query.query_id is not None:
            self._sample("query_id", query.query_id)

    def _sample(self, name: str, value: str) -> None:
        values = self.samples.setdefault(name, {})
        if len(values) < MAX_SAMPLES:
            values[value] = None

    def wire(self, statement: int | None) -> own.AttributedQuery:
        """Return the entry as the facet has it; `statement` is the place of its statement."""
        site = callsite(self.lines)
        samples = {name: list(values) for name, values in self.samples.items()}
        if statement is None and (why := self.claim.why_not) is not None:
            samples.setdefault("attributes", []).append(f"transaction={why}")
        return own.AttributedQuery(
            fingerprint=self.fingerprint,
            counts=self.counted.wire(),
            query=self.shape,
            statement=statement,
            operation=self.operation,
            dbSystem=self.source.db_system,
            client=self.source.client,
            dbName=self.source.db_name,
            callsite=own.QueryCallsite(site.path, site.line, site.function, site.stack) if site else None,
            startedAt=time_text(self.started_at),
            endedAt=time_text(self.ended_at),
            actors=samples.get("actor"),
            agents=samples.get("agent"),
            requestIds=samples.get("request_id"),
            jobIds=samples.get("job_id"),
            sessionIds=samples.get("session_id"),
            traceIds=samples.get("trace_id"),
            queryIds=samples.get("query_id"),
            attributes=samples.get("attributes"),
        )


class RunPart(Protocol):
    """What records of another kind than queries come to in a run."""

    def put(self, facts: RunFacts) -> None:
        """Give the run that ends what was counted."""


class Inside(Protocol):
    """What a query was done inside of."""

    def queries_counted(self, run: QueryStatistics, counted: Counted, cost: float | None) -> None:
        """Take note of what a query was counted to, and of what it costs by itself."""


_PRICED = ("bytes_read", "bytes_written", "bytes_scanned")


class QueryStatistics:
    """What the queries of one run come to."""

    def __init__(self, kinds: set[str] | None = None, most: int = 0) -> None:
        """`kinds`, where given, collects the fingerprints; when it holds `most`, others are left out."""
        self._kinds = kinds
        self._most = most
        self._entries: dict[_Key, _Entry] = {}
        self._omitted = Counted()
        self._characters = 0
        self._config: Config | None = None
        self.started_at = 0
        self.ended_at = 0
        self.prices = RunPrices()
        self.others: dict[str, RunPart] = {}
        """What the run comes to besides queries, by kind of record."""

    @property
    def has_queries(self) -> bool:
        """Whether any of what was counted is a query."""
        return bool(self._entries) or self._omitted.count > 0

    def add(self, query: Query) -> None:
        """Count one query, or a record of another kind."""
        ended_at = query.started_at + query.duration_ns
        self.started_at = min(self.started_at or query.started_at, query.started_at)
        self.ended_at = max(self.ended_at, ended_at)
        if isinstance(query, Record):
            query.count_to(self)
            return
        if self._config is None:
            self._config = query.config
        cost = self._cost(query)
        entry = self._entry(query)
        if entry is None:
            self._omitted.add(query, cost)
        else:
            entry.add(query, cost)
        if query.inside is not None:
            query.inside.queries_counted(self, self._omitted if entry is None else entry.counted, cost)

    def _cost(self, query: Query) -> float | None:
        """Return what a query costs by what is known of it; None where no price is for any of that."""
        path = query.config.prices
        if path is None:
            return None
        shape, _ = shape_sql(query.text, dialect=query.source.dialect)
        operation = shape.split(None, 1)[:1] if shape is not None else []
        system = system_name("database", query.source.db_system)
        known = {"count": 1, "duration_ns": query.duration_ns}
        known |= {name: count for name in _PRICED if (count := getattr(query, name)) is not None}
        return self.prices.cost(path, vendor_of(system), system, tuple(map(str.upper, operation)), known)

    def _entry(self, query: Query) -> _Entry | None:
        source = query.source
        shape, fingerprint = shape_sql(query.text, dialect=source.dialect)
        key = (
            fingerprint,
            query.lines,
            operation_of(query),
            (source.db_system, source.client, source.namespace, source.db_name, source.default_schema),
            _with_text(query),
            query.kept_in,
        )
        entry = self._entries.get(key)
        if entry is None and len(self._entries) < MAX_ENTRIES and self._takes(fingerprint):
            entry = self._entries[key] = _Entry(query, fingerprint)
            if shape is not None and query.text and _with_text(query):
                self._keep_text(entry, query, shape)
        return entry

    def _total(self) -> Counted:
        total = Counted()
        for each in (*(entry.counted for entry in self._entries.values()), self._omitted):
            total.join(each)
        return total

    def _takes(self, fingerprint: str) -> bool:
        if self._kinds is None or fingerprint in self._kinds:
            return True
        if len(self._kinds) >= self._most:
            return False
        self._kinds.add(fingerprint)
        return True

    def _keep_text(self, entry: _Entry, query: Query, shape: str) -> None:
        """Keep the statement without its values; one of which a part alone was read is not kept."""
        statement = _statement(query)
        size = len(shape) + len(statement.query)
        if self._characters + size <= MAX_STATEMENT_CHARACTERS:
            self._characters += size
            entry.shape, entry.statement = shape, statement
            entry.reading = _reading(query, shape)

    def external_query(self) -> tuple[str, str] | None:
        """Return the warehouse's id of the only query that has one, and its system; else None."""
        found = {
            (one, entry.source.db_system or "unknown")
            for entry in self._entries.values()
            for one in entry.samples.get("query_id", ())
        }
        return found.pop() if len(found) == 1 else None

    def facet(
        self, statements: list[own.Statement], withheld: Withheld, producer: str
    ) -> own.LineageGraphQueryAttributionRunFacet:
        """Return the facet; the statements that are not yet in `statements` are appended to it.

        Those of which nobody knows yet whether what they wrote stands go to `withheld`.
        """
        entries = []
        for entry in self._entries.values():
            place, statement = None, entry.statement
            if statement is not None and withheld.take(entry.reading, statement, entry.claim):
                place = _placed(statement, statements)
                withheld.placed(place, entry.reading, entry.claim)
            entries.append(entry.wire(place))
        total = self._total().wire()
        return own.LineageGraphQueryAttributionRunFacet(
            service=self._config.service_name if self._config is not None else "unknown",
            environment=self._config.environment if self._config is not None else "unknown",
            queries=entries,
            total=total,
            omitted=self._omitted.wire() if self._omitted.count else None,
            currency=self.prices.currency if total.cost is not None else None,
            producer=producer,
        )


def _with_text(query: Query) -> bool:
    return query.config.include_query_text if query.include_text is None else query.include_text


def _reading(query: Query, text: str) -> str:
    """Return the text that lineage is read from."""
    return text if query.kept_in is None else f"create table {query.kept_in} as {text}"


def _statement(query: Query) -> own.Statement:
    """Return what lineage is read from."""
    source = query.source
    return own.Statement(
        mask_sql(_reading(query, query.text or ""), dialect=source.dialect),
        source.dialect,
        source.namespace,
        source.db_name if source.namespace else None,
        source.default_schema,
        _tables(query),
    )


def _tables(query: Query) -> list[own.StatementTable] | None:
    return [
        own.StatementTable(one.name, list(one.columns) or None, one.read or None)
        for one in query.tables[:MAX_TABLES]
    ] or None


_KNOWN = ("dialect", "namespace", "database", "defaultSchema")


def _placed(statement: own.Statement, statements: list[own.Statement]) -> int:
    """Return the place of a statement among those of a run, which gets what it has not told itself."""
    for place, told in enumerate(statements):
        if _same(told, statement):
            missing = {
                name: getattr(statement, name) for name in (*_KNOWN, "tables") if getattr(told, name) is None
            }
            statements[place] = attr.evolve(told, **missing)
            return place
    statements.append(statement)
    return len(statements) - 1


def _same(told: own.Statement, captured: own.Statement) -> bool:
    if told.query.strip().rstrip(";") != captured.query.strip().rstrip(";"):
        return False
    pairs = ((getattr(told, name), getattr(captured, name)) for name in _KNOWN)
    return all(one == other or one is None or other is None for one, other in pairs)
