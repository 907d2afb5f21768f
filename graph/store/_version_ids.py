"""The ids of versions: made of what makes a version one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid5

from graph.nodes import Node
from graph.store.field_names import named_fields

_OURS = UUID("5f2c1e0a-9d3b-5c47-8a61-3e7b0d94f1c2")


def run_made(dataset: Node, run_id: str) -> str:
    """Return the id of the version that a run made."""
    return _id("run", dataset.namespace, dataset.name, run_id)


def told(dataset: Node, version: str) -> str:
    """Return the id of the version to which its producer gives a name."""
    return _id("told", dataset.namespace, dataset.name, version)


def declared(dataset: Node, contents: Mapping[str, int]) -> str:
    """Return the id of a version that DatasetEvents described, by the keys of its facets' contents."""
    said = [f"{name}:{key}" for name, key in sorted(contents.items())]
    return _id("declared", dataset.namespace, dataset.name, *said)


def of_job(job: Node, ends: Iterable[Iterable[Node]], location: str | None) -> str:
    """Return the id of a version of a job; `ends` are its inputs and its outputs."""
    named = [sorted(node.id for node in side) for side in ends]
    return _id("job", job.namespace, job.name, json.dumps(named), location or "")


def of_schema(facet: Mapping[str, Any] | None) -> str | None:
    """Return the id of the names and types of a schema's fields, in any order; None where it has none."""
    fields = named_fields((facet or {}).get("fields"))
    said = sorted((name, str(about.get("type") or "")) for name, about in fields)
    return _id("schema", json.dumps(said)) if said else None


def _id(*parts: str) -> str:
    # With its length before each part no two identities give one text.
    return str(uuid5(_OURS, "".join(f"{len(part)}:{part}" for part in parts)))
