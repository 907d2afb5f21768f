"""What events and people say of something, and what is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph.nodes import Node
from graph.queries.names import resolve
from graph.questions.asked import Asked
from graph.store.commands import Annotations


@dataclass(frozen=True, slots=True)
class Said:
    """The tags, owners and description of a dataset, field or job."""

    node: Node
    annotations: Annotations

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        said = self.annotations
        item = {
            "id": self.node.id,
            "tags": [{"name": one.name, "value": one.value} for one in said.tags],
            "owners": [{"name": one.name, "type": one.value} for one in said.owners],
            "description": said.description,
        }
        return {"query": {"node": self.node.id}, "items": [item], "next": None}


def about(asked: Asked, name: Sequence[str]) -> Said:
    """Return what events and people say of a dataset, field or job: tags, owners, a description."""
    node = resolve(asked.reader, name)
    return Said(node, asked.reader.annotations([node.key])[node.key])


@dataclass(frozen=True, slots=True)
class Deletions:
    """Datasets and jobs that are deleted, or not any more; `named` is the one that was asked for by name."""

    nodes: tuple[Node, ...]
    deleted: bool
    named: Node | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        items = [{"id": node.id, "deleted": self.deleted} for node in self.nodes]
        query = {"node": None if self.named is None else self.named.id}
        return {"query": query, "items": items, "next": None}


def deleted(asked: Asked) -> Deletions:
    """Return the datasets and jobs that are deleted."""
    return Deletions(tuple(asked.store.deleted()), deleted=True)
