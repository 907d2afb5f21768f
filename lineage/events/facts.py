"""What is known about a run and its datasets, up to now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lineage import facets as own
from lineage.context import RunIdentity
from lineage.datasets import Dataset

if TYPE_CHECKING:
    from lineage.sql.facets import Made
    from lineage.sql.named import SqlText


@dataclass(slots=True)
class DatasetFacts:
    """What a run knows about one of its datasets; `facets` and `io_facets` go on the wire as they are.

    `made` is what it says of how an output is made; None when it says nothing. `etag` is the version that an
    object store gave the object, where an integration was told it.
    """

    dataset: Dataset
    facets: dict[str, Any] = field(default_factory=dict)
    io_facets: dict[str, Any] = field(default_factory=dict)
    made: Made | None = None
    etag: str | None = None


@dataclass(slots=True)
class RunFacts:
    """Everything known about a run up to now."""

    identity: RunIdentity
    started_at: datetime
    parent: RunIdentity | None = None
    root: RunIdentity | None = None
    inputs: dict[tuple[str, str], DatasetFacts] = field(default_factory=dict)
    outputs: dict[tuple[str, str], DatasetFacts] = field(default_factory=dict)
    statements: list[own.Statement] = field(default_factory=list)
    filling: list[SqlText] = field(default_factory=list)
    """The statements read so far that fill temporary tables."""
    statements_read: int = 0
    """Of how many statements the tables and columns have been read and are among what is known."""
    statement_statistics: dict[int, own.StatementStatistics] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    run_facets: dict[str, Any] = field(default_factory=dict)
    job_facets: dict[str, Any] = field(default_factory=dict)
    failed: bool = False
    """Whether it ends otherwise than complete: then it claims no outputs, later ones neither."""
    emitter: Any = None
    """The OpenLineage client or transport that gets the run's events; None for the outbox."""
