"""The catalogue of a store in a database that runs SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from graph.nodes import NodeType
from graph.records import Direction, EdgeKind, RunState
from graph.store import _edges as edges
from graph.store import _event_pages as pages
from graph.store import _facet_lists as facet_lists
from graph.store import _listing as listing
from graph.store import _neighbourhood as around
from graph.store import _run_lists as run_lists
from graph.store import _untold_runs as untold
from graph.store._log import LogReader
from graph.store.catalog import (
    Declared,
    Given,
    Heard,
    ListedRun,
    ListedRuns,
    Named,
    Neighbourhood,
    Page,
    Subject,
)
from graph.store.database import Database


class SqlCatalog:
    """See `Catalog`. It belongs to the store's connection and thread."""

    def __init__(
        self, db: Database, log: LogReader, errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._db = db
        self._log = log
        self._errors = errors

    def namespaces(self, only: str | None = None) -> dict[str, Heard | None]:
        """See Catalog."""
        with self._errors():
            return listing.namespaces(self._db, only)

    def has_namespace(self, name: str) -> bool:
        """See Catalog."""
        with self._errors():
            return listing.has_namespace(self._db, name)

    def declared(self, subject: Subject, name: str | None = None) -> list[Declared]:
        """See Catalog."""
        with self._errors():
            return listing.declared(self._db, subject, name)

    def declared_of(self, keys: Collection[int]) -> dict[int, Mapping[str, Any]]:
        """See Catalog."""
        with self._errors():
            return listing.declared_of(self._db, keys)

    def tags_given(self, keys: Collection[int]) -> dict[int, list[Given]]:
        """See Catalog."""
        with self._errors():
            return listing.tags_given(self._db, keys)

    def tags(self) -> list[str]:
        """See Catalog."""
        with self._errors():
            return sorted({*listing.tags(self._db), *facet_lists.tags_in_facets(self._db)})

    def sources(self) -> dict[str, tuple[str, int]]:
        """See Catalog."""
        with self._errors():
            return facet_lists.sources(self._db)

    def first_without_source(self) -> datetime | None:
        """See Catalog."""
        with self._errors():
            return listing.first_without_source(self._db)

    def datasets(self, namespace: str, *, limit: int, offset: int) -> Page:
        """See Catalog."""
        with self._errors():
            return listing.datasets(self._db, namespace, limit, offset)

    def jobs(
        self, namespace: str | None, *, states: Collection[RunState] | None, limit: int, offset: int
    ) -> Page:
        """See Catalog."""
        with self._errors():
            return listing.jobs(self._db, namespace, states, limit, offset)

    def heard(self, keys: Collection[int]) -> dict[int, Heard]:
        """See Catalog."""
        with self._errors():
            return listing.heard(self._db, keys)

    def facets(
        self, keys: Collection[int], names: Collection[str] | None = None
    ) -> dict[int, dict[str, bytes]]:
        """See Catalog."""
        with self._errors():
            return facet_lists.facets(self._db, keys, names)

    def ends(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[tuple[int, int]]:
        """See Catalog."""
        with self._errors():
            return edges.ends(self._db, keys, kind, direction)

    def neighbourhood(self, start: int, *, depth: int, limit: int, counted: int) -> Neighbourhood:
        """See Catalog."""
        with self._errors():
            return around.neighbourhood(self._db, start, depth, limit, counted)

    def runs_of(self, job: int, *, limit: int, offset: int) -> ListedRuns:
        """See Catalog."""
        with self._errors():
            told = run_lists.runs_of(self._db, job, limit, offset)
            return told if told.total else untold.untold_of(self._db, job, limit, offset)

    def latest_runs(self, jobs: Collection[int], limit: int) -> dict[int, list[ListedRun]]:
        """See Catalog."""
        with self._errors():
            told = run_lists.latest_runs(self._db, jobs, limit)
            return told | untold.latest_untold(self._db, set(jobs) - told.keys(), limit)

    def run(self, run_id: str) -> ListedRun | None:
        """See Catalog."""
        with self._errors():
            return run_lists.run(self._db, run_id) or untold.untold_run(self._db, run_id)

    def types_of(self, run_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """See Catalog."""
        with self._errors():
            return run_lists.types_of(self._db, self._log, run_ids)

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
        """See Catalog."""
        page = (limit, offset)
        with self._errors():
            return pages.events(self._db, self._log, (since, before), latest_first, page, namespace)

    def count_events(self, *, since: datetime, before: datetime, namespace: str | None = None) -> int:
        """See Catalog."""
        with self._errors():
            return pages.count_events(self._db, (since, before), namespace)

    def event_types(self, *, since: datetime, before: datetime) -> dict[tuple[datetime, str], int]:
        """See Catalog."""
        with self._errors():
            return pages.event_types(self._db, self._log, (since, before))

    def first_named(self, type: NodeType) -> list[datetime]:
        """See Catalog."""
        with self._errors():
            return listing.first_named(self._db, type)

    def named_like(self, text: str, types: Collection[NodeType], namespace: str | None) -> list[Named]:
        """See Catalog."""
        with self._errors():
            return listing.named_like(self._db, text, types, namespace)
