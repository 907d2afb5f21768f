"""What a question about the graph answers: nodes with distances, edges between them, and its JSON envelope.

The envelope is `docs/schemas/answer.json`:
`{"query": {...}, "nodes": [...], "edges": [...], "incomplete": false, "next": null}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from graph.errors import InvalidQueryError
from graph.nodes import Node
from graph.queries.cursors import packed, unpacked
from graph.records import EdgeKind, Origin, Transformation

if TYPE_CHECKING:
    from graph.queries.query_items import QueryItem


class Impact(StrEnum):
    """How surely a node is affected: by its values, by rows and order only, or nobody can say."""

    DIRECT = "direct"
    INDIRECT = "indirect"
    UNKNOWN = "unknown"


ORIGIN_NAMES = {
    Origin.LINEAGE_FACET: "LINEAGE_FACET",
    Origin.SQL_CERTAIN: "SQL",
    Origin.COLUMN_FACET: "COLUMN_LINEAGE_FACET",
    Origin.SQL_DOUBTFUL: "SQL_IN_DOUBT",
}
"""What the sources of column lineage are called in JSON, the most trusted first."""


def node_as_json(node: Node) -> dict[str, Any]:
    """Return what a node is, as it stands in every JSON shape."""
    found = {"id": node.id, "type": node.type.value, "namespace": node.namespace, "name": node.name}
    return found if node.field is None else {**found, "field": node.field}


def time_as_json(time: datetime) -> str:
    """Return a time as it stands in every JSON shape: RFC 3339 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class AnswerNode(NamedTuple):
    """A node and where it stands in an answer.

    `distance` counts dataset hops (of a field: field hops) from the asked node, which has 0; a job's is
    that of what lies behind it. `via` is the node before it on a shortest path, of the same kind; None
    where there is none. `parents` of a job are the jobs above it, nearest first. `dropped_at` is when a
    dataset, or that of a field, was dropped.
    """

    node: Node
    distance: int
    via: Node | None = None
    impact: Impact | None = None
    dataset_type: str | None = None
    parents: tuple[Node, ...] = ()
    dropped_at: datetime | None = None

    @property
    def place(self) -> tuple[int, str, str]:
        """Where the node stands in the order of an answer: distance, then type, then id."""
        return (self.distance, self.node.type.value, self.node.id)

    def as_json(self) -> dict[str, Any]:
        """Return the node as it stands in the envelope."""
        found = node_as_json(self.node)
        found["distance"] = self.distance
        found["via"] = None if self.via is None else self.via.id
        if self.impact is not None:
            found["impact"] = self.impact.value
        if self.dataset_type is not None:
            found["datasetType"] = self.dataset_type
        if self.dropped_at is not None:
            found["droppedAt"] = time_as_json(self.dropped_at)
        if self.parents:
            found["parent"] = self.parents[0].id
            found["root"] = self.parents[-1].id
        return found


class AnswerEdge(NamedTuple):
    """An edge the way the data flows, with the jobs that make it and how fields are made from each other.

    `origins` are the sources that an edge between fields is known from, the most trusted first. An edge that
    is not `trusted` is what one of them says otherwise than a better one.
    """

    source: Node
    target: Node
    kind: EdgeKind
    jobs: tuple[Node, ...] = ()
    transformations: tuple[Transformation, ...] = ()
    origins: tuple[Origin, ...] = ()
    trusted: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the edge as it stands in the envelope."""
        found: dict[str, Any] = {
            "source": self.source.id,
            "target": self.target.id,
            "kind": self.kind.name,
            "jobs": [job.id for job in self.jobs],
            "transformations": [transformation_as_json(each) for each in self.transformations],
        }
        if self.origins:
            found["origins"] = [ORIGIN_NAMES[each] for each in self.origins]
        return found if self.trusted else {**found, "trusted": False}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question: nodes by (distance, type, id), edges by the later of their two ends.

    `notes` say what people should know about it, such as why nothing is downstream. `incomplete` says that
    lineage waiting in the store could not all be read in time. `next` is the cursor of the next page, None on
    the last one. `readers`, of what a change affects, are the queries that read it.
    """

    query: Mapping[str, Any]
    nodes: tuple[AnswerNode, ...] = ()
    edges: tuple[AnswerEdge, ...] = ()
    incomplete: bool = False
    next: str | None = None
    notes: tuple[str, ...] = ()
    readers: tuple[QueryItem, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the envelope as plain dicts and lists."""
        said = {
            "query": dict(self.query),
            "nodes": [node.as_json() for node in self.nodes],
            "edges": [edge.as_json() for edge in self.edges],
            "incomplete": self.incomplete,
            "next": self.next,
        }
        if self.readers:
            said["readers"] = [each.as_json() for each in self.readers]
        return {**said, "notes": list(self.notes)} if self.notes else said

    def page(self, *, limit: int | None = None, cursor: str | None = None) -> Answer:
        """Return the nodes behind `cursor`, at most `limit`, with the edges whose later end is among them.

        Over all pages each node and each edge comes once, also when the graph grows in between.

        Raises:
            InvalidQueryError: `limit` is below 1, or `cursor` is not the `next` of an answer.
        """
        if limit is not None and limit < 1:
            raise InvalidQueryError(f"limit is {limit}; it must be at least 1")
        if limit is None and cursor is None:
            return self
        start = (-1, "", "") if cursor is None else unpacked(cursor, int, str, str)
        ahead = [node for node in self.nodes if node.place > start]
        shown = ahead[:limit]
        places = {node.node: node.place for node in self.nodes}
        on_page = {node.place for node in shown}
        edges = [edge for edge in self.edges if max(places[edge.source], places[edge.target]) in on_page]
        more = packed(shown[-1].place) if len(shown) < len(ahead) else None
        return replace(self, nodes=tuple(shown), edges=tuple(edges), next=more)


def transformation_as_json(each: Transformation) -> dict[str, Any]:
    """Return how a field is made as it stands on an edge; without what is not said."""
    said = {
        "type": each.type,
        "subtype": each.subtype,
        "description": each.description,
        "masking": each.masking,
    }
    return {key: value for key, value in said.items() if value}
