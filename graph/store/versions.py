"""Versions of datasets and jobs, and what single runs said: as questions get them.

Nothing of this is kept by itself: it is worked out of runs and events when it is asked for. The id of a
version is a UUID made of what makes it one, so it is the same in every store that took the same events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graph.nodes import Node
from graph.records import RunRecord, RunState
from graph.store._version_ids import of_schema

FacetsByName = Mapping[str, Any]
"""Facets as JSON values, by name."""


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """What a dataset was after a run wrote it, or as DatasetEvents described it.

    `at` is when it was there: the end of the run, of an unfinished one its first event; of DatasetEvents the
    first that said so. `run_id` and `job` (its key) made it, None for DatasetEvents. `told` is the version
    that the producer gives it (`datasetVersion`), `lifecycle` the state change that it told, such as CREATE.
    `schema` is the schema facet: where the run gives none, that of the version before. `facets` are what the
    run, or the DatasetEvents, said of it.
    """

    id: str
    dataset: int
    at: datetime
    run_id: str | None
    job: int | None
    told: str | None
    lifecycle: str | None
    schema: FacetsByName | None
    facets: FacetsByName = field(default_factory=dict)

    @property
    def schema_version(self) -> str | None:
        """The same for the same fields and types; None where there are none."""
        return of_schema(self.schema)


@dataclass(frozen=True, slots=True)
class CurrentVersion:
    """The latest version of a dataset: its id, and the run that made it; None for DatasetEvents."""

    id: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class JobVersion:
    """What a job read and wrote, and where its code was, over some of its runs (or as JobEvents declared it).

    `first` is when the first of these runs began and `last` when the last one did; `latest_run` is that one,
    None where only JobEvents said so. `inputs` and `outputs` are keys of datasets. `location` is the URL of
    its code.
    """

    id: str
    job: int
    first: datetime
    last: datetime
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    location: str | None
    latest_run: str | None


@dataclass(frozen=True, slots=True)
class UsedVersion:
    """The version of a dataset that a run read or wrote.

    `id` is that of the version: None where no version is known, as of an output of a run that failed. `told`
    is as in DatasetVersion. `run_id` made it, None where that is not known. `facets` are what the run said of
    the dataset, `own` its inputFacets or outputFacets.
    """

    dataset: int
    id: str | None
    told: str | None
    run_id: str | None
    facets: FacetsByName = field(default_factory=dict)
    own: FacetsByName = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunDetails:
    """What one run said: its facets, those of its job, and the versions that it read and wrote.

    `job_version` is the id of the job's version, None of a run that did not complete. `job` is the key of its
    job, `began` the time of its first event; None where it is known as the parent of others alone.
    """

    run_id: str
    facets: FacetsByName
    job_facets: FacetsByName
    inputs: tuple[UsedVersion, ...]
    outputs: tuple[UsedVersion, ...]
    job_version: str | None
    job: int | None = None
    state: RunState = RunState.RUNNING
    began: datetime | None = None
    ended: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunAbove:
    """A run that stands above another one; `state` is None where no event of it was received."""

    run_id: str
    job: Node | None
    state: RunState | None


@dataclass(frozen=True, slots=True)
class RunBelow:
    """A run under another one; `depth` is 1 where that is its parent."""

    depth: int
    run: RunRecord
