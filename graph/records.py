"""What the store gives to questions: edges, runs and facts, as plain immutable records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple


class EdgeKind(IntEnum):
    """The kinds of edge; the values are those in the store."""

    FEEDS = 1
    """dataset -> dataset, labelled with the job."""
    FIELD = 2
    """field -> field, labelled with the job and a transformation."""
    READS = 3
    """dataset -> job."""
    WRITES = 4
    """job -> dataset."""
    OVERRULED = 5
    """field -> field, as FIELD, by a source that a better one overrules for the dataset written."""
    USES = 6
    """field -> job that reads it in a statement that writes nothing, labelled with a transformation."""
    UNDERSTOOD = 7
    """dataset -> job, beside READS: every field that the job uses of it has its USES edge."""

    # Kinds stand in the keys of every edge of an answer; the hash of enums is a Python function.
    __hash__ = int.__hash__


class Origin(IntEnum):
    """Where a statement of lineage comes from; the values are those in the store."""

    LISTED = 1
    """The inputs and outputs of the event."""
    LINEAGE_FACET = 2
    COLUMN_FACET = 3
    SQL_CERTAIN = 4
    """A statement that was understood whole, in a known dialect, all its tables found."""
    SQL_DOUBTFUL = 5

    __hash__ = int.__hash__


class Direction(StrEnum):
    """Which way a question walks the edges."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class RunState(StrEnum):
    """The state of a run, derived from its events (a run without any end is RUNNING)."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ABORT = "ABORT"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, order=True)
class Transformation:
    """How a field is made from another, in the words of OpenLineage's columnLineage facet.

    `type` is DIRECT or INDIRECT ("" when the producer did not say: read it as DIRECT).
    """

    type: str = ""
    subtype: str = ""
    description: str = ""
    masking: bool = False


class Edge(NamedTuple):
    """One edge of the current graph, by node keys; `job` is None for what a DatasetEvent declared.

    Of edges that have a job at an end it also stands in `job`. `origin` is given for edges between fields.
    """

    kind: EdgeKind
    source: int
    target: int
    job: int | None = None
    transformation: Transformation | None = None
    origin: Origin | None = None


Link = tuple[int, int, Transformation | None]
"""Of an edge between fields its source, its target and how the one is made from the other."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as the union of its events says. Times are UTC; `error` is the redacted message.

    `latest_at` is the time of its latest event.
    """

    run_id: str
    job_key: int
    job_namespace: str
    job_name: str
    state: RunState
    started_at: datetime | None
    ended_at: datetime | None
    parent_run_id: str | None = None
    error: str | None = None
    latest_at: datetime | None = None

    @property
    def duration_ms(self) -> float | None:
        """Milliseconds between the first event and the end; None while it is not known."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds() * 1000


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """How much the store holds; `last_ingest` is when an event was last accepted."""

    events: int
    runs: int
    jobs: int
    datasets: int
    fields: int
    edges: int
    dead_letters: int
    underived: int
    last_ingest: datetime | None
