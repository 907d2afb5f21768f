"""The contract of a store: what questions read (`LineageReader`) and what ingest writes (`LineageStore`).

Everything read is the *current graph* (docs/how-it-works.md): declared edges, those of unfinished runs and
those of each job's latest ten groups of finished runs. Records in, records out: no JSON shapes and no HTTP
words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from graph.nodes import Node, NodeType
from graph.records import Direction, Edge, EdgeKind, Link, RunRecord, RunState, StoreCounts
from graph.store.access import Access
from graph.store.artifacts import ArtifactSeen
from graph.store.catalog import Catalog
from graph.store.chain import Identify, Place, Verified
from graph.store.changes import Changes, DeadLetter, Outcome, Reading, Rejected, Underived
from graph.store.commands import Annotations, Command
from graph.store.history import Assertions, JobRun, RunSaying, Version
from graph.store.queries import QueryFilter, QueryRecord
from graph.store.retention import Policy, Pruned, Removal
from graph.store.search import SearchHit, SearchPlace
from graph.store.versions import (
    CurrentVersion,
    DatasetVersion,
    JobVersion,
    RunAbove,
    RunBelow,
    RunDetails,
)


class LineageReader(Protocol):
    """Read access to the graph. Methods raise StoreError when the store cannot be read."""

    location: str
    """Where the store is, for messages."""

    format: int
    """The number of the format that the store is kept in."""

    def lookup(self, node: Node) -> Node | None:
        """Return the node that this identity stands for, following aliases; None when there is none."""

    def named(self, name: str, types: Collection[NodeType]) -> list[Node]:
        """Return nodes of these types (DATASET, JOB) named `name`, or ending with it after a `.` or `/`.

        Whole-name matches come first and, where there are any, alone; sorted by namespace and name.
        Names as producers sent them (aliases) match too and give the node they stand for.
        """

    def all_nodes(
        self, types: Collection[NodeType], *, after: int = -1, limit: int = 1000
    ) -> list[tuple[int, Node]]:
        """Return (key, node) pairs in key order, starting behind the key `after`."""

    def nodes(self, keys: Collection[int]) -> dict[int, Node]:
        """Return the nodes of these keys; keys that the store does not know are left out."""

    def fields(self, dataset: Node) -> list[Node]:
        """Return the known fields of a dataset: in schema order, then those only lineage names, by name."""

    def closure(
        self, keys: Collection[int], kind: EdgeKind, direction: Direction, depth: int | None = None
    ) -> list[Edge]:
        """Return every edge of `kind` that can be reached from `keys` walking in `direction`, each once.

        `depth` bounds the hops (None: no bound). Cycles end. The order is unspecified.
        """

    def incident(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Edge]:
        """Return the edges of `kind` that leave the keys (DOWNSTREAM) or enter them (UPSTREAM)."""

    def links(self, fields: Collection[int], direction: Direction) -> list[Link]:
        """Return what `incident` does of edges between fields, without who says so; some may come twice."""

    def edges(self, kind: EdgeKind) -> Iterable[Edge]:
        """Yield every current edge of a kind, for whole-graph exports."""

    def facets(self, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        """Return the current facet called `name` (schema, ownership, ...) of these datasets or jobs."""

    def parents(self, jobs: Collection[int]) -> dict[int, Node]:
        """Return the parent job (the task or DAG above it) of those of the jobs that have one."""

    def children(self, jobs: Collection[int]) -> dict[int, list[Node]]:
        """Return the jobs under each of these (of which `parents` gives it), by name; others are left out."""

    def runs_above(self, run_ids: Collection[str]) -> dict[str, tuple[RunAbove, ...]]:
        """Return the runs above each of these, the nearest first: the task, then the DAG.

        Of runs above of which no event was received the facets `parent` and `root` of those below tell.
        """

    def runs_below(self, run_id: str, *, limit: int = 1000) -> list[RunBelow]:
        """Return up to `limit` runs under a run: level by level, then in the order of begin and run id."""

    def run_details(self, run_ids: Collection[str]) -> dict[str, RunDetails]:
        """Return what each of these runs said, with the versions of datasets that it read and wrote.

        It read the version that it names (the facet `version` of an input), else the latest that was there
        when it began: of a run that had ended by then or has no end. Runs without an event are left out.
        """

    def dataset_versions(self, dataset: int, *, offset: int = 0, limit: int = 100) -> list[DatasetVersion]:
        """Return versions of a dataset, the latest first: each run that wrote it made one, unless it failed.

        DatasetEvents that say the same make one, too. They are in the order in which the runs began.
        """

    def count_dataset_versions(self, dataset: int) -> int:
        """Return how many versions of a dataset there are."""

    def current_versions(self, datasets: Collection[int]) -> dict[int, CurrentVersion]:
        """Return the latest version of each of these datasets; those without one are left out."""

    def dataset_version(self, dataset: int, id_: str) -> DatasetVersion | None:
        """Return the version of a dataset that has this id, None where there is none."""

    def job_versions(self, job: int) -> list[JobVersion]:
        """Return the versions of a job, the one of the latest run first.

        Runs and JobEvents with the same inputs, outputs and place of the code make one. Runs that failed or
        were stopped make none.
        """

    def artifacts(self, content: str, *, limit: int = 100) -> list[ArtifactSeen]:
        """Return up to `limit` runs that say that they read or wrote what has this hash, the first one first.

        Of one run there is an entry for each dataset, and for reading and writing. A text that is no content
        hash gives none.
        """

    def runs(
        self,
        *,
        jobs: Collection[int] = (),
        states: Collection[RunState] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Return runs, latest start first (then by run id), of these `jobs` and `states` when not empty.

        They began at or after `since` and by `until`: that is the time of their first event. `after` is the
        run id that the page before ended with.
        """

    def count_runs(self, *, since: datetime, until: datetime) -> dict[RunState, int]:
        """Return how many runs began from `since` to `until`, by the state they are in; those there are."""

    def last_heard(self, keys: Collection[int]) -> dict[int, datetime]:
        """Return when an event last named these jobs and datasets, by key; others are left out."""

    def horizon(self) -> datetime | None:
        """Return the time before which events may be gone, None where the log has all that it ever took."""

    def latest_event_time(self) -> datetime | None:
        """Return the latest time of any event, None when there is none."""

    def columns(self, datasets: Collection[int]) -> dict[int, int]:
        """Return the dataset of each field of these datasets, also of fields that are no more; by keys."""

    def writers(self, datasets: Collection[int]) -> dict[int, set[int]]:
        """Return the jobs of which any event ever named these datasets as outputs, also of failed runs."""

    def job_runs(self, jobs: Collection[int], *, until: datetime, limit: int) -> list[JobRun]:
        """Return up to `limit` runs of each job that began by `until`, the latest first.

        A run that ended later is RUNNING.
        """

    def assertions(self, datasets: Collection[int], *, until: datetime, limit: int) -> list[Assertions]:
        """Return up to `limit` runs that tested each dataset by `until`, the latest first."""

    def versions(self, entities: Collection[int], *, until: datetime) -> list[Version]:
        """Return the schemas of these datasets and code versions of these jobs first said by `until`."""

    def queries(
        self, asked: QueryFilter, *, after: tuple[int, int] | None = None, limit: int = 100
    ) -> list[QueryRecord]:
        """Return queries that programs ran, by kind, summed over runs: the longest time in all first.

        `after` are the total in microseconds and the key of the kind that the page before ended with.
        """

    def search(
        self,
        text: str,
        *,
        types: Collection[NodeType] = (),
        namespaces: Collection[str] = (),
        tags: Collection[str] = (),
        owners: Collection[str] = (),
        after: SearchPlace | None = None,
        limit: int = 100,
    ) -> list[SearchHit]:
        """Return up to `limit` hits, the best first, starting behind the place `after`.

        A hit has every word of `text`, or words that begin so; nothing in it is syntax. `types` are datasets
        and jobs when empty. It is in one of the namespaces, and has all the tags (`key` or `key=value`; of a
        field, its dataset may have them) and owners. `text` may be empty where a tag or owner is given.
        Raises InvalidQueryError when nothing is searched for, or more than 16 words.

        What `unindexed` counts is not found yet, or found by what it said before.
        """

    def unindexed(self) -> int:
        """Return of how many datasets and jobs search does not know the current texts."""

    def annotations(self, keys: Collection[int]) -> dict[int, Annotations]:
        """Return the tags, owners and descriptions of datasets, fields and jobs, as facets and commands say.

        What a command says of a tag, an owner or a description counts over what facets say of it.
        """

    def deleted(self) -> list[Node]:
        """Return the datasets and jobs that are deleted and that no later event has named."""

    def dropped(self, datasets: Collection[int]) -> dict[int, datetime]:
        """Return since when those of the datasets are dropped that events say so of, by key.

        A `lifecycleStateChange` of DROP counts unless its run failed, until a later event describes the
        dataset or one of a run that did not fail names it as output.
        """

    def removals(self) -> list[Removal]:
        """Return the records of what was removed from the log, the first one first."""

    def counts(self) -> StoreCounts:
        """Return how much the store holds."""

    def size(self) -> int:
        """Return how many bytes the store takes where it is kept, indexes included."""

    def close(self) -> None:
        """Give back the connection; the reader cannot be used afterwards."""


class LineageStore(LineageReader, Protocol):
    """A store that can be written; graph/ingest is what writes it.

    Each method is one transaction: it happens whole or, with StoreError, not at all.
    """

    read_only: bool
    """Whether the store refuses to be written."""

    catalog: Catalog
    """Lists of what the store knows; they are those of now, and of the store's thread."""

    access: Access
    """Tokens, and the record of refused and administrative calls; of the store's thread."""

    patience: float
    """How many seconds a write waits for other processes that write before it fails. May be set."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Have all that is read in the block be of the moment of its first reading; nothing is written in it.

        Other processes go on writing. A block within such a block is part of it.
        """

    def as_of(
        self, time: datetime, understand: Callable[[bytes], Changes | Rejected | Command]
    ) -> LineageReader:
        """Return what questions read as of an event time; `understand` says what an event changes.

        It shows what the events up to then give by the same rules, whenever they arrived: runs that ended
        later are unfinished. It uses the store's connection and ends with it. Raises InvalidQueryError where
        the time has no zone, or lies before the horizon.
        """

    def run_saying(
        self, run_id: str, understand: Callable[[bytes], Changes | Rejected | Command]
    ) -> RunSaying | None:
        """Return what one run said on its own, None where there is no such run."""

    def apply(self, batch: Sequence[Changes | Rejected | Command]) -> list[Outcome]:
        """Keep events and commands and bring the graph up to date; return what became of each, in order.

        Applying an event again changes nothing, and the order of events makes no difference to the graph.
        """

    def underived(self, limit: int, *, after: int = -1) -> list[Underived]:
        """Return shapes whose SQL waits to be read, in key order, starting behind the key `after`.

        It waits when it is new, when columns that it was read with have changed, and after `renew`.
        """

    def known_columns(self, datasets: Collection[int]) -> dict[int, tuple[str, ...]]:
        """Return the columns of those of the datasets whose columns are known, by the latest schema facet.

        A facet that leaves out a field which a facet about lineage names does not list all columns: the
        dataset is left out.
        """

    def record_derivations(self, readings: Mapping[int, Reading]) -> None:
        """Keep what was read from the SQL of shapes, by shape key, and bring the graph up to date.

        It takes the place of what was read before. A shape whose SQL waits no more keeps what it has, and one
        that was read with columns which are others by now goes on waiting.
        """

    def renew(self, is_older: Callable[[str, str, str], bool]) -> int:
        """Have SQL read again that was read by an older engine, version or release; return how many shapes.

        `is_older` is asked about each (engine, version of the engine, our release) in the store.
        """

    def index(self, limit: int = 200) -> bool:
        """Have search know the texts of up to `limit` datasets and jobs; tell whether it knows all."""

    def bodies(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        """Return (number, event as received) in the order of arrival, starting behind the number `after`."""

    def rebuild(
        self,
        understand: Callable[[bytes], Changes | Rejected | Command],
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Make everything that follows from the log anew, and return of how many events.

        `understand` says what an event changes; `progress` is told how many were taken in so far. The events,
        their numbers and when they were received stay, and so does what is known of removed ones. Until it is
        done others read what there was before. All SQL waits to be read again. Raises StoreError where
        `understand` rejects an event of the log.
        """

    def verify(
        self,
        identify: Identify,
        place: Place | None = None,
        *,
        limit: int = 5000,
        wanted: Collection[int] = (),
    ) -> Verified:
        """Hold the log against its chain from a place (None: the beginning), for about `limit` records.

        Go on with the place that it returns until `end`. `identify` says what an event is; of the links that
        are `wanted` it tells the values. What is of a time before there was a chain is not looked at.
        """

    def keep_signed(self, make: Callable[[str, Place, int], str]) -> str:
        """Add a signed statement to the log and return it.

        `make` makes it of the id of the log, the place where its chain ends, and the last number, while
        nobody else writes.
        """

    def signed(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, str]]:
        """Return (link, signed statement) in order, starting behind the link `after`."""

    def commands(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, Command]]:
        """Return (number, command) in the order of arrival, starting behind the number `after`.

        Events and commands are numbered together.
        """

    def prune(
        self,
        policy: Policy,
        understand: Callable[[bytes], Changes | Rejected | Command],
        *,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove what the policy names from the log, and from the graph what only that said; return it.

        It is chosen in one transaction and goes in several short ones, between which others write: a removal
        that is broken off has removed a part, and the next one finishes it. A removal is recorded, and events
        that are gone are duplicates when they come again. With `dry_run` nothing is removed.
        """

    def early_bodies(self, limit: int) -> list[tuple[int, bytes]]:
        """Return (number, event) of the first events that an earlier format left to be taken in again."""

    def forget_early(self, until: int) -> None:
        """Forget early events up to a number: they have been taken in."""

    def dead_letters(self, *, after: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """Return what was rejected, the latest first, starting behind the letter whose id is `after`."""

    def dead_letters_like(self, prefix: str, *, limit: int = 2) -> list[DeadLetter]:
        """Return dead letters whose id begins with `prefix` (hexadecimal digits), by id."""

    def remove_dead_letters(self, ids: Collection[str]) -> int:
        """Forget dead letters for good and return how many there were."""
