"""The contract of a store over a database that runs SQL: the same for every engine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from graph.errors import StoreError
from graph.nodes import Node, NodeType
from graph.records import Direction, Edge, EdgeKind, RunRecord, RunState, StoreCounts, Transformation
from graph.store import _commands as commanding
from graph.store import _deriving as deriving
from graph.store import _early as early
from graph.store import _history as past
from graph.store import _pruning as pruning
from graph.store import _queries as ran
from graph.store import _reading as read
from graph.store import _replaying as replaying
from graph.store import _run_reading as run_reading
from graph.store import _search as searching
from graph.store import _search_index as search_index
from graph.store import _writing as write
from graph.store._claims import KeyCollisionError
from graph.store._log import LogReader, Memory
from graph.store._run_saying import run_saying
from graph.store.as_of import AsOfReader
from graph.store.base import LineageReader
from graph.store.changes import Changes, DeadLetter, Outcome, Reading, Rejected, Underived
from graph.store.commands import Annotations, Command
from graph.store.database import Database
from graph.store.history import Assertions, JobRun, RunSaying, Version
from graph.store.log_format import content_of
from graph.store.queries import QueryFilter, QueryRecord
from graph.store.retention import Policy, Pruned, Removal
from graph.store.search import SearchHit, SearchPlace


class SqlStore:
    """A store in a database. It serves one thread; open another one for each further thread."""

    def __init__(self, db: Database, location: str, *, read_only: bool, format: int, patience: float) -> None:
        self.location = location
        self.read_only = read_only
        self.format = format
        self._db = db
        self._patience = patience
        self._memory = Memory()
        self._log = LogReader(db)
        self._transformation = lru_cache(maxsize=100_000)(self._load_transformation)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    def __enter__(self) -> SqlStore:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def patience(self) -> float:
        """See LineageStore."""
        return self._patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._patience = seconds
        with self._errors():
            self._db.set_patience(seconds)

    # What questions read.

    def lookup(self, node: Node) -> Node | None:
        """See LineageReader."""
        with self._errors():
            return read.lookup(self._db, node)

    def named(self, name: str, types: Collection[NodeType]) -> list[Node]:
        """See LineageReader."""
        with self._errors():
            return read.named(self._db, name, types)

    def all_nodes(
        self, types: Collection[NodeType], *, after: int = -1, limit: int = 1000
    ) -> list[tuple[int, Node]]:
        """See LineageReader."""
        with self._errors():
            return read.all_nodes(self._db, types, after, limit)

    def nodes(self, keys: Collection[int]) -> dict[int, Node]:
        """See LineageReader."""
        with self._errors():
            return read.nodes(self._db, keys)

    def fields(self, dataset: Node) -> list[Node]:
        """See LineageReader."""
        with self._errors():
            return read.fields(self._db, dataset)

    def closure(
        self, keys: Collection[int], kind: EdgeKind, direction: Direction, depth: int | None = None
    ) -> list[Edge]:
        """See LineageReader."""
        with self._errors():
            if depth is None:
                rows = read.closure(self._db, keys, kind, direction)
            else:
                rows = read.closure_to_depth(self._db, keys, kind, direction, depth)
            return list(read.to_edges(kind, rows, self._transformation))

    def incident(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Edge]:
        """See LineageReader."""
        with self._errors():
            rows = read.incident(self._db, keys, kind, direction)
            return list(read.to_edges(kind, rows, self._transformation))

    def edges(self, kind: EdgeKind) -> Iterable[Edge]:
        """See LineageReader."""
        with self._errors():
            yield from read.to_edges(kind, read.whole(self._db, kind), self._transformation)

    def facets(self, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        """See LineageReader."""
        with self._errors():
            return read.facets(self._db, keys, name)

    def parents(self, jobs: Collection[int]) -> dict[int, Node]:
        """See LineageReader."""
        with self._errors():
            return read.parents(self._db, jobs)

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
        """See LineageReader."""
        with self._errors():
            return run_reading.runs(self._db, jobs, states, (since, until), after, limit)

    def count_runs(self, *, since: datetime, until: datetime) -> dict[RunState, int]:
        """See LineageReader."""
        with self._errors():
            return past.count_runs(self._db, since, until)

    def last_heard(self, keys: Collection[int]) -> dict[int, datetime]:
        """See LineageReader."""
        with self._errors():
            return past.last_heard(self._db, keys)

    def horizon(self) -> datetime | None:
        """See LineageReader."""
        with self._errors():
            return pruning.horizon(self._db)

    def run_saying(
        self, run_id: str, understand: Callable[[bytes], Changes | Rejected | Command]
    ) -> RunSaying | None:
        """See LineageStore."""
        with self._errors():
            return run_saying(self._db, self._log, run_id, understand, self._transformation)

    def as_of(
        self, time: datetime, understand: Callable[[bytes], Changes | Rejected | Command]
    ) -> LineageReader:
        """See LineageStore."""
        return AsOfReader(
            self, self._db, time, understand, errors=self._errors, transformation=self._transformation
        )

    def latest_event_time(self) -> datetime | None:
        """See LineageReader."""
        with self._errors():
            return past.latest_event_time(self._db)

    def columns(self, datasets: Collection[int]) -> dict[int, int]:
        """See LineageReader."""
        with self._errors():
            return past.columns(self._db, datasets)

    def writers(self, datasets: Collection[int]) -> dict[int, set[int]]:
        """See LineageReader."""
        with self._errors():
            return past.writers(self._db, datasets)

    def job_runs(self, jobs: Collection[int], *, until: datetime, limit: int) -> list[JobRun]:
        """See LineageReader."""
        with self._errors():
            return past.job_runs(self._db, jobs, until, limit)

    def assertions(self, datasets: Collection[int], *, until: datetime, limit: int) -> list[Assertions]:
        """See LineageReader."""
        with self._errors():
            return past.assertions(self._db, datasets, until, limit)

    def versions(self, entities: Collection[int], *, until: datetime) -> list[Version]:
        """See LineageReader."""
        with self._errors():
            return past.versions(self._db, entities, until)

    def queries(
        self, asked: QueryFilter, *, after: tuple[int, int] | None = None, limit: int = 100
    ) -> list[QueryRecord]:
        """See LineageReader."""
        with self._errors():
            return ran.find(self._db, asked, after, limit)

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
        """See LineageReader."""
        asked = searching.asked_for(text, types, namespaces, tags, owners)
        with self._errors():
            return searching.search(self._db, asked, after, limit)

    def unindexed(self) -> int:
        """See LineageReader."""
        with self._errors():
            return search_index.unindexed(self._db)

    def annotations(self, keys: Collection[int]) -> dict[int, Annotations]:
        """See LineageReader."""
        with self._errors():
            return commanding.annotated(self._db, keys)

    def deleted(self) -> list[Node]:
        """See LineageReader."""
        with self._errors():
            return commanding.deleted(self._db)

    def commands(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, Command]]:
        """See LineageStore."""
        with self._errors():
            return commanding.kept(self._db, after, limit)

    def removals(self) -> list[Removal]:
        """See LineageReader."""
        with self._errors():
            return pruning.removals(self._db)

    def counts(self) -> StoreCounts:
        """See LineageReader."""
        with self._errors():
            return read.counts(self._db)

    def size(self) -> int:
        """See LineageReader."""
        with self._errors():
            return self._db.size()

    def close(self) -> None:
        """See LineageReader."""
        self._db.close()

    # What ingest writes.

    def apply(self, batch: Sequence[Changes | Rejected | Command]) -> list[Outcome]:
        """See LineageStore."""
        with self._transaction():
            return write.apply(self._db, batch, time.time_ns(), self._memory, self._log)

    def underived(self, limit: int, *, after: int = -1) -> list[Underived]:
        """See LineageStore."""
        with self._errors():
            rows = self._db.execute(
                "SELECT key, sql FROM shape WHERE waiting = 1 AND key > ? ORDER BY key LIMIT ?",
                (after, limit),
            )
            return [Underived(key, content_of(bytes(sql))) for key, sql in rows]

    def known_columns(self, datasets: Collection[int]) -> dict[int, tuple[str, ...]]:
        """See LineageStore."""
        with self._errors():
            return deriving.known_columns(self._db, datasets)

    def record_derivations(self, readings: Mapping[int, Reading]) -> None:
        """See LineageStore."""
        with self._transaction():
            deriving.record(self._db, readings, time.time_ns(), self._memory)

    def renew(self, is_older: Callable[[str, str, str], bool]) -> int:
        """See LineageStore."""
        with self._transaction():
            return deriving.renew(self._db, is_older)

    def index(self, limit: int = 200) -> bool:
        """See LineageStore."""
        with self._transaction():
            return search_index.index(self._db, limit)

    def bodies(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        """See LineageStore."""
        with self._errors():
            return self._log.bodies(after, limit)

    def rebuild(
        self,
        understand: Callable[[bytes], Changes | Rejected | Command],
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """See LineageStore."""
        with self._transaction():
            return replaying.replay(self._db, understand, time.time_ns(), self._memory, self._log, progress)

    def prune(
        self,
        policy: Policy,
        understand: Callable[[bytes], Changes | Rejected | Command],
        *,
        dry_run: bool = False,
    ) -> Pruned:
        """See LineageStore."""
        with self._transaction():
            now = time.time_ns()
            return pruning.prune(self._db, policy, understand, now, self._memory, self._log, dry_run=dry_run)

    def early_bodies(self, limit: int) -> list[tuple[int, bytes]]:
        """See LineageStore."""
        with self._errors():
            return early.bodies(self._db, limit)

    def forget_early(self, until: int) -> None:
        """See LineageStore."""
        with self._transaction():
            early.forget(self._db, until)

    def dead_letters(self, *, after: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """See LineageStore."""
        with self._errors():
            return read.dead_letters(self._db, after, limit)

    def dead_letters_like(self, prefix: str, *, limit: int = 2) -> list[DeadLetter]:
        """See LineageStore."""
        with self._errors():
            return read.dead_letters_like(self._db, prefix, limit)

    def remove_dead_letters(self, ids: Collection[str]) -> int:
        """See LineageStore."""
        with self._transaction():
            return write.remove_dead_letters(self._db, ids)

    def _load_transformation(self, key: int) -> Transformation | None:
        return read.transformation(self._db, key)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self.read_only:
            raise StoreError(self.location, "opened read-only: nothing can be written to it")
        try:
            with self._errors(), self._db.transaction():
                yield
        except BaseException:
            self._memory.forget()
            self._log.forget()
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._db.errors():
                yield
        except KeyCollisionError as error:
            raise StoreError(self.location, f"{error}: report this, nothing was kept of the batch") from error
        except replaying.UnreadableLogError as error:
            raise StoreError(
                self.location,
                f"{error}: nothing was changed; use the release that took it in, and report this",
            ) from error
