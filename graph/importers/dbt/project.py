"""The project of a manifest: what is a table, what it is called, and what is made from what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graph.importers.dbt.artifacts import Artifacts, Catalog, Manifest, Node
from lineage.datasets import normalise
from lineage.sql import dialect_of
from lineage.sql.naming import Name

IMPORTER = "https://github.com/lineage-graph/lineage-graph/tree/main/graph/importers/dbt"
"""The producer of these events; it names no release, so that a later one makes the same events."""

BUILT = ("model", "seed", "snapshot")
"""The kinds of nodes that dbt makes tables of."""

_SPEAKS = {"glue": "spark", "watsonx_presto": "presto"}


class Project:
    """A manifest and its catalog, with the namespaces of its tables and of its jobs."""

    def __init__(self, artifacts: Artifacts, namespace: str, job_namespace: str) -> None:
        manifest: Manifest = artifacts.manifest
        self.namespace = namespace
        self.job_namespace = job_namespace
        self.name = manifest.metadata.project_name or _only_project(manifest)
        adapter = manifest.metadata.adapter_type or ""
        self.dialect = dialect_of(_SPEAKS.get(adapter, adapter)) or dialect_of(namespace)
        self.nodes: dict[str, Node] = {**manifest.nodes, **manifest.sources}
        self.exposures = manifest.exposures
        self.groups = manifest.groups
        self._beyond = {**manifest.metrics, **manifest.semantic_models}
        self._catalog = artifacts.catalog

    def is_table(self, node: Node) -> bool:
        """Tell whether the database has something of a node: an ephemeral model is a part of its readers."""
        return node.resource_type == "source" or (
            node.resource_type in BUILT and node.settings.materialized != "ephemeral"
        )

    def dataset(self, node: Node) -> Name:
        """Return the namespace and name of a node's table."""
        table = node.identifier or node.alias or node.name
        return normalise(self.namespace, _dotted(node.database, node.schema, table))

    def read_by(self, node: Node) -> list[Node]:
        """Return the tables that a node reads, those behind ephemeral models and metrics included."""
        found: dict[str, Node] = {}
        seen: set[str] = set()
        waiting = list(reversed(node.parents))
        while waiting:
            unique_id = waiting.pop()
            parent = self.nodes.get(unique_id) or self._beyond.get(unique_id)
            if parent is None or unique_id in seen:
                continue
            seen.add(unique_id)
            if self.is_table(parent):
                found[unique_id] = parent
            else:
                waiting += reversed(parent.parents)
        return list(found.values())

    def job(self, node: Node, suffix: str = "") -> str:
        """Return the name of a node's job, as dbt-ol has it: database, schema, package and name, suffix."""
        name = node.unique_id
        if node.resource_type in (*BUILT, "exposure"):
            name = name.removeprefix(f"{node.resource_type}.")
        return _dotted(node.database, node.schema, name) + suffix

    def catalogued(self, node: Node) -> dict[str, str | None]:
        """Return the columns that the database has in order, with their types; none where not known."""
        catalog: Catalog | None = self._catalog
        if catalog is None:
            return {}
        table = catalog.nodes.get(node.unique_id) or catalog.sources.get(node.unique_id)
        columns = sorted(table.columns.values(), key=lambda column: column.index) if table else []
        return {column.name: column.type for column in columns}

    def spelled(self, node: Node, column: str | None) -> str | None:
        """Return a column's name as the database has it, where the project writes it in another case."""
        known = self.catalogued(node)
        if column is None or column in known:
            return column
        return next((name for name in known if name.casefold() == column.casefold()), column)

    def before(self, nodes: Iterable[Node]) -> Iterator[Node]:
        """Yield these nodes and, each before its readers, the tables of unknown columns that they read."""
        done: set[str] = set()
        waiting = [(node, False) for node in reversed(list(nodes))]
        while waiting:
            node, ready = waiting.pop()
            if ready:
                yield node
            elif node.unique_id not in done:
                done.add(node.unique_id)
                waiting.append((node, True))
                waiting += [(one, False) for one in self.read_by(node) if not self.catalogued(one)]


def _dotted(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _only_project(manifest: Manifest) -> str:
    """Return the name of the project, of which manifests before dbt 1.7 say nothing: most nodes are of it."""
    packages = [unique_id.split(".")[1] for unique_id in manifest.nodes if unique_id.startswith("model.")]
    return max(set(packages), key=packages.count) if packages else "dbt"
