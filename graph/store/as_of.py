"""The graph as of an earlier time: what the same rules give for the events up to it, whenever they arrived.

Nothing is kept for it. What an owner (a job, or a dataset that declares its lineage) had said is worked out
from its runs and events when a question first touches it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

from graph.errors import InvalidQueryError
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
from graph.store import _dropped as drops
from graph.store import _history as history
from graph.store import _queries as ran
from graph.store import _reading as read
from graph.store._edges import to_edges
from graph.store._log import LogReader
from graph.store._memory import Memory
from graph.store._past_edges import PastEdges
from graph.store._past_facets import PastForms
from graph.store._past_reading import PastReading
from graph.store._past_runs import PastRuns, Understand
from graph.store._writers import Known
from graph.store.base import LineageReader
from graph.store.commands import Annotations
from graph.store.database import Database
from graph.store.history import Assertions, JobRun, Version
from graph.store.known_reader import KnownReader
from graph.store.queries import QueryFilter, QueryRecord
from graph.store.retention import Removal
from graph.store.search import SearchHit, SearchPlace

_FIELD_ENDS = (EdgeKind.FIELD, EdgeKind.USES)


class AsOfReader(KnownReader):
    """Reads a store as of a time; it belongs to the store's connection and thread.

    SQL counts as it is read today, with the columns that are known today. What commands say is that of today
    too, also what they delete; and so are further names of datasets, what search finds, and what the store
    holds. Of a run that told of its queries again later nothing is said of these.
    """

    def __init__(
        self,
        now: LineageReader,
        db: Database,
        time: datetime,
        understand: Understand,
        *,
        errors: Callable[[], AbstractContextManager[None]],
        transformation: Callable[[int], Transformation | None],
    ) -> None:
        """Raise InvalidQueryError where the time has no zone or lies before the horizon."""
        if time.tzinfo is None:
            raise InvalidQueryError(f"{time.isoformat()} has no time zone: as of which time is not clear")
        horizon = now.horizon()
        if horizon is not None and time < horizon:
            raise InvalidQueryError(
                f"nothing can be said as of {time.isoformat()}: events before {horizon.isoformat()} were"
                " removed from the store; ask for that time or a later one"
            )
        self.location = now.location
        self.format = now.format
        self.time = time
        self._now = now
        self._db = db
        self._guarding = errors
        self._transformation = transformation
        self._until = history.nanoseconds_until(time)
        log, memory = LogReader(db), Memory()
        runs = PastRuns(db, log, memory, self._until, understand)
        self._log, self._then = log, Known(db, self._until, runs)
        self._forms = PastForms(db, log, self._until, understand, runs)
        self._edges = PastEdges(db, memory, self._until, runs, self._forms)
        self._runs = PastReading(db, runs, time)

    @property
    def _known(self) -> Known:
        return self._then

    def _errors(self) -> AbstractContextManager[None]:
        return self._guarding()

    def lookup(self, node: Node) -> Node | None:
        """See LineageReader."""
        with self._errors():
            found = read.lookup(self._db, node)
            return found if found is not None and self._there({found.key: found}) else None

    def named(self, name: str, types: Collection[NodeType]) -> list[Node]:
        """See LineageReader."""
        with self._errors():
            return read.named(self._db, name, types, self._known_entities)

    def all_nodes(
        self, types: Collection[NodeType], *, after: int = -1, limit: int = 1000
    ) -> list[tuple[int, Node]]:
        """See LineageReader."""
        found: list[tuple[int, Node]] = []
        with self._errors():
            while len(found) < limit and (page := read.all_nodes(self._db, types, after, limit)):
                after = page[-1][0]
                known = self._there(dict(page))
                found += [(key, node) for key, node in page if key in known]
        return found[:limit]

    def nodes(self, keys: Collection[int]) -> dict[int, Node]:
        """See LineageReader; a key that another reader gave may be that of a later node."""
        with self._errors():
            return read.nodes(self._db, keys)

    def fields(self, dataset: Node) -> list[Node]:
        """See LineageReader."""
        with self._errors():
            names = read.nodes(self._db, history.columns(self._db, [dataset.key]))
            linked = {
                edge[end]
                for kind in _FIELD_ENDS
                for end, way in ((0, Direction.DOWNSTREAM), (1, Direction.UPSTREAM))
                for edge in self._edges.incident(names, kind, way)
            }
            schema = self._forms.facets([dataset.key], "schema").get(dataset.key, {})
            return read.in_order(dataset, schema, {names[key].field or "" for key in linked & names.keys()})

    def closure(
        self, keys: Collection[int], kind: EdgeKind, direction: Direction, depth: int | None = None
    ) -> list[Edge]:
        """See LineageReader."""
        with self._errors():
            rows = self._edges.closure(keys, kind, direction, depth)
            return list(to_edges(kind, rows, self._transformation))

    def incident(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Edge]:
        """See LineageReader."""
        with self._errors():
            rows = self._edges.incident(keys, kind, direction)
            return list(to_edges(kind, rows, self._transformation))

    def links(self, fields: Collection[int], direction: Direction) -> list[Link]:
        """See LineageReader."""
        found = self.incident(fields, EdgeKind.FIELD, direction)
        return [(edge.source, edge.target, edge.transformation) for edge in found]

    def edges(self, kind: EdgeKind) -> Iterable[Edge]:
        """See LineageReader."""
        with self._errors():
            yield from to_edges(kind, self._edges.whole(kind), self._transformation)

    def facets(self, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        """See LineageReader."""
        with self._errors():
            return self._forms.facets(keys, name)

    def _told_parents(self, jobs: Collection[int]) -> dict[int, int]:
        return self._runs.parents(jobs)

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
            return self._runs.runs(jobs, states, (since, until), after, limit)

    def count_runs(self, *, since: datetime, until: datetime) -> dict[RunState, int]:
        """See LineageReader."""
        with self._errors():
            return self._runs.count_runs(since, until)

    def last_heard(self, keys: Collection[int]) -> dict[int, datetime]:
        """See LineageReader."""
        with self._errors():
            said = self._forms.mentioning(keys)
            later = [form for forms in said.values() for form, last in forms.items() if last > self._until]
            exact = self._forms.last_said(later)
            times = {
                key: max(exact.get(form, last) for form, last in forms.items()) for key, forms in said.items()
            }
            return {key: at for key, time in times.items() if (at := read.moment(time)) is not None}

    def horizon(self) -> datetime | None:
        """See LineageReader."""
        return self._now.horizon()

    def latest_event_time(self) -> datetime | None:
        """See LineageReader."""
        with self._errors():
            latest = history.latest_event_time(self._db)
            if latest is None or latest <= self.time:
                return latest
            row = self._db.execute(
                "SELECT max(event_time) FROM event WHERE event_time <= ?", (self._until,)
            ).fetchone()
            return read.moment(row[0])

    def columns(self, datasets: Collection[int]) -> dict[int, int]:
        """See LineageReader."""
        with self._errors():
            return {
                field: dataset for dataset in set(datasets) for field in self._forms.known_fields(dataset)
            }

    def writers(self, datasets: Collection[int]) -> dict[int, set[int]]:
        """See LineageReader."""
        with self._errors():
            writers = {
                dataset: {job for job, shape, owner in each if shape in self._forms.shapes_of(owner)}
                for dataset, each in history.shapes_that_write(self._db, datasets).items()
            }
            return history.without_hidden(self._db, writers)

    def job_runs(self, jobs: Collection[int], *, until: datetime, limit: int) -> list[JobRun]:
        """See LineageReader."""
        with self._errors():
            return self._runs.job_runs(jobs, until, limit)

    def assertions(self, datasets: Collection[int], *, until: datetime, limit: int) -> list[Assertions]:
        """See LineageReader."""
        with self._errors():
            return self._runs.assertions(datasets, self._forms.owners_at(datasets), until, limit)

    def versions(self, entities: Collection[int], *, until: datetime) -> list[Version]:
        """See LineageReader."""
        with self._errors():
            if until < self.time:
                return history.versions(self._db, entities, until)
            return history.versions(self._db, entities, self.time, self._forms.last_said)

    def queries(
        self, asked: QueryFilter, *, after: tuple[int, int] | None = None, limit: int = 100
    ) -> list[QueryRecord]:
        """See LineageReader."""
        with self._errors():
            told_by = self.time if asked.told_by is None else min(asked.told_by, self.time)
            return ran.find(self._db, replace(asked, told_by=told_by), after, limit)

    def counts(self) -> StoreCounts:
        """See LineageReader."""
        return self._now.counts()

    def size(self) -> int:
        """See LineageReader."""
        return self._now.size()

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
        return self._now.search(
            text, types=types, namespaces=namespaces, tags=tags, owners=owners, after=after, limit=limit
        )

    def unindexed(self) -> int:
        """See LineageReader."""
        return self._now.unindexed()

    def dropped(self, datasets: Collection[int]) -> dict[int, datetime]:
        """See LineageReader."""
        with self._errors():
            return drops.dropped_then(self._known, self._log, datasets)

    def removals(self) -> list[Removal]:
        """See LineageReader."""
        return self._now.removals()

    def annotations(self, keys: Collection[int]) -> dict[int, Annotations]:
        """See LineageReader."""
        with self._errors():
            return commanding.annotated(self._db, keys, self._forms.facets)

    def deleted(self) -> list[Node]:
        """See LineageReader."""
        return self._now.deleted()

    def close(self) -> None:
        """Do nothing: the connection is the store's."""

    def _known_entities(self, keys: set[int]) -> set[int]:
        found = self._forms.known_entities(keys)
        above = self._db.execute(
            "SELECT p.parent FROM each_key(:keys) AS k CROSS JOIN job_parent AS p ON p.parent = k.value"
            " AND p.first_time <= :until UNION"
            " SELECT r.root FROM each_key(:keys) AS k CROSS JOIN job_root AS r ON r.root = k.value"
            " AND r.first_time <= :until",
            {"keys": list(keys - found), "until": self._until},
        )
        return found | {parent for (parent,) in above}

    def _there(self, nodes: Mapping[int, Node]) -> set[int]:
        """Return which of these nodes there were."""
        entities = {key for key, node in nodes.items() if node.type is not NodeType.FIELD}
        found = self._known_entities(entities)
        fields: dict[int, set[int]] = defaultdict(set)
        for field, dataset in history.datasets_of(self._db, nodes.keys() - entities).items():
            fields[dataset].add(field)
        for dataset, keys in fields.items():
            found |= keys & self._forms.known_fields(dataset)
        return found
