"""What the store knows of the past: runs with what they wrote, tests, schemas and code versions over time.

The first part is what ingest hands in, the second what questions get.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from graph.records import Edge, RunState


class Observed(IntEnum):
    """What was observed of one run; the values are those in the store."""

    STATISTICS = 1
    """Of a dataset: `[rows, bytes]` that the run wrote, null where it is not known."""
    ASSERTIONS = 2
    """Of a dataset: a list of `Assertion` as arrays."""
    STATEMENT_STATISTICS = 3
    """Of the shape that holds the statements: a list of `[statement, rows, bytes]`, statements from 0."""


class Said(IntEnum):
    """What somebody said of something for some time; the values are those in the store."""

    WRITTEN_SCHEMA = 1
    """The schema of a dataset, from a job that writes it (or from a DatasetEvent)."""
    READ_SCHEMA = 2
    """The schema of a dataset, from a job that reads it."""
    CODE_VERSION = 3
    """The version of the code of a job."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one event observed of a run: `body` is JSON, `entity` the key of a dataset or of a shape."""

    entity: int
    kind: Observed
    body: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """How much a run wrote to a dataset; None is not known."""

    rows: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job. Times are UTC.

    `began` is the time of its first event. `read` and `wrote` have the datasets that its events, and the SQL
    in them, name as inputs and as outputs, whether or not the run completed.
    """

    run_id: str
    job: int
    state: RunState
    began: datetime
    ended: datetime | None
    started: datetime | None = None
    parent_run_id: str | None = None
    error: str | None = None
    wrote: Mapping[int, Written] = field(default_factory=dict)
    read: frozenset[int] = frozenset()

    @property
    def seconds(self) -> float | None:
        """How long the run took; None while that is not known."""
        if self.started is None or self.ended is None or self.ended < self.started:
            return None
        return (self.ended - self.started).total_seconds()


@dataclass(frozen=True, slots=True)
class Assertion:
    """The result of one data-quality test; `column` is None when it judges the whole dataset.

    `expected` and `actual` are as the producer wrote them, None where it gave none.
    """

    name: str
    passed: bool
    column: str | None = None
    severity: str | None = None
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True, slots=True)
class Assertions:
    """The tests of one dataset in one run."""

    dataset: int
    run_id: str
    job: int
    parent_run_id: str | None
    at: datetime
    tests: tuple[Assertion, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One of the schemas of a dataset or code versions of a job: what was said, by whom, from when to when.

    `owner` is the job that said it, or minus the dataset of a DatasetEvent. `body` is a tuple of
    `(field, type)` for a schema, `((version, ""),)` for code. Between the two times the same owner may have
    said something else for a while.
    """

    entity: int
    owner: int
    kind: Said
    body: tuple[tuple[str, str], ...]
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class RunSaying:
    """What one run said on its own: of a run that failed, what it would have made too.

    `edges` are what it gives without other runs, `schemas` its schema facets by dataset. `code_version` is
    None where it told none.
    """

    run_id: str
    job: int
    edges: tuple[Edge, ...]
    schemas: Mapping[int, Mapping[str, Any]]
    code_version: str | None = None
