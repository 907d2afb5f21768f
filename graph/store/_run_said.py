"""What single runs said, put together from their events in the log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graph.store._log import LogReader
from graph.store._other_names import stands_for
from graph.store.database import Database
from graph.store.form_facets import dataset_node
from graph.store.texts import may_have_nul, without_nul
from lineage.event_id import parse_time

EVER = 2**63 - 1
"""Later than any event."""

Told = dict[str, Any]
"""Facets by name, as JSON values."""


@dataclass(slots=True)
class DatasetSaid:
    """What a run said of a dataset: `own` are inputFacets or outputFacets."""

    facets: Told = field(default_factory=dict)
    own: Told = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """The version that the producer gives the dataset."""
        told = self.facets.get("version", {}).get("datasetVersion")
        return told if isinstance(told, str) and told.strip() else None

    @property
    def lifecycle(self) -> str | None:
        """The state change that was told."""
        told = self.facets.get("lifecycleStateChange", {}).get("lifecycleStateChange")
        return told if isinstance(told, str) and told.strip() else None


@dataclass(slots=True)
class RunSaid:
    """What the events of a run say together: of a facet that comes twice the latest, as anywhere else."""

    types: set[str] = field(default_factory=set)
    """The event types, upper case."""
    facets: Told = field(default_factory=dict)
    job_facets: Told = field(default_factory=dict)
    inputs: dict[int, DatasetSaid] = field(default_factory=dict)
    outputs: dict[int, DatasetSaid] = field(default_factory=dict)


def said_by(db: Database, log: LogReader, runs: Collection[int], until: int = EVER) -> dict[str, RunSaid]:
    """Return by id what these runs had said by a time; datasets by the key of what stands for them."""
    told = sorted(_told(body) for _, body in log.bodies_of(list(set(runs)), until)) if runs else []
    found: dict[str, RunSaid] = {}
    for _, body in told:
        event = _decoded(body)
        said = found.setdefault(event["run"]["runId"], RunSaid())
        if isinstance(kind := event.get("eventType"), str):
            said.types.add(kind.upper())
        _add(said.facets, event["run"].get("facets"))
        _add(said.job_facets, event["job"].get("facets"))
        for key, extra, of in (
            ("inputs", "inputFacets", said.inputs),
            ("outputs", "outputFacets", said.outputs),
        ):
            for one in event.get(key) or ():
                entity, _ = dataset_node(one["namespace"], one["name"])
                known = of.setdefault(entity, DatasetSaid())
                _add(known.facets, one.get("facets"))
                _add(known.own, one.get(extra))
    names = stands_for(db, {key for said in found.values() for key in (*said.inputs, *said.outputs)})
    for said in found.values():
        said.inputs = _under_one_name(said.inputs, names)
        said.outputs = _under_one_name(said.outputs, names)
    return found


def _told(body: bytes) -> tuple[int, bytes]:
    text = body.removeprefix(b"\xef\xbb\xbf")
    time = parse_time(msgspec.json.decode(text, type=_Timed).time)
    assert time is not None, "what is in the log has a time"
    return time, text


class _Timed(msgspec.Struct, gc=False):
    time: str = msgspec.field(name="eventTime")


def _decoded(body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(body)
    if may_have_nul(body):
        event = without_nul(event)
    return event


def _add(known: Told, facets: Mapping[str, Any] | None) -> None:
    for name, facet in (facets or {}).items():
        if not isinstance(facet, dict):
            continue
        if facet.get("_deleted") is True:
            known.pop(name, None)
        else:
            known[name] = facet


def _under_one_name(said: Mapping[int, DatasetSaid], names: Mapping[int, int]) -> dict[int, DatasetSaid]:
    """Return it by what stands for the datasets; what is said under that very name counts first."""
    found: dict[int, DatasetSaid] = {}
    for key in _others_first(said, names):
        known = found.setdefault(names.get(key, key), DatasetSaid())
        known.facets |= said[key].facets
        known.own |= said[key].own
    return found


def _others_first(keys: Iterable[int], names: Mapping[int, int]) -> list[int]:
    return sorted(keys, key=lambda key: (key not in names, key))
