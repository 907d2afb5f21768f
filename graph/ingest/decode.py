"""Bytes to an event, or the reasons why they are none.

Strict where the meaning would be in doubt (a name is missing, a key stands twice), tolerant elsewhere:
a missing zone is UTC, null facets are none, run ids need not be UUIDs, a missing eventType is OTHER, producer
and schemaURL may be absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from graph.errors import InvalidEventError
from graph.ingest.facets import NO_FACETS, DoubleKeyError, Facet, Facets, facet_of, quotes
from graph.store.changes import EventKind
from lineage.event_id import event_id, identity, original_id, parse_time, tagged_id

_EVENT_TYPES = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})
_KINDS = {"RunEvent": EventKind.RUN, "JobEvent": EventKind.JOB, "DatasetEvent": EventKind.DATASET}


def _no_facets() -> Facets:
    return NO_FACETS


@dataclass(frozen=True, slots=True)
class Entity:
    """A job or dataset as an event names it, with its facets.

    `extra` are an input's inputFacets or an output's outputFacets.
    """

    namespace: str
    name: str
    facets: Facets = field(default_factory=_no_facets)
    extra: Facets = field(default_factory=_no_facets)


@dataclass(frozen=True, slots=True)
class Event:
    """An understood event. `time` is nanoseconds since the epoch; `inputs` is None where no such list is.

    `head` has what it gives as eventTime, eventType, producer and schemaURL: UNSET where there is no such
    key. `is_plain` says that the parts listed here are all of it: nothing else stands in it.
    """

    event_id: bytes
    kind: EventKind
    time: int
    event_type: str
    body: bytes
    job: Entity | None = None
    dataset: Entity | None = None
    run_id: str = ""
    run_facets: Facets = field(default_factory=_no_facets)
    inputs: tuple[Entity, ...] | None = None
    outputs: tuple[Entity, ...] | None = None
    head: tuple[Any, ...] = ()
    is_plain: bool = False


def decode(body: bytes) -> Event:
    """Return the event in these bytes; InvalidEventError lists everything that is wrong with it."""
    return _plain_event(body) or _any_event(body)


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


def _plain_event(body: bytes) -> Event | None:
    """Return an event that has nothing but what the specification gives it; None for others, also bad ones."""
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
        or event_type not in _EVENT_TYPES
        or (kind is EventKind.DATASET) is not (dataset is not None)
        or (kind is not EventKind.RUN and data.eventType is not msgspec.UNSET)
        or (kind is not EventKind.RUN and _claimed_kind(data.schemaURL) not in (None, kind))
        or (kind is EventKind.DATASET) is not (job is None)
        or (kind is EventKind.RUN and not _is_name(run_id))
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


def _is_name(text: str) -> bool:
    return text != "" and not text.isspace() and "\0" not in text


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
        self.is_odd = self.is_odd or not (_is_name(data.namespace) and _is_name(data.name))
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
    for key, value in zip(_HEAD, head[1:], strict=True):
        if value is not msgspec.UNSET:
            canonical[key] = value
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


def _any_event(body: bytes) -> Event:
    data = _load(body.removeprefix(b"\xef\xbb\xbf"))
    reading = _Reading(data)
    kind = _kind(data)
    time = reading.time()
    job = reading.entity(data.get("job"), "job") if kind is not EventKind.DATASET else None
    dataset = reading.entity(data.get("dataset"), "dataset") if kind is EventKind.DATASET else None
    run_id, run_facets = reading.run() if kind is EventKind.RUN else ("", NO_FACETS)
    event_type = reading.event_type()
    has_datasets = kind is not EventKind.DATASET
    inputs = reading.datasets("inputs", "inputFacets") if has_datasets else None
    outputs = reading.datasets("outputs", "outputFacets") if has_datasets else None
    if reading.problems or time is None:
        raise InvalidEventError(reading.problems)
    # A copy that was completed on its way is the event it was made from.
    known = original_id(data) or event_id(data, time)
    return Event(known, kind, time, event_type, body, job, dataset, run_id, run_facets, inputs, outputs)


def _load(body: bytes) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise InvalidEventError([f"not UTF-8: byte {error.object[error.start]:#04x} in a string"]) from error
    except RecursionError:
        raise InvalidEventError(["nested too deep to be read"]) from None
    except msgspec.DecodeError as error:
        raise InvalidEventError([f"not JSON: {error}"]) from error
    if not isinstance(data, dict):
        raise InvalidEventError([f"not a JSON object but {type(data).__name__}"])
    if quotes(body) != quotes(msgspec.json.encode(data)):
        raise InvalidEventError([f"the key {key!r} stands twice in one object" for key in _double_keys(body)])
    return data


def _double_keys(body: bytes) -> list[str]:
    double: dict[str, None] = {}

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    double[key] = None
                seen.add(key)
        return content

    json.loads(body, object_pairs_hook=note)
    return list(double)


def _kind(data: Mapping[str, Any]) -> EventKind:
    """Return the kind of event that the keys give or, where they leave it open, the end of schemaURL."""
    if data.get("run") is not None:
        return EventKind.RUN
    claimed = _claimed_kind(data.get("schemaURL"))
    if claimed is not None:
        return claimed
    if data.get("dataset") is not None and data.get("job") is None:
        return EventKind.DATASET
    return EventKind.RUN if data.get("eventType") is not None else EventKind.JOB


def _claimed_kind(url: Any) -> EventKind | None:
    return _KINDS.get(url.rpartition("/")[2]) if isinstance(url, str) else None


class _Reading:
    """Reads the parts of an event and collects what is wrong with them."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.problems: list[str] = []

    def time(self) -> int | None:
        value = self.data.get("eventTime")
        if value is None:
            self.problems.append("eventTime is missing")
            return None
        time = parse_time(value) if isinstance(value, str) else None
        if time is None:
            self.problems.append(
                f"eventTime {_shown(value)} is not a time between 1678 and 2262 such as 2026-01-31T12:00:00Z"
            )
        return time

    def event_type(self) -> str:
        value = self.data.get("eventType")
        if value is None:
            return "OTHER"
        if isinstance(value, str) and value.upper() in _EVENT_TYPES:
            return value.upper()
        self.problems.append(f"eventType {_shown(value)} is none of {', '.join(sorted(_EVENT_TYPES))}")
        return "OTHER"

    def run(self) -> tuple[str, Facets]:
        run = self._object(self.data.get("run"), "run")
        return self._text(run.get("runId"), "run.runId"), self._facets(run.get("facets"), "run.facets")

    def datasets(self, key: str, extra: str) -> tuple[Entity, ...] | None:
        listed = self.data.get(key)
        if listed is None:
            return None
        if not isinstance(listed, list):
            self.problems.append(f"{key} is not a list but {_shown(listed)}")
            return None
        return tuple(self.entity(one, f"{key}[{place}]", extra) for place, one in enumerate(listed))

    def entity(self, value: Any, where: str, extra: str = "") -> Entity:
        data = self._object(value, where)
        return Entity(
            self._text(data.get("namespace"), f"{where}.namespace"),
            self._text(data.get("name"), f"{where}.name"),
            self._facets(data.get("facets"), f"{where}.facets"),
            self._facets(data.get(extra), f"{where}.{extra}") if extra else NO_FACETS,
        )

    def _object(self, value: Any, where: str) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        # The parts that are missing are named one by one below.
        if value is not None:
            self.problems.append(f"{where} is not an object but {_shown(value)}")
        return {}

    def _text(self, value: Any, where: str) -> str:
        if isinstance(value, str) and _is_name(value):
            return value
        self.problems.append(
            f"{where} is missing" if value is None else f"{where} is {_shown(value)}, not a name"
        )
        return ""

    def _facets(self, value: Any, where: str) -> Facets:
        facets = self._object(value, where)
        return Facets({name: Facet(msgspec.json.encode(facet)) for name, facet in facets.items()})


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
