"""What requests declare: commands about namespaces, sources, tags, runs and datasets, and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from graph.api.errors import ApiError
from graph.api.marquez.times import instant
from graph.ingest import apply_bodies
from graph.ingest.commands import commanded
from graph.nodes import Node
from graph.store.base import LineageStore
from graph.store.changes import Status
from graph.store.commands import Command, CommandKind
from lineage.version import VERSION

_PRODUCER = f"https://github.com/lineage-graph/lineage-graph/tree/{VERSION}"
_SPECIFICATION = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"


def declare(store: LineageStore, name: str, said: Mapping[str, Any]) -> None:
    """Declare something by its name, such as `source:NAME`: in the place of what was declared of it."""
    store.apply([commanded(store, CommandKind.DECLARE, None, name, _json(said))])


def declare_of(store: LineageStore, dataset: Node, said: Mapping[str, Any]) -> None:
    """Declare what no event tells of a dataset."""
    store.apply([commanded(store, CommandKind.DECLARE, dataset, value=_json(said))])


def retract(store: LineageStore, name: str, said: Mapping[str, Any], also: Sequence[Command]) -> None:
    """Take back what is declared under a name and give other commands, all as one."""
    store.apply([*also, commanded(store, CommandKind.RETRACT, None, name, _json(said))])


def tell(store: LineageStore, kind: str, said: Mapping[str, Any], at: datetime | None = None) -> None:
    """Take in an event of ours: a RunEvent, JobEvent or DatasetEvent; 422 where it cannot be one."""
    event = {
        "eventTime": instant(at or datetime.now(UTC)),
        "producer": _PRODUCER,
        "schemaURL": _SPECIFICATION + kind,
        **said,
    }
    (outcome,) = apply_bodies(store, [msgspec.json.encode(event)])
    if outcome.status is Status.REJECTED:
        raise ApiError(422, "; ".join(outcome.reasons), errors=outcome.reasons)


def facet(kind: str, /, **said: Any) -> dict[str, Any]:
    """Return a facet of the specification, by the word in its name there: `SchemaDataset`, `SQLJob`."""
    return {
        "_producer": _PRODUCER,
        "_schemaURL": f"https://openlineage.io/spec/facets/1-0-0/{kind}Facet.json#/$defs/{kind}Facet",
        **said,
    }


def _json(said: Mapping[str, Any]) -> str:
    return msgspec.json.encode(said).decode()
