"""The current graph as aspects of DataHub's entities, each a proposal to set it to just that.

A proposal says all there is of its aspect: sending it again changes nothing, and what is not in it any more
is gone there, too. https://docs.datahub.com/docs/metadata-modeling/metadata-model
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from graph.exports.datahub import models
from graph.exports.datahub.names import DatasetName, Naming, job_name
from graph.exports.datahub.schemas import schema_metadata
from graph.nodes import Node, NodeType
from graph.queries.whole import every_node
from graph.records import Direction, Edge, EdgeKind, Origin
from graph.store.base import LineageReader

_BATCH = 500
_DOUBT = 0.5
"""The confidence of column lineage that was read from SQL in doubt; else it is 1."""

Note = Callable[[str], None]
T = TypeVar("T")


class Proposal(NamedTuple):
    """What one aspect of an entity should be; equal digests mean equal aspects."""

    urn: str
    aspect: Any
    digest: str

    @property
    def name(self) -> str:
        """What DataHub calls the aspect: `upstreamLineage`."""
        return str(self.aspect.get_aspect_name())

    @property
    def wrapped(self) -> Any:
        """The proposal as DataHub's client takes it."""
        return models.MetadataChangeProposalWrapper(entityUrn=self.urn, aspect=self.aspect)


def proposal(urn: str, aspect: Any) -> Proposal:
    """Return the proposal to set an aspect."""
    text = json.dumps(aspect.to_obj(), sort_keys=True).encode("utf-8", "surrogatepass")
    return Proposal(urn, aspect, hashlib.blake2b(text, digest_size=12).hexdigest())


def emptied(urn: str, name: str) -> Proposal | None:
    """Return the proposal by which what was sent of an entity is taken back; None where it may stay.

    Lineage is made empty, of flows and jobs, which are ours alone, the status is set to removed. Schemas and
    platform instances stay.
    """
    if name == "upstreamLineage":
        return proposal(urn, models.classes.UpstreamLineageClass(upstreams=[]))
    if name == "dataJobInputOutput":
        return proposal(urn, models.classes.DataJobInputOutputClass(inputDatasets=[], outputDatasets=[]))
    if name == "status":
        return proposal(urn, models.classes.StatusClass(removed=True))
    return None


def proposals(reader: LineageReader, naming: Naming, *, schemas: bool, note: Note) -> Iterator[Proposal]:
    """Yield what DataHub should hold of the current graph, datasets first.

    `note` is told of datasets that have one name there: what is known of them is joined.
    """
    urns = Urns(naming)
    datasets = _by_urn(reader, urns)
    for urn, same in datasets.items():
        if len(same) > 1:
            told = ", ".join(sorted(node.id for _, node in same))
            note(f"{told} are one in DataHub, {urn}: tell them apart by --platform-instance")
    for batch in _batches(datasets.items()):
        yield from _Datasets(reader, urns, dict(batch)).proposals(schemas)
    flows: set[str] = set()
    for jobs in _batches(every_node(reader, (NodeType.JOB,))):
        yield from _jobs(reader, urns, dict(jobs), flows)


class Urns:
    """The urns of datasets and fields under a naming; each dataset's is made once."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self._known: dict[tuple[str, str], tuple[str, DatasetName]] = {}

    def dataset(self, node: Node) -> str:
        """Return the urn of a dataset, or of the dataset of a field."""
        return self._named(node)[0]

    def field(self, node: Node) -> str:
        """Return the urn of a field."""
        urn, name = self._named(node)
        return str(models.make_schema_field_urn(urn, name.field_path(node.field or "")))

    def _named(self, node: Node) -> tuple[str, DatasetName]:
        place = node.namespace, node.name
        if place not in self._known:
            name = self.naming.dataset(*place)
            made = models.make_dataset_urn_with_platform_instance(
                platform=name.platform,
                name=name.name,
                platform_instance=name.instance,
                env=name.environment,
            )
            self._known[place] = str(made), name
        return self._known[place]


def _by_urn(reader: LineageReader, urns: Urns) -> dict[str, list[tuple[int, Node]]]:
    found: dict[str, list[tuple[int, Node]]] = {}
    for key, node in every_node(reader, (NodeType.DATASET,)):
        found.setdefault(urns.dataset(node), []).append((key, node))
    return found


class _Datasets:
    """Some datasets by their urn, and the edges that enter them."""

    def __init__(
        self, reader: LineageReader, urns: Urns, datasets: Mapping[str, list[tuple[int, Node]]]
    ) -> None:
        self._reader, self._urns, self._datasets = reader, urns, datasets
        self._keys = [key for same in datasets.values() for key, _ in same]
        columns = reader.columns(self._keys)
        self._feeds = _by_target(reader.incident(self._keys, EdgeKind.FEEDS, Direction.UPSTREAM))
        self._fields: dict[int, list[Edge]] = {}
        for edge in reader.incident(list(columns), EdgeKind.FIELD, Direction.UPSTREAM):
            self._fields.setdefault(columns[edge.target], []).append(edge)
        ends = {edge.source for edges in self._feeds.values() for edge in edges}
        ends |= {key for edges in self._fields.values() for edge in edges for key in edge[1:3]}
        self._names = reader.nodes(ends)

    def proposals(self, schemas: bool) -> Iterator[Proposal]:
        written = self._reader.writers(self._keys)
        facets = self._reader.facets(self._keys, "schema") if schemas else {}
        for urn, same in self._datasets.items():
            name = self._urns.naming.dataset(same[0][1].namespace, same[0][1].name)
            keys = [key for key, _ in same]
            if name.instance is not None:
                platform = models.make_data_platform_urn(name.platform)
                instance = models.make_dataplatform_instance_urn(name.platform, name.instance)
                yield proposal(urn, models.classes.DataPlatformInstanceClass(platform, instance))
            if (schema := next((facets[key] for key in keys if key in facets), None)) is not None:
                made = schema_metadata(name, schema)
                if made is not None:
                    yield proposal(urn, made)
            lineage = self._lineage(urn, keys)
            if lineage.upstreams or lineage.fineGrainedLineages or any(written.get(key) for key in keys):
                yield proposal(urn, lineage)

    def _lineage(self, urn: str, keys: Iterable[int]) -> Any:
        keys = list(keys)
        upstreams = {
            self._urns.dataset(self._names[edge.source]) for key in keys for edge in self._feeds.get(key, ())
        }
        classes = models.classes
        return classes.UpstreamLineageClass(
            upstreams=[
                classes.UpstreamClass(dataset=source, type=classes.DatasetLineageTypeClass.TRANSFORMED)
                for source in sorted(upstreams - {urn})
            ],
            fineGrainedLineages=self._fine(keys) or None,
        )

    def _fine(self, keys: Iterable[int]) -> list[Any]:
        """Return the column lineage: of each field what it is made of, and apart what else decides on it."""
        grouped: dict[tuple[str, str], list[tuple[str, Edge]]] = {}
        for edge in (edge for key in keys for edge in self._fields.get(key, ())):
            source = self._urns.field(self._names[edge.source])
            target = self._urns.field(self._names[edge.target])
            kind = (edge.transformation.type.upper() if edge.transformation else "") or "DIRECT"
            if source != target:
                grouped.setdefault((target, kind), []).append((source, edge))
        return [_fine_grained(target, kind, found) for (target, kind), found in sorted(grouped.items())]


def _fine_grained(target: str, kind: str, found: list[tuple[str, Edge]]) -> Any:
    classes = models.classes
    doubtful = all(edge.origin is Origin.SQL_DOUBTFUL for _, edge in found)
    how = {
        " ".join(filter(None, (kind, made.subtype, made.description)))
        for _, edge in found
        if (made := edge.transformation) is not None
    }
    return classes.FineGrainedLineageClass(
        upstreamType=classes.FineGrainedLineageUpstreamTypeClass.FIELD_SET,
        upstreams=sorted({source for source, _ in found}),
        downstreamType=classes.FineGrainedLineageDownstreamTypeClass.FIELD,
        downstreams=[target],
        transformOperation="; ".join(sorted(how)) or None,
        confidenceScore=_DOUBT if doubtful else 1.0,
    )


def _jobs(reader: LineageReader, urns: Urns, jobs: Mapping[int, Node], flows: set[str]) -> Iterator[Proposal]:
    keys = list(jobs)
    reads = _by_target(reader.incident(keys, EdgeKind.READS, Direction.UPSTREAM))
    writes: dict[int, list[Edge]] = {}
    for edge in reader.incident(keys, EdgeKind.WRITES, Direction.DOWNSTREAM):
        writes.setdefault(edge.source, []).append(edge)
    names = reader.nodes(
        {edge.source for edges in reads.values() for edge in edges}
        | {edge.target for edges in writes.values() for edge in edges}
    )
    types, said, under = reader.facets(keys, "jobType"), reader.annotations(keys), reader.children(keys)
    for key, node in jobs.items():
        type_ = types.get(key) or {}
        name = job_name(node.namespace, node.name, type_.get("integration"))
        flow = models.DataFlowUrn(name.orchestrator, name.flow, name.cluster)
        if str(flow) not in flows:
            flows.add(str(flow))
            yield proposal(str(flow), models.classes.DataFlowInfoClass(name=name.flow))
            yield proposal(str(flow), models.classes.StatusClass(removed=False))
        inputs = {urns.dataset(names[edge.source]) for edge in reads.get(key, ())}
        outputs = {urns.dataset(names[edge.target]) for edge in writes.get(key, ())}
        if under.get(key) and not inputs and not outputs:  # a DAG: the flow itself, or above others
            continue
        urn = str(models.DataJobUrn(str(flow), name.task))
        yield proposal(
            urn,
            models.classes.DataJobInfoClass(
                name=name.label,
                type=str(type_.get("processingType") or name.orchestrator),
                flowUrn=str(flow),
                description=said[key].description if key in said else None,
            ),
        )
        yield proposal(urn, models.classes.StatusClass(removed=False))
        yield proposal(
            urn,
            models.classes.DataJobInputOutputClass(
                inputDatasets=sorted(inputs), outputDatasets=sorted(outputs)
            ),
        )


def _by_target(edges: Iterable[Edge]) -> dict[int, list[Edge]]:
    found: dict[int, list[Edge]] = {}
    for edge in edges:
        found.setdefault(edge.target, []).append(edge)
    return found


def _batches(items: Iterable[T]) -> Iterator[Collection[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
