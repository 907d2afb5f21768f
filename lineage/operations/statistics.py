"""The operations of one run, counted: bounded, one entry per system, operation and target; with costs.

An operation that contains others of its kind and system counts what they do not. Operations are counted
late, the latest ones when the run ends: what is said of them after their block still counts.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from lineage import facets as own
from lineage._guard import guard, logger
from lineage.datasets import Dataset
from lineage.operations.datasets import dataset_of
from lineage.operations.names import reads, writes
from lineage.operations.objects import Objects, names_around
from lineage.operations.operation import MEASURES, Operation

if TYPE_CHECKING:
    from lineage.attribution.statistics import QueryStatistics
    from lineage.events import RunFacts

MAX_ENTRIES = 200
"""Operations of further kinds are counted together, as `omitted`."""

MAX_ACTORS = 200
MAX_DATASETS = 1_000
"""Further datasets of a run are left out, with a line in the log."""

MAX_QUERY_IDS = 20
MAX_OPEN = 1_000
"""How many of a run's latest operations can still be told more of; older ones are counted for good."""

_Key = tuple[str, str, str, str, str | None]


def operations_of(statistics: QueryStatistics) -> OperationStatistics:
    """Return where the operations of a run are counted."""
    found = statistics.others.get("operations")
    if not isinstance(found, OperationStatistics):
        found = statistics.others["operations"] = OperationStatistics(statistics)
    return found


class _Counted:
    """Operations counted together: how many, how they ended, what they took, measured and cost."""

    __slots__ = (
        "cancelled",
        "cost",
        "count",
        "errors",
        "max_ms",
        "measures",
        "query_ids",
        "total_ms",
    )

    def __init__(self) -> None:
        self.count = self.errors = self.cancelled = 0
        self.total_ms = self.max_ms = 0.0
        self.measures: dict[str, int] = {}
        self.cost: float | None = None
        self.query_ids: dict[str, None] = {}

    def add(self, operation: Operation, measures: dict[str, int], cost: float | None) -> None:
        took = operation.duration_ns / 1e6
        self.count += 1
        self.errors += operation.status == "error"
        self.cancelled += operation.status == "cancelled"
        self.total_ms += took
        self.max_ms = max(self.max_ms, took)
        for name, value in measures.items():
            self.measures[name] = self.measures.get(name, 0) + value
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost
        if operation.query_id is not None and len(self.query_ids) < MAX_QUERY_IDS:
            self.query_ids[operation.query_id] = None

    def wire(self) -> own.OperationCounts:
        return own.OperationCounts(
            count=self.count,
            errors=self.errors,
            cancelled=self.cancelled,
            totalDurationMs=round(self.total_ms, 3),
            maxDurationMs=round(self.max_ms, 3),
            **{_WIRE[name]: value for name, value in self.measures.items()},
        )

    def rounded_cost(self) -> float | None:
        return None if self.cost is None else round(self.cost, 12)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_NAMING = (
    "kind",
    "system",
    "operation_name",
    "namespace",
    "database",
    "schema",
    "table",
    "account",
    "bucket",
    "key",
    "destination",
    "dataset",
)
"""What tells operations apart that may be on different datasets."""

_AZURE = re.compile(r"abfss?://([^@]+)@([^.]+)\.dfs\.core\.windows\.net")

_WIRE = {name: _camel(name) for name in MEASURES}


class OperationStatistics:
    """What the operations of one run come to, and what was said of the run."""

    def __init__(self, run: QueryStatistics) -> None:
        self._run = run
        self._open: deque[Operation] = deque()
        self._entries: dict[_Key, _Counted] = {}
        self._vendors: dict[str, _Counted] = {}
        self._actors: dict[str, _Counted] = {}
        self._omitted = _Counted()
        self._total = _Counted()
        self._in_queries: dict[str, int] = {}
        self._said: dict[str, dict[str, Any]] = {}
        self._naming: dict[tuple[Any, ...], Operation] = {}
        self._objects: dict[tuple[bool, str], Objects] = {}
        self._etags: dict[tuple[bool, str, str], str] = {}
        self._cost_in_queries: float | None = None
        self._too_many = False

    def add(self, operation: Operation) -> None:
        """Take an operation over, to be counted later."""
        self._open.append(operation)
        if len(self._open) > MAX_OPEN:
            self._count(self._open.popleft())

    def say(self, kind: str, known: dict[str, Any]) -> None:
        """Keep what was said of the run: metrics complete earlier ones, an outcome takes the place of one."""
        before = self._said.get(kind, {}) if kind == "metrics" else {}
        self._said[kind] = before | known

    def put(self, facts: RunFacts) -> None:
        """Give the run that ends its facet and the datasets of its operations."""
        while self._open:
            self._count(self._open.popleft())
        with guard("naming the datasets of operations"):
            self._put_datasets(facts)
        with guard("telling what operations come to"):
            facts.run_facets["lineageGraph_operations"] = self._facet()

    def _count(self, operation: Operation) -> None:
        operation.counted = True
        with guard("counting an operation"):
            measures = operation.own_measures()
            cost = self._cost(operation, measures)
            vendor = operation.vendor
            key = (operation.kind, operation.system, vendor, operation.operation_name, operation.target)
            entry = _of(self._entries, key, MAX_ENTRIES) or self._omitted
            for counted in (entry, self._total, _of(self._vendors, vendor, MAX_ENTRIES)):
                if counted is not None:
                    counted.add(operation, measures, cost)
            actor = operation.scope.attribution.actor if operation.scope is not None else None
            if actor is not None and (his := _of(self._actors, actor, MAX_ACTORS)) is not None:
                his.add(operation, measures, cost)
            self._share_cost(operation, cost)
            for name, value in operation.also_in_queries().items():
                self._in_queries[name] = self._in_queries.get(name, 0) + value
            if _moved_data(operation):
                self._keep_named(operation)

    def _keep_named(self, operation: Operation) -> None:
        """Keep one operation of those that name the same dataset, until the run's other ones are known."""
        if operation.found:
            self._keep_found(operation)
            return
        names = tuple(getattr(operation, name, None) for name in _NAMING)
        if names in self._naming:
            return
        if len(self._naming) < MAX_DATASETS:
            self._naming[names] = operation
        elif not self._too_many:
            self._too_many = True
            logger.warning("A run names over %s datasets in operations; the rest is left out.", MAX_DATASETS)

    def _keep_found(self, operation: Operation) -> None:
        """Keep the objects that an integration has seen, as few names as are needed."""
        written = writes(operation.kind, operation.operation_name)
        named = [] if operation.dataset is None else [(written, operation.dataset)]
        for is_output, dataset in (*named, *((False, source) for source in operation.copied_from)):
            place = (is_output, dataset.namespace)
            if place in self._objects or len(self._objects) < MAX_DATASETS:
                self._objects.setdefault(place, Objects()).add(dataset.name)
        if operation.etag is not None and operation.dataset is not None:
            of = (written, operation.dataset.namespace, operation.dataset.name)
            if of in self._etags or len(self._etags) < MAX_DATASETS:
                self._etags[of] = operation.etag

    def _cost(self, operation: Operation, measures: dict[str, int]) -> float | None:
        within = tuple(filter(None, (operation.target, operation.operation_name)))
        own_ns = max(0, operation.duration_ns - operation.inner_ns)
        priced = {**measures, "count": operation.requests, "duration_ns": own_ns}
        path, vendor, system = operation.config.prices, operation.vendor, operation.system
        return self._run.prices.cost(path, vendor, system, within, priced)

    def _share_cost(self, operation: Operation, cost: float | None) -> None:
        """Have the queries inside an operation cost what it cost: it knows more, as the bytes scanned.

        Where they are of several kinds nobody can tell which of them cost it: each costs what it knows.
        """
        if cost is None or not operation.queries_in:
            return
        known = operation.queries_cost
        run, counted = operation.queries_in[0]
        if len(operation.queries_in) == 1 and run is self._run:
            counted.add_cost(max(0.0, cost - (known or 0.0)))
        elif known is None:
            return
        else:
            cost = min(cost, known)
        self._cost_in_queries = (self._cost_in_queries or 0.0) + cost

    def _put_datasets(self, facts: RunFacts) -> None:
        from lineage.events import DatasetFacts

        known = [namespace for side in (facts.inputs, facts.outputs) for namespace, _ in list(side)]
        for operation in self._naming.values():
            if (dataset := dataset_of(operation, known)) is None:
                continue
            side = facts.outputs if writes(operation.kind, operation.operation_name) else facts.inputs
            side.setdefault((dataset.namespace, dataset.name), DatasetFacts(dataset))
        for (is_output, namespace), objects in self._objects.items():
            side = facts.outputs if is_output else facts.inputs
            # A library that reads a folder by a client of its store has told of it already.
            told = {known for place, known in side if _store_of(place) == _store_of(namespace)}
            for name in objects.names:
                if told.isdisjoint(names_around(name)):
                    side[namespace, name] = DatasetFacts(Dataset(namespace, name))
        for (is_output, namespace, name), etag in self._etags.items():
            side = facts.outputs if is_output else facts.inputs
            if (of_object := side.get((namespace, name))) is not None:
                of_object.etag = etag

    def _facet(self) -> own.LineageGraphOperationsRunFacet:
        from lineage.version import PRODUCER

        outcome, metrics = self._said.get("outcome"), self._said.get("metrics")
        return own.LineageGraphOperationsRunFacet(
            operations=[_entry(key, counted) for key, counted in self._entries.items()],
            total=self._total.wire(),
            vendors=[
                own.VendorOperations(name, counted.wire(), counted.rounded_cost())
                for name, counted in self._vendors.items()
            ],
            actors=[
                own.ActorOperations(name, counted.wire(), counted.rounded_cost())
                for name, counted in self._actors.items()
            ]
            or None,
            omitted=self._omitted.wire() if self._omitted.count else None,
            cost=self._total.rounded_cost(),
            currency=self._run.prices.currency if self._total.cost is not None else None,
            inQueries=self._also_in_queries() or None,
            metrics=_camels(metrics) if metrics else None,
            outcome=_camels(outcome) if outcome else None,
            producer=PRODUCER,
        )

    def _also_in_queries(self) -> dict[str, float]:
        found: dict[str, float] = _camels(self._in_queries)
        if self._cost_in_queries is not None:
            found["cost"] = round(self._cost_in_queries, 12)
        return found


def _store_of(namespace: str) -> str:
    """Return a namespace as one of those that a container of Azure has: file systems name its other one."""
    found = _AZURE.fullmatch(namespace)
    return f"wasbs://{found[1]}@{found[2]}.blob.core.windows.net" if found is not None else namespace


def _of(table: dict[Any, _Counted], key: Any, limit: int) -> _Counted | None:
    found = table.get(key)
    if found is None and len(table) < limit:
        found = table[key] = _Counted()
    return found


def _moved_data(operation: Operation) -> bool:
    """Whether it makes lineage: one that failed does when it tells of what it moved nevertheless."""
    kind, name = operation.kind, operation.operation_name
    if not (reads(kind, name) or writes(kind, name) or operation.copied_from):
        return False
    return operation.status == "ok" or any(operation.measures.values())


def _entry(key: _Key, counted: _Counted) -> own.CountedOperation:
    kind, system, vendor, operation, target = key
    return own.CountedOperation(
        kind=kind,
        system=system,
        vendor=vendor,
        operation=operation,
        counts=counted.wire(),
        target=target,
        cost=counted.rounded_cost(),
        queryIds=list(counted.query_ids) or None,
    )


def _camels(known: dict[str, Any]) -> dict[str, Any]:
    return {_camel(name): value for name, value in known.items()}
