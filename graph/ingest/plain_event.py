"""Events of nothing but what the specification gives them, read fast: nearly all are.

Facets are not read here unless they are new. Whatever is odd about an event leaves it to `decode`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from graph.ingest.event import EVENT_TYPES, Entity, Event, claimed_kind, is_name
from graph.ingest.facets import NO_FACETS, DoubleKeyError, Facets, facet_of, quotes
from graph.store.changes import EventKind
from lineage.event_id import identity, parse_time, tagged_id

_RawFacets = dict[str, msgspec.Raw] | msgspec.UnsetType


class _Run(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    runId: str
    facets: _RawFacets = msgspec.UNSET


class _Entity(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    namespace: str
    name: str
    facets: _RawFacets = msgspec.UNSET


class _Input(_Entity):
    inputFacets: _RawFacets = msgspec.UNSET


class _Output(_Entity):
    outputFacets: _RawFacets = msgspec.UNSET


class _PlainEvent(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    eventTime: str
    eventType: str | msgspec.UnsetType = msgspec.UNSET
    producer: str | msgspec.UnsetType = msgspec.UNSET
    schemaURL: str | msgspec.UnsetType = msgspec.UNSET
    run: _Run | msgspec.UnsetType = msgspec.UNSET
    job: _Entity | msgspec.UnsetType = msgspec.UNSET
    dataset: _Entity | msgspec.UnsetType = msgspec.UNSET
    inputs: list[_Input] | msgspec.UnsetType = msgspec.UNSET
    outputs: list[_Output] | msgspec.UnsetType = msgspec.UNSET


_DECODER = msgspec.json.Decoder(_PlainEvent)


def plain_event(body: bytes) -> Event | None:
    """Return an event of nothing but what the specification gives it; None for others, also bad ones."""
    try:
        data = _DECODER.decode(body)
        reading = _PlainReading()
        job = reading.entity(data.job) if data.job is not msgspec.UNSET else None
        dataset = reading.entity(data.dataset) if data.dataset is not msgspec.UNSET else None
        run_facets = reading.facets(data.run.facets) if data.run is not msgspec.UNSET else NO_FACETS
        inputs = reading.entities(data.inputs, "inputFacets")
        outputs = reading.entities(data.outputs, "outputFacets")
    except (msgspec.DecodeError, RecursionError, DoubleKeyError, UnicodeDecodeError):
        return None
    head = (data.eventTime, data.eventType, data.producer, data.schemaURL)
    time = parse_time(data.eventTime)
    kind = _kind_of_plain(data)
    event_type = "OTHER" if data.eventType is msgspec.UNSET else data.eventType.upper()
    run_id = data.run.runId if data.run is not msgspec.UNSET else ""
    parts = 4 * sum(one is not msgspec.UNSET for one in head)
    parts += 2 * sum(one is not msgspec.UNSET for one in (data.job, data.dataset, data.inputs, data.outputs))
    parts += 6 if data.run is not msgspec.UNSET else 0
    # A key that stands twice loses a value, so the text then has more quotes than its content needs.
    if (
        reading.is_odd
        or time is None
        or event_type not in EVENT_TYPES
        or (kind is EventKind.DATASET) is not (dataset is not None)
        or (kind is not EventKind.RUN and data.eventType is not msgspec.UNSET)
        or (kind is not EventKind.RUN and claimed_kind(data.schemaURL) not in (None, kind))
        or (kind is EventKind.DATASET) is not (job is None)
        or (kind is EventKind.RUN and not is_name(run_id))
        or (kind is EventKind.DATASET and (inputs is not None or outputs is not None))
        or reading.quotes + parts != quotes(body)
    ):
        return None
    tagged = tagged_id(run_facets, job.facets if job is not None else {})
    return Event(
        tagged or _identity(head, time, run_id, run_facets, job, dataset, inputs, outputs),
        kind,
        time,
        event_type,
        body,
        job,
        dataset,
        run_id,
        run_facets,
        inputs,
        outputs,
        head,
        True,
    )


def _kind_of_plain(data: _PlainEvent) -> EventKind:
    if data.run is not msgspec.UNSET:
        return EventKind.RUN
    return EventKind.JOB if data.job is not msgspec.UNSET else EventKind.DATASET


class _PlainReading:
    """Reads the parts of a plain event and counts the quotes of what it reads."""

    def __init__(self) -> None:
        self.quotes = 0
        self.is_odd = False

    def facets(self, raw: _RawFacets) -> Facets:
        if raw is msgspec.UNSET:
            return NO_FACETS
        self.quotes += 2
        whole = {}
        for name, text in raw.items():
            facet = whole[name] = facet_of(name, bytes(text))
            self.quotes += 2 + facet.quotes
        return Facets(whole)

    def entity(self, data: _Entity, extra: str = "") -> Entity:
        self.quotes += 8
        self.is_odd = self.is_odd or not (is_name(data.namespace) and is_name(data.name))
        further = self.facets(getattr(data, extra)) if extra else NO_FACETS
        return Entity(data.namespace, data.name, self.facets(data.facets), further)

    def entities(
        self, listed: Sequence[_Entity] | msgspec.UnsetType, extra: str
    ) -> tuple[Entity, ...] | None:
        if listed is msgspec.UNSET:
            return None
        return tuple([self.entity(one, extra) for one in listed])


def _identity(
    head: tuple[Any, ...],
    time: int,
    run_id: str,
    run_facets: Facets,
    job: Entity | None,
    dataset: Entity | None,
    inputs: tuple[Entity, ...] | None,
    outputs: tuple[Entity, ...] | None,
) -> bytes:
    """Return the id of a plain event; see `lineage.event_id`."""
    canonical: dict[str, Any] = {"eventTime": time}
    canonical |= {key: one for key, one in zip(_HEAD, head[1:], strict=True) if one is not msgspec.UNSET}
    if run_id:
        canonical["run"] = {"runId": run_id, **_digests("facets", run_facets)}
    if job is not None:
        canonical["job"] = _canonical(job, "")
    if dataset is not None:
        canonical["dataset"] = _canonical(dataset, "")
    if inputs is not None:
        canonical["inputs"] = [_canonical(one, "inputFacets") for one in inputs]
    if outputs is not None:
        canonical["outputs"] = [_canonical(one, "outputFacets") for one in outputs]
    return identity(canonical)


_HEAD = ("eventType", "producer", "schemaURL")


def _canonical(entity: Entity, extra: str) -> dict[str, Any]:
    found: dict[str, Any] = {"namespace": entity.namespace, "name": entity.name}
    if entity.facets.whole is not None:
        found |= _digests("facets", entity.facets)
    if entity.extra.whole is not None:
        found |= _digests(extra, entity.extra)
    return found


def _digests(key: str, facets: Facets) -> dict[str, Any]:
    if facets.whole is None:
        return {}
    return {key: {name: each.digest for name, each in facets.whole.items() if each.value is not None}}
