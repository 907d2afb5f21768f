"""The contract of a store: what questions read (`LineageReader`) and what ingest writes (`LineageStore`).

Everything read is the *current graph* (docs/how-it-works.md): declared edges, those of unfinished runs and those of each
job's latest ten groups of finished runs. Records in, records out: no JSON shapes and no HTTP words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from graph.nodes import Node, NodeType
from graph.records import Direction, Edge, EdgeKind, RunRecord, RunState, StoreCounts


class LineageReader(Protocol):
    """Read access to the graph. Methods raise StoreError when the store cannot be read."""

    location: str
    """Where the store is, for messages."""

    def lookup(self, node: Node) -> Node | None:
        """Return the node this identity stands for in the store, following aliases; None when there is none."""

    def named(self, name: str, types: Collection[NodeType]) -> list[Node]:
        """Return nodes of these types (DATASET, JOB) whose name is `name`, or ends with it after a dot or slash.

        Whole-name matches come first and, where there are any, alone; sorted by namespace and name.
        Names as producers sent them (aliases) match too and give the node they stand for.
        """

    def all_nodes(self, types: Collection[NodeType], *, after: int = -1, limit: int = 1000) -> list[tuple[int, Node]]:
        """Return (key, node) pairs in key order, starting behind the key `after`."""

    def nodes(self, keys: Collection[int]) -> dict[int, Node]:
        """Return the nodes of these keys; keys that the store does not know are left out."""

    def fields(self, dataset: Node) -> list[Node]:
        """Return the known fields of a dataset: schema order first, then fields that only lineage names, by name."""

    def closure(
        self, keys: Collection[int], kind: EdgeKind, direction: Direction, depth: int | None = None
    ) -> list[Edge]:
        """Return every edge of `kind` that can be reached from `keys` walking in `direction`, each once.

        `depth` bounds the hops (None: no bound). Cycles end. The order is unspecified.
        """

    def incident(self, keys: Collection[int], kind: EdgeKind, direction: Direction) -> list[Edge]:
        """Return the edges of `kind` one hop from `keys`: DOWNSTREAM those leaving them, UPSTREAM those entering."""

    def edges(self, kind: EdgeKind) -> Iterable[Edge]:
        """Yield every current edge of a kind, for whole-graph exports."""

    def facets(self, keys: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        """Return the current facet called `name` (such as schema, ownership, datasetType) of these datasets or jobs."""

    def parents(self, jobs: Collection[int]) -> dict[int, Node]:
        """Return the parent job (the task or DAG above it) of those of the jobs that have one."""

    def runs(
        self,
        *,
        jobs: Collection[int] = (),
        states: Collection[RunState] = (),
        after: str | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Return runs, latest start first (then by run id); `after` is the run id that the page before ended with.

        `jobs` and `states` restrict them when not empty.
        """

    def counts(self) -> StoreCounts:
        """Return how much the store holds."""

    def close(self) -> None:
        """Give back the connection; the reader cannot be used afterwards."""


class LineageStore(LineageReader, Protocol):
    """A store that can be written. See graph/ingest for who calls this."""
