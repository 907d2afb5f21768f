"""Queries that programs ran, as ingest hands them in and as questions get them.

A kind of query is one statement at one place in the code, for one operation of one service. What differs from
run to run is counted apart from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from graph.nodes import Node, hash63


class Use(IntEnum):
    """What a statement does with a dataset or a field; the values are those in the store."""

    READS = 1
    """A dataset, and which of its fields is known."""
    READS_UNKNOWN = 2
    """A dataset, and nobody can tell which of its fields: a `*` over unknown columns, SQL not understood."""
    WRITES = 3
    """A dataset."""
    VALUE = 4
    """A field whose values get into the result or into what is written."""
    CONDITION = 5
    """A field that filters, joins, groups or sorts."""
    FILLS = 6
    """A field that is written."""


@dataclass(frozen=True, slots=True, order=True)
class Used:
    """What one statement does with one node, by the node's key."""

    entity: int
    use: Use


@dataclass(frozen=True, slots=True)
class QueryKind:
    """What all queries of a kind have in common; None is not known.

    `text` is the statement without its values. `statement` tells apart statements of one fingerprint that ran
    in different places: a digest of the statement with its dialect, namespace, database and schema.
    """

    job: int
    service: str
    environment: str
    fingerprint: str
    text: str | None = None
    statement: int = 0
    operation: str | None = None
    db_system: str | None = None
    client: str | None = None
    db_name: str | None = None
    path: str | None = None
    line: int | None = None
    function: str | None = None
    stack: str | None = None

    @property
    def key(self) -> int:
        """The integer key: a hash of all of it."""
        parts = (self.job, self.service, self.environment, self.fingerprint, self.text, self.statement)
        where = (self.operation, self.db_system, self.client, self.db_name)
        code = (self.path, self.line, self.function, self.stack)
        return hash63(repr((*parts, *where, *code)).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class QueryCounts:
    """How often queries ran, what they took (microseconds) and moved; None is not known, 0 is none."""

    count: int
    errors: int = 0
    cancelled: int = 0
    total_us: int = 0
    max_us: int = 0
    rows: int | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None


CALLERS = ("actors", "agents")
"""The samples by which queries can be asked for."""

SAMPLES = (*CALLERS, "requestIds", "jobIds", "sessionIds", "traceIds", "queryIds", "attributes")
"""The lists of samples, as our facet names them."""

Samples = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What queries cost, as far as prices are known, in billionths of a currency; 0 is free."""

    currency: str
    billionths: int

    @property
    def amount(self) -> float:
        """The cost in whole units of the currency."""
        return self.billionths / 1e9


@dataclass(frozen=True, slots=True)
class QueryEntry:
    """The queries of one kind in one run. Times are nanoseconds since the epoch.

    `shape` and `place` say which statement of which shape it was; None where the statement is not known.
    `cost` is None where it is not known.
    """

    kind: QueryKind
    counts: QueryCounts
    first_time: int
    last_time: int
    samples: Samples = field(default_factory=dict)
    shape: int | None = None
    place: int = 0
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class RunQueries:
    """What one event says of the queries of its run; of several events of a run the latest counts.

    Of two at the same time the one with the greater digest counts.
    """

    digest: int
    entries: tuple[QueryEntry, ...]


@dataclass(frozen=True, slots=True)
class QueryFilter:
    """Which queries are asked for: those that all of it is true of; None and () ask for any.

    `entities` are keys of datasets and fields that a query uses in any way, `unknown_of` of datasets that it
    reads without anybody knowing which fields: one of either is enough. `since` is the time that the run's
    last query of the kind ended at or after, `told_by` the time of the event that told of the run's queries
    at the latest; `actor` and `agent` are among those the run names.
    """

    entities: frozenset[int] = frozenset()
    unknown_of: frozenset[int] = frozenset()
    actor: str | None = None
    agent: str | None = None
    operation: str | None = None
    service: str | None = None
    fingerprint: str | None = None
    since: datetime | None = None
    told_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """The queries of a kind that were asked for, summed over runs. Times are UTC.

    `uses` has by node what the statement does with it. `samples` are those of the latest runs. `costs` has
    one for each currency, and none where no run knows what its queries cost.
    """

    key: int
    kind: QueryKind
    job: Node
    counts: QueryCounts
    runs: int
    first: datetime
    last: datetime
    samples: Samples = field(default_factory=dict)
    uses: tuple[tuple[Node, Use], ...] = ()
    costs: tuple[Cost, ...] = ()
