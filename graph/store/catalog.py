"""What a catalogue of the store shows: lists of its namespaces, datasets, jobs and runs, page by page.

Records in, records out, as in `graph.store.base`. Times are UTC. What is deleted is left out of the lists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from graph.nodes import Node, NodeType
from graph.records import Direction, EdgeKind, RunRecord, RunState


class Subject(StrEnum):
    """What people declare that is no dataset, field or job; the values are those in commands."""

    NAMESPACE = "namespace"
    SOURCE = "source"
    TAG = "tag"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a command declares of something; `gone` where it was taken back. `at` is the command's time."""

    name: str
    said: Mapping[str, Any]
    gone: bool
    at: datetime


class Heard(NamedTuple):
    """When events first and last named something."""

    first: datetime
    last: datetime


class Page(NamedTuple):
    """A part of a list, and how long the whole list is."""

    entries: list[tuple[int, Node]]
    """Key and node of each."""

    total: int


class ListedRun(NamedTuple):
    """A run, and the time of its first event."""

    record: RunRecord
    began: datetime


class ListedRuns(NamedTuple):
    """Some runs of a job, and how many it has."""

    runs: list[ListedRun]
    total: int


class Given(NamedTuple):
    """A tag that a command gives to a dataset, a job or a field, or takes (`gone`)."""

    field: str | None
    name: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Jobs and datasets around one of them, by key, and the edges between them as pairs of keys."""

    jobs: Mapping[int, Node]
    datasets: Mapping[int, Node]
    reads: Sequence[tuple[int, int]]
    """Dataset and job."""

    writes: Sequence[tuple[int, int]]
    """Job and dataset."""

    beyond: int
    """How many more were reached than are here."""


class Named(NamedTuple):
    """A dataset or job that a name search found, and when events last named it."""

    node: Node
    last: datetime | None


class Catalog(Protocol):
    """Lists of what a store knows. Methods raise StoreError when the store cannot be read."""

    def namespaces(self, only: str | None = None) -> dict[str, Heard | None]:
        """Return the namespaces of all datasets and jobs (or this one) by name, with when events named them.

        None where no event did.
        """

    def has_namespace(self, name: str) -> bool:
        """Tell whether a dataset or job has this namespace, also one that is deleted."""

    def declared(self, subject: Subject, name: str | None = None) -> list[Declared]:
        """Return what people declared of all of a kind, or of the one with this name; by name."""

    def declared_of(self, keys: Collection[int]) -> dict[int, Mapping[str, Any]]:
        """Return what people declared of these datasets and jobs, by key; others are left out."""

    def tags_given(self, keys: Collection[int]) -> dict[int, list[Given]]:
        """Return the tags that commands give to these datasets and jobs and to the fields of the datasets."""

    def tags(self) -> list[str]:
        """Return the names of all tags that events or commands give to anything, sorted."""

    def sources(self) -> dict[str, tuple[str, int]]:
        """Return the data sources that facets name: by name the URI and the key of one of its datasets."""

    def first_without_source(self) -> datetime | None:
        """Return when a dataset without a dataSource facet was first named, None where all have one."""

    def datasets(self, namespace: str, *, limit: int, offset: int) -> Page:
        """Return datasets of a namespace by name, each under the name that stands for it in the graph.

        Those that nothing reads or writes, and that only column lineage names, are left out. Of a namespace
        that is in no node: the datasets that have another name in it.
        """

    def jobs(
        self, namespace: str | None, *, states: Collection[RunState] | None, limit: int, offset: int
    ) -> Page:
        """Return jobs of a namespace (None: of all), the one that an event named last first.

        With `states` only those whose latest run is in one of them, and those without a run; `total` counts
        all jobs. A run that is known as a parent alone is RUNNING.
        """

    def heard(self, keys: Collection[int]) -> dict[int, Heard]:
        """Return when events named these datasets and jobs; others are left out."""

    def facets(
        self, keys: Collection[int], names: Collection[str] | None = None
    ) -> dict[int, dict[str, bytes]]:
        """Return the current facets of datasets and jobs (of these names) by key, each as a JSON object."""

    def ends(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[tuple[int, int]]:
        """Return source and target of the edges of `LineageReader.incident`, each pair once."""

    def neighbourhood(self, start: int, *, depth: int, limit: int, counted: int) -> Neighbourhood:
        """Return the `limit` nearest jobs and datasets around a job or dataset, walking either way.

        It is a walk over what jobs read and write, `depth` jobs far from the first: that at the start, or
        those at the dataset. Of two that are equally near the one with the lesser key comes first. What is
        beyond the limit is counted until there are `counted` in all or some more.
        """

    def runs_of(self, job: int, *, limit: int, offset: int) -> ListedRuns:
        """Return runs of a job, the latest first event first.

        Of a job without events of its runs: those that are known as parents of other runs, see `run`.
        """

    def latest_runs(self, jobs: Collection[int], limit: int) -> dict[int, list[ListedRun]]:
        """Return up to `limit` runs of each job, as `runs_of` does; jobs without runs are left out."""

    def run(self, run_id: str) -> ListedRun | None:
        """Return one run, None where there is none of this id.

        A run of which there is no event, and that other runs named as their parent, is RUNNING since the
        first of these began; its job is the one under which theirs stand now.
        """

    def types_of(self, run_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the event types of the events of each run, upper case; runs without events are left out."""

    def events(
        self,
        *,
        since: datetime,
        before: datetime,
        latest_first: bool,
        limit: int,
        offset: int,
        namespace: str | None = None,
    ) -> list[bytes]:
        """Return events of runs with `since` <= eventTime < `before`, as received, in the order of time.

        With `namespace` only those of jobs in it.
        """

    def count_events(self, *, since: datetime, before: datetime, namespace: str | None = None) -> int:
        """Return how many events of all kinds, or of jobs in a namespace, have such an eventTime."""

    def event_types(self, *, since: datetime, before: datetime) -> dict[tuple[datetime, str], int]:
        """Return how many events of runs there are by quarter of an hour (its beginning) and event type."""

    def first_named(self, type: NodeType) -> list[datetime]:
        """Return when events first named each dataset or job (also as a parent), in order of time.

        A dataset of several names counts once.
        """

    def named_like(self, text: str, types: Collection[NodeType], namespace: str | None) -> list[Named]:
        """Return the datasets and jobs in whose name the text stands, whatever its case; by name."""
