"""Facets of our own, as classes for openlineage-python; their schemas are in `lineage/schemas`.

A schema file never changes once released: a change is a new file with a new URL.
"""

from __future__ import annotations

from typing import Any

import attr
from openlineage.client.generated.base import DatasetFacet, JobFacet, RunFacet

_SCHEMAS = "https://github.com/lineage-graph/lineage-graph/blob/0.1.0/lineage/schemas"


@attr.define
class StatementTable:
    """A table that the driver of a statement knew: its columns in order, and whether it was told to be read.

    The name is as the statement or the database writes it, without quotes.
    """

    name: str
    columns: list[str] | None = None
    read: bool | None = None


@attr.define
class Statement:
    """One SQL statement of a run (values masked) and what is known about where it ran."""

    query: str
    dialect: str | None = None
    namespace: str | None = None
    database: str | None = None
    defaultSchema: str | None = None
    tables: list[StatementTable] | None = None


@attr.define
class LineageGraphStatementsJobFacet(JobFacet):
    """The statements of a job, each with what is needed to name its tables later."""

    statements: list[Statement]

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphStatementsJobFacet.json"


@attr.define
class StatementStatistics:
    """What a statement wrote, by its place in the statements facet; absent means unknown, 0 means none."""

    statement: int
    rowCount: int | None = None
    size: int | None = None
    fileCount: int | None = None


@attr.define
class LineageGraphOutputStatisticsRunFacet(RunFacet):
    """Statistics of outputs that only a statement names."""

    statistics: list[StatementStatistics]

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphOutputStatisticsRunFacet.json"


@attr.define
class LineageGraphPartialRunFacet(RunFacet):
    """Says that a run is complete although not all of its work was asked for."""

    reason: str

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphPartialRunFacet.json"


@attr.define
class LineageGraphAttemptRunFacet(RunFacet):
    """Which attempt at the same work a run is."""

    attempt: int
    retryOf: str | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphAttemptRunFacet.json"


@attr.define
class LineageGraphTraceRunFacet(RunFacet):
    """The distributed trace that a run began in, with the ids of W3C trace context in hexadecimal."""

    traceId: str
    spanId: str
    traceFlags: str

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphTraceRunFacet.json"


@attr.define
class QueryCounts:
    """How often queries of a kind ran, what they took and cost; absent means unknown, 0 means none."""

    count: int
    errors: int
    cancelled: int
    totalDurationMs: float
    maxDurationMs: float
    rows: int | None = None
    bytesRead: int | None = None
    bytesWritten: int | None = None
    cost: float | None = None


@attr.define
class QueryCallsite:
    """The application's innermost line that ran a query, and the lines that led to it."""

    path: str
    line: int
    function: str
    stack: str


@attr.define
class AttributedQuery:
    """Queries with one statement, from one place in the code, for one operation.

    `statement` is the place of the statement in the statements facet. The lists are samples.
    """

    fingerprint: str
    counts: QueryCounts
    query: str | None = None
    statement: int | None = None
    operation: str | None = None
    dbSystem: str | None = None
    client: str | None = None
    dbName: str | None = None
    callsite: QueryCallsite | None = None
    startedAt: str | None = None
    endedAt: str | None = None
    actors: list[str] | None = None
    agents: list[str] | None = None
    requestIds: list[str] | None = None
    jobIds: list[str] | None = None
    sessionIds: list[str] | None = None
    traceIds: list[str] | None = None
    queryIds: list[str] | None = None
    attributes: list[str] | None = None


@attr.define
class LineageGraphQueryAttributionRunFacet(RunFacet):
    """The queries of a run: which code ran them, for whom, how often and what they took."""

    service: str
    environment: str
    queries: list[AttributedQuery]
    total: QueryCounts
    omitted: QueryCounts | None = None
    currency: str | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphQueryAttributionRunFacet.json"


@attr.define
class OperationCounts:
    """How often operations ran and what they measured; absent means unknown, 0 means none."""

    count: int
    errors: int
    cancelled: int
    totalDurationMs: float
    maxDurationMs: float
    rowsReturned: int | None = None
    rowsAffected: int | None = None
    bytesRead: int | None = None
    bytesWritten: int | None = None
    bytesScanned: int | None = None
    bytesTransferred: int | None = None
    partitionsScanned: int | None = None
    objects: int | None = None
    messages: int | None = None
    inputTokens: int | None = None
    outputTokens: int | None = None


@attr.define
class CountedOperation:
    """Operations of one kind on one target of a system; `cost` is absent where no price is known."""

    kind: str
    system: str
    vendor: str
    operation: str
    counts: OperationCounts
    target: str | None = None
    cost: float | None = None
    queryIds: list[str] | None = None


@attr.define
class VendorOperations:
    """What a vendor was asked for, and what that cost."""

    vendor: str
    counts: OperationCounts
    cost: float | None = None


@attr.define
class ActorOperations:
    """What was done for an actor, and what that cost."""

    actor: str
    counts: OperationCounts
    cost: float | None = None


@attr.define
class LineageGraphOperationsRunFacet(RunFacet):
    """The operations of a run on databases, object stores, messages and models, and what they cost.

    `inQueries` is how much of the total the run's captured queries tell as well.
    """

    operations: list[CountedOperation]
    total: OperationCounts
    vendors: list[VendorOperations]
    actors: list[ActorOperations] | None = None
    omitted: OperationCounts | None = None
    cost: float | None = None
    currency: str | None = None
    inQueries: dict[str, float] | None = None
    metrics: dict[str, Any] | None = None
    outcome: dict[str, Any] | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphOperationsRunFacet.json"


@attr.define
class LineageGraphArtifactDatasetFacet(DatasetFacet):
    """Which version of a dataset a run read or wrote; absent means unknown.

    `contentHash` is of what it holds, `fingerprint` of what a look from outside tells: size and time of a
    file, the etag of an object.
    """

    contentHash: str | None = None
    artifactId: str | None = None
    schemaVersion: str | None = None
    environmentId: str | None = None
    fingerprint: str | None = None
    size: int | None = None
    modifiedAt: str | None = None
    etag: str | None = None
    rowCount: int | None = None
    fileCount: int | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphArtifactDatasetFacet.json"


@attr.define
class Build:
    """The build that a run is part of, or that made its image, as the CI system names it."""

    system: str
    id: str | None = None
    number: str | None = None
    url: str | None = None


@attr.define
class LineageGraphCodeRunFacet(RunFacet):
    """The version of the code that ran; `unknown` are the fields that were looked for and not found."""

    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    dirty: bool | None = None
    diffHash: str | None = None
    build: Build | None = None
    unknown: list[str] | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphCodeRunFacet.json"


@attr.define
class LockFile:
    """The file that fixes the versions of packages: its path in the repository and its content hash."""

    path: str
    hash: str


@attr.define
class LineageGraphEnvironmentRunFacet(RunFacet):
    """What a run ran in; `unknown` are the fields that were looked for and not found."""

    id: str | None = None
    python: str | None = None
    implementation: str | None = None
    platform: str | None = None
    packages: dict[str, str] | None = None
    lockFile: LockFile | None = None
    imageDigest: str | None = None
    locale: str | None = None
    timezone: str | None = None
    hashSeed: str | None = None
    seeds: dict[str, str] | None = None
    unknown: list[str] | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphEnvironmentRunFacet.json"


@attr.define
class LineageGraphCommandRunFacet(RunFacet):
    """The command that the process of a run was started by, without secrets."""

    argv: list[str]
    root: str | None = None
    folder: str | None = None
    entry: str | None = None
    redacted: bool | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}/LineageGraphCommandRunFacet.json"
