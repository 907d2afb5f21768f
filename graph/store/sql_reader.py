"""What questions read over a database that runs SQL: the same for every engine."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from graph.errors import DamagedStoreError, StoreError
from graph.nodes import Node, NodeType
from graph.records import (
    Direction,
    Edge,
    EdgeKind,
    Link,
    RunRecord,
    RunState,
    StoreCounts,
    Transformation,
)
from graph.store import _commands as commanding
from graph.store import _deletions as deletions
from graph.store import _dropped as drops
from graph.store import _edges as edges
from graph.store import _hierarchy as hierarchy
from graph.store import _history as past
from graph.store import _pruning as pruning
from graph.store import _queries as ran
from graph.store import _reading as read
from graph.store import _run_reading as run_reading
from graph.store import _search as searching
from graph.store import _search_index as search_index
from graph.store._log import GoneError, LogReader
from graph.store._writers import Known
from graph.store.commands import Annotations
from graph.store.database import Database
from graph.store.history import Assertions, JobRun, Version
from graph.store.known_reader import KnownReader
from graph.store.log_format import DamagedError
from graph.store.queries import QueryFilter, QueryRecord
from graph.store.retention import Removal
from graph.store.search import SearchHit, SearchPlace


class SqlReader(KnownReader):
    """What questions read of a store in a database. It serves one thread."""

    def __init__(self, db: Database, location: str, *, format: int) -> None:
        self.location = location
        self.format = format
        self._db = db
        self._log = LogReader(db)
        self._made = lru_cache(maxsize=100_000)(self._load_made)
        self._transformation = lru_cache(maxsize=100_000)(self._load_transformation)

    @property
    def _known(self) -> Known:
        return Known(self._db)

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
                rows = edges.closure(self._db, keys, kind, direction)
            else:
                rows = edges.closure_to_depth(self._db, keys, kind, direction, depth)
            return list(edges.to_edges(kind, rows, self._made))

    def incident(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Edge]:
        """See LineageReader."""
        with self._errors():
            rows = edges.incident(self._db, keys, kind, direction)
            return list(edges.to_edges(kind, rows, self._made))

    def links(self, fields: Collection[int], direction: Direction) -> list[Link]:
        """See LineageReader."""
        with self._errors():
            rows = edges.links(self._db, fields, direction)
            made = {said: self._made(said) if said else None for said in {row[2] for row in rows}}
            return [(source, target, made[said]) for source, target, said in rows]

    def edges(self, kind: EdgeKind) -> Iterable[Edge]:
        """See LineageReader."""
        with self._errors():
            yield from edges.to_edges(kind, edges.whole(self._db, kind), self._made)

    def facets(self, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        """See LineageReader."""
        with self._errors():
            return read.facets(self._db, keys, name)

    def _told_parents(self, jobs: Collection[int]) -> dict[int, int]:
        return hierarchy.told_parents(self._db, jobs)

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
            return deletions.deleted(self._db)

    def dropped(self, datasets: Collection[int]) -> dict[int, datetime]:
        """See LineageReader."""
        with self._errors():
            return drops.dropped_now(self._db, datasets)

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

    def _load_made(self, number: int) -> Transformation | None:
        return edges.numbered_transformation(self._db, number)

    def _load_transformation(self, key: int) -> Transformation | None:
        return edges.transformation(self._db, key)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._db.errors():
                yield
        except GoneError as error:
            raise StoreError(self.location, "events were removed while they were read: ask again") from error
        except (DamagedError, zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DamagedStoreError(
                self.location,
                f"what it holds is damaged ({error}): restore it, or ingest the events again into a new one",
            ) from error
