"""Bytes to an event, or the reasons why they are none.

Strict where the meaning would be in doubt (a name is missing, a key stands twice), tolerant elsewhere:
a missing zone is UTC, null facets are none, run ids need not be UUIDs, a missing eventType is OTHER, producer
and schemaURL may be absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from graph.errors import InvalidEventError
from graph.ingest.event import EVENT_TYPES, Entity, Event, claimed_kind, is_name, too_long
from graph.ingest.facets import NO_FACETS, Facet, Facets, quotes
from graph.ingest.plain_event import plain_event
from graph.store.changes import EventKind
from lineage.event_id import event_id, original_id, parse_time


def decode(body: bytes) -> Event:
    """Return the event in these bytes; InvalidEventError lists everything that is wrong with it."""
    return plain_event(body) or _any_event(body)


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
    digest = event_id(data, time)
    known = original_id(data) or digest
    return Event(
        known, digest, kind, time, event_type, body, job, dataset, run_id, run_facets, inputs, outputs
    )


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
    claimed = claimed_kind(data.get("schemaURL"))
    if claimed is not None:
        return claimed
    if data.get("dataset") is not None and data.get("job") is None:
        return EventKind.DATASET
    return EventKind.RUN if data.get("eventType") is not None else EventKind.JOB


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
        if isinstance(value, str) and value.upper() in EVENT_TYPES:
            return value.upper()
        self.problems.append(f"eventType {_shown(value)} is none of {', '.join(sorted(EVENT_TYPES))}")
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
        namespace = self._text(data.get("namespace"), f"{where}.namespace")
        name = self._text(data.get("name"), f"{where}.name")
        if (problem := too_long(where, namespace, name)) is not None:
            self.problems.append(problem)
        return Entity(
            namespace,
            name,
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
        if isinstance(value, str) and is_name(value):
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
