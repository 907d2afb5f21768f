"""Events of nothing but what the specification gives them, read fast: nearly all are.

Facets are not read here unless they are new. Whatever is odd about an event leaves it to `decode`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from graph.ingest.event import EVENT_TYPES, Entity, Event, claimed_kind, is_name
from graph.ingest.facets import MEASURING, NO_FACETS, DoubleKeyError, Facets, facet_of, quotes
from graph.store.changes import EventKind
from graph.store.texts import is_long_name
from lineage.event_id import identity, parse_time, part_digest, tagged_id

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
    job: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    dataset: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    inputs: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    outputs: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_DECODER = msgspec.json.Decoder(_PlainEvent)


def plain_event(body: bytes) -> Event | None:
    """Return an event of nothing but what the specification gives it; None for others, also bad ones."""
    try:
        data = _DECODER.decode(body)
        job = _ENTITIES.read(data.job) if data.job is not msgspec.UNSET else None
        dataset = _ENTITIES.read(data.dataset) if data.dataset is not msgspec.UNSET else None
        inputs = _INPUTS.read_all(data.inputs)
        outputs = _OUTPUTS.read_all(data.outputs)
        _, run_facets = _facets(data.run.facets) if data.run is not msgspec.UNSET else (0, NO_FACETS)
    except (msgspec.DecodeError, RecursionError, DoubleKeyError, UnicodeDecodeError, _OddError):
        return None
    head = (data.eventTime, data.eventType, data.producer, data.schemaURL)
    time = parse_time(data.eventTime)
    kind = _kind_of_plain(data)
    event_type = "OTHER" if data.eventType is msgspec.UNSET else data.eventType.upper()
    run_id = data.run.runId if data.run is not msgspec.UNSET else ""
    if (
        time is None
        or event_type not in EVENT_TYPES
        or (kind is EventKind.DATASET) is not (dataset is not None)
        or (kind is not EventKind.RUN and data.eventType is not msgspec.UNSET)
        or (kind is not EventKind.RUN and claimed_kind(data.schemaURL) not in (None, kind))
        or (kind is EventKind.DATASET) is not (job is None)
        or (kind is EventKind.RUN and not is_name(run_id))
        or (kind is EventKind.DATASET and (inputs is not None or outputs is not None))
        or not _is_whole(body, data)
    ):
        return None
    digest = _identity(head, time, run_id, run_facets, job, dataset, inputs, outputs)
    return Event(
        tagged_id(run_facets, job.facets if job is not None else {}) or digest,
        digest,
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


def _is_whole(body: bytes, data: _PlainEvent) -> bool:
    """Tell whether what was read of an event is all of its text: a key that stands twice loses a value.

    Jobs, datasets and facets have been looked through on their own. Nearly every text is as long as a usual
    writer makes it of its parts; only else the quotes of all of it are counted.
    """
    spaced = body[body.find(b'":') + 2 : body.find(b'":') + 3] == b" "
    if len(body) == _written_length(data, 2 if spaced else 1):
        return True
    return quotes(body) == quotes(msgspec.json.encode(data))


def _written_length(data: _PlainEvent, mark: int) -> int:
    """Return how long the text of an event is where a comma or colon takes `mark` bytes."""
    lengths = []
    for name in _PLAIN_KEYS:
        value = getattr(data, name)
        if value is not msgspec.UNSET:
            lengths.append(len(name) + 2 + mark + _value_length(value, mark))
    return 2 + sum(lengths) + mark * (len(lengths) - 1)


_PLAIN_KEYS = _PlainEvent.__struct_fields__


def _value_length(value: Any, mark: int) -> int:
    if type(value) is str:
        return len(value) + 2
    if type(value) is list:
        return 2 + sum(map(_raw_length, value)) + mark * max(0, len(value) - 1)
    if type(value) is _Run:
        length = 2 + 7 + mark + len(value.runId) + 2
        if value.facets is not msgspec.UNSET:
            names = [len(name) + 2 + mark + _raw_length(raw) for name, raw in value.facets.items()]
            length += mark + 8 + mark + 2 + sum(names) + mark * max(0, len(names) - 1)
        return length
    return _raw_length(value)


def _raw_length(raw: msgspec.Raw) -> int:
    return len(memoryview(raw))


def _kind_of_plain(data: _PlainEvent) -> EventKind:
    if data.run is not msgspec.UNSET:
        return EventKind.RUN
    return EventKind.JOB if data.job is not msgspec.UNSET else EventKind.DATASET


def _facets(raw: _RawFacets) -> tuple[int, Facets]:
    """Return facets and how many quotes their text has."""
    if raw is msgspec.UNSET:
        return 0, NO_FACETS
    counted, whole = 2, {}
    for name, text in raw.items():
        facet = whole[name] = facet_of(name, bytes(text))
        counted += 2 + facet.quotes
    return counted, Facets(whole)


class _OddError(ValueError):
    """A name is none, or a key stands twice: the event is left to `decode`."""


class _Entities:
    """Reads jobs or datasets, those that are the same in every run only once."""

    def __init__(self, decoder: msgspec.json.Decoder[Any], extra: str) -> None:
        self._decoder = decoder
        self._extra = extra
        self._known: dict[bytes, Entity] = {}
        self._bytes = 0

    def read_all(self, texts: list[msgspec.Raw] | msgspec.UnsetType) -> tuple[Entity, ...] | None:
        return None if texts is msgspec.UNSET else tuple([self.read(text) for text in texts])

    def read(self, text: msgspec.Raw) -> Entity:
        raw = bytes(text)
        known = self._known.get(raw)
        if known is None:
            known = self._entity(raw)
            if not known.measures:
                self._remember(raw, known)
        return known

    def _entity(self, raw: bytes) -> Entity:
        data = self._decoder.decode(raw)
        names = data.namespace, data.name
        if not (is_name(names[0]) and is_name(names[1])) or is_long_name(*names):
            raise _OddError
        counted, facets = _facets(data.facets)
        more, extra = _facets(getattr(data, self._extra)) if self._extra else (0, NO_FACETS)
        if 8 + counted + more != quotes(raw):
            raise _OddError
        canonical: dict[str, Any] = {"namespace": data.namespace, "name": data.name}
        canonical |= _digests("facets", facets) | _digests(self._extra, extra)
        measures = not all(MEASURING.isdisjoint(each.whole or ()) for each in (facets, extra))
        return Entity(data.namespace, data.name, facets, extra, part_digest(canonical), measures)

    def _remember(self, raw: bytes, entity: Entity) -> None:
        if self._bytes > _REMEMBERED_BYTES:
            self._known.clear()
            self._bytes = 0
        self._known[raw] = entity
        self._bytes += len(raw) + 500


_REMEMBERED_BYTES = 64_000_000
_ENTITIES = _Entities(msgspec.json.Decoder(_Entity), "")
_INPUTS = _Entities(msgspec.json.Decoder(_Input), "inputFacets")
_OUTPUTS = _Entities(msgspec.json.Decoder(_Output), "outputFacets")


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
        canonical["job"] = job.digest
    if dataset is not None:
        canonical["dataset"] = dataset.digest
    if inputs is not None:
        canonical["inputs"] = [one.digest for one in inputs]
    if outputs is not None:
        canonical["outputs"] = [one.digest for one in outputs]
    return identity(canonical)


_HEAD = ("eventType", "producer", "schemaURL")


def _digests(key: str, facets: Facets) -> dict[str, Any]:
    if facets.whole is None:
        return {}
    return {key: {name: each.digest for name, each in facets.whole.items() if each.value is not None}}
