"""What an event says about lineage, as claims: inputs and outputs, lineage facets, column lineage, SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from graph import nodes
from graph.ingest.event import Entity, Event
from graph.nodes import Node
from graph.records import EdgeKind, Origin, Transformation
from graph.store.changes import Alias, Claim, Shape
from graph.store.field_names import column_names, field_names
from graph.store.form_facets import dataset_node
from graph.store.texts import is_long_name
from lineage.sql.named import STATEMENTS_FACET, statements_of

_DATASET_FACETS = ("schema", "columnLineage", "lineage")
_JOB_FACETS = ("sql", STATEMENTS_FACET, "lineage")


def shape_content(event: Event) -> Any:
    """Return the part of an event that its shape is made of; equal content gives equal shapes."""

    def dataset(entity: Entity | None) -> Any:
        if entity is None:
            return None
        facets = {name: entity.facets[name] for name in _DATASET_FACETS if name in entity.facets}
        return entity.namespace, entity.name, facets

    job = event.job
    return (
        int(event.kind),
        (job.namespace, job.name, {n: job.facets[n] for n in _JOB_FACETS if n in job.facets})
        if job
        else None,
        dataset(event.dataset),
        [dataset(one) for one in event.inputs or ()],
        [dataset(one) for one in event.outputs or ()],
    )


def build_shape(event: Event) -> Shape:
    """Return all that an event says about lineage."""
    builder = _Builder(event)
    builder.listed()
    builder.lineage_facets()
    if builder.covered is None:
        builder.column_facets()
    covered = None if builder.covered is None else tuple(sorted(builder.covered))
    return Shape(
        tuple(sorted(builder.claims, key=_order)),
        builder.nodes,
        tuple(sorted(builder.aliases)),
        covered,
        _sql(event),
        frozenset(builder.schema_fields),
    )


def _order(claim: Claim) -> tuple[int, int, int, int, str]:
    return claim.origin, claim.kind, claim.source, claim.target, repr(claim.transformation)


class _Builder:
    """Collects claims together with the nodes and aliases they name."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.claims: set[Claim] = set()
        self.nodes: dict[int, Node] = {}
        self.aliases: set[Alias] = set()
        self.covered: set[int] | None = None
        self.columns: dict[int, list[str]] = {}
        """By dataset: the fields that this event's schema facets give it."""
        self.schema_fields: set[int] = set()
        self.job = self._job(event.job.namespace, event.job.name) if event.job else None

    def listed(self) -> None:
        """Claim what the event lists as inputs and outputs."""
        for entity in self.event.inputs or ():
            self._reads(self._entity(entity), Origin.LISTED)
        for entity in self.event.outputs or ():
            self._writes(self._entity(entity), Origin.LISTED)
        if self.event.dataset is not None:
            self._entity(self.event.dataset)

    def lineage_facets(self) -> None:
        """Claim what explicit lineage facets say; from then on the event covers the datasets they name."""
        own = [self.event.dataset] if self.event.dataset else []
        for entity in (*own, *(self.event.inputs or ()), *(self.event.outputs or ())):
            if "lineage" in entity.facets:
                self.covered = self.covered or set()
                self._dataset_entry(self._dataset(entity.namespace, entity.name), entity.facets["lineage"])
        if self.event.job is None or "lineage" not in self.event.job.facets:
            return
        self.covered = self.covered or set()
        for entry in _objects(self.event.job.facets["lineage"].get("entries")):
            if entry.get("type") == "JOB":
                self._job_entry(entry)
            elif (target := self._named_dataset(entry)) is not None:
                self._writes(target, Origin.LINEAGE_FACET)
                for source in self._dataset_entry(target, entry):
                    self._reads(source, Origin.LINEAGE_FACET)

    def _dataset_entry(self, target: int, entry: Mapping[str, Any]) -> set[int]:
        """Claim what feeds one target dataset, and return its source datasets."""
        assert self.covered is not None
        self.covered.add(target)
        fields = _mapping(entry.get("fields"))
        columns = dict.fromkeys([*self.columns.get(target, ()), *fields])
        sources = set()
        for one in _objects(entry.get("inputs")):
            sources |= self._source(target, one, columns, "INDIRECT")
        for column, field in fields.items():
            for one in _objects(_mapping(field).get("inputs")):
                sources |= self._source(target, one, [column], "")
        for source in sources:
            self.claims.add(Claim(Origin.LINEAGE_FACET, EdgeKind.FEEDS, source, target))
        return sources

    def _source(self, target: int, one: Mapping[str, Any], columns: Iterable[str], default: str) -> set[int]:
        if one.get("type") == "JOB":
            writer = self._named_job(one)
            if writer is not None:
                self.claims.add(Claim(Origin.LINEAGE_FACET, EdgeKind.WRITES, writer, target))
            return set()
        source = self._named_dataset(one)
        if source is None:
            return set()
        self._field_edges(Origin.LINEAGE_FACET, source, one, target, columns, default)
        return {source}

    def _job_entry(self, entry: Mapping[str, Any]) -> None:
        target = self._named_job(entry)
        for one in _objects(entry.get("inputs")):
            source = self._named_dataset(one) if one.get("type") != "JOB" else None
            if target is not None and source is not None:
                self.claims.add(Claim(Origin.LINEAGE_FACET, EdgeKind.READS, source, target))

    def column_facets(self) -> None:
        """Claim what columnLineage facets of the outputs (or of a DatasetEvent's dataset) say."""
        own = [self.event.dataset] if self.event.dataset else []
        for entity in (*own, *(self.event.outputs or ())):
            facet = entity.facets.get("columnLineage", {})
            target = self._dataset(entity.namespace, entity.name)
            fields = _mapping(facet.get("fields"))
            for column, field in fields.items():
                for one in _objects(_mapping(field).get("inputFields")):
                    self._column_edges(one, target, [column], _mapping(field))
            columns = dict.fromkeys([*self.columns.get(target, ()), *fields])
            for one in _objects(facet.get("dataset")):
                self._column_edges(one, target, columns, {}, "INDIRECT")

    def _column_edges(
        self,
        one: Mapping[str, Any],
        target: int,
        columns: Iterable[str],
        deprecated: Mapping[str, Any],
        default: str = "",
    ) -> None:
        source = self._named_dataset(one)
        if source is not None:
            self._field_edges(Origin.COLUMN_FACET, source, one, target, columns, default, deprecated)

    def _field_edges(
        self,
        origin: Origin,
        source: int,
        one: Mapping[str, Any],
        target: int,
        columns: Iterable[str],
        default: str,
        deprecated: Mapping[str, Any] | None = None,
    ) -> None:
        """Claim an edge from the field that `one` names to each of the target's columns."""
        name = one.get("field")
        if not isinstance(name, str) or not name:
            return
        start = self._field(source, name)
        for column in columns:
            end = self._field(target, column)
            for transformation in _transformations(one, default, deprecated or {}):
                self.claims.add(Claim(origin, EdgeKind.FIELD, start, end, target, transformation))

    def _reads(self, dataset: int, origin: Origin) -> None:
        if self.job is not None:
            self.claims.add(Claim(origin, EdgeKind.READS, dataset, self.job))

    def _writes(self, dataset: int, origin: Origin) -> None:
        if self.job is not None:
            self.claims.add(Claim(origin, EdgeKind.WRITES, self.job, dataset))

    def _entity(self, entity: Entity) -> int:
        key = self._dataset(entity.namespace, entity.name)
        columns = list(field_names(entity.facets.get("schema", {}).get("fields")))
        for column in columns:
            self.schema_fields.add(self._field(key, column))
        self.columns[key] = list(dict.fromkeys([*self.columns.get(key, ()), *columns]))
        return key

    def _dataset(self, namespace: str, name: str) -> int:
        key, node = dataset_node(namespace, name)
        self.nodes[key] = node
        if (namespace, name) != (node.namespace, node.name):
            self.aliases.add(Alias(namespace, name, key))
        return key

    def _named_dataset(self, named: Mapping[str, Any]) -> int | None:
        namespace, name = named.get("namespace"), named.get("name")
        if not (isinstance(namespace, str) and isinstance(name, str) and namespace and name):
            return None
        return None if is_long_name(namespace, name) else self._dataset(namespace, name)

    def _named_job(self, named: Mapping[str, Any]) -> int | None:
        """Return the job that an entry of a lineage facet names; one without a name is the event's own."""
        namespace, name = named.get("namespace"), named.get("name")
        if isinstance(namespace, str) and isinstance(name, str) and namespace and name:
            return None if is_long_name(namespace, name) else self._job(namespace, name)
        return self.job

    def _job(self, namespace: str, name: str) -> int:
        node = nodes.job(namespace, name)
        self.nodes[node.key] = node
        return node.key

    def _field(self, dataset: int, column: str) -> int:
        of = self.nodes[dataset]
        node = nodes.field(of.namespace, of.name, column)
        self.nodes[node.key] = node
        return node.key


def _transformations(
    one: Mapping[str, Any], default: str, deprecated: Mapping[str, Any]
) -> Iterator[Transformation | None]:
    listed = list(_objects(one.get("transformations")))
    for entry in listed:
        yield Transformation(
            _word(entry.get("type")).upper() or default,
            _word(entry.get("subtype")).upper(),
            _word(entry.get("description")),
            entry.get("masking") is True,
        )
    if listed:
        return
    # Before transformations there were two texts for the whole field: IDENTITY or MASKED, and a description.
    kind, description = (
        _word(deprecated.get("transformationType")),
        _word(deprecated.get("transformationDescription")),
    )
    if default or kind or description:
        yield Transformation(default, kind.upper(), description, kind.upper() == "MASKED")
    else:
        yield None


def _sql(event: Event) -> bytes | None:
    """Return what it takes to read the event's SQL, as JSON; None when there is none."""
    if event.job is None:
        return None
    statements = statements_of(event.job.facets)
    if not statements:
        return None
    listed = [*(event.inputs or ()), *(event.outputs or ())]
    content = {
        "job": [event.job.namespace, event.job.name],
        "statements": statements,
        "counted": STATEMENTS_FACET in event.job.facets,
        "datasets": [
            [node.namespace, node.name, list(column_names(entity.facets.get("schema", {}).get("fields")))]
            for entity in listed
            for _, node in [dataset_node(entity.namespace, entity.name)]
        ],
    }
    return msgspec.json.encode(content)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
