"""An event taken apart for the log: contents, form and rest (see graph/store/log_format.py)."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from graph.ingest.event import Entity, Event
from graph.ingest.facets import MEASURING, Facet, Facets
from graph.store import log_format

_OF_RUNS = frozenset({"processing_engine", "environmentVariables"})
"""Facets of a run that are those of every run of the job."""

_SMALL = 48
"""A facet of so many bytes is kept where it stands: a reference would bring little."""


@dataclass(frozen=True, slots=True)
class Apart:
    """An event taken apart: its form, the contents that form and holes refer to, and what fills the holes."""

    form: log_format.Form
    contents: tuple[Facet, ...]
    holes: list[bytes | int]


def take_apart(event: Event) -> Apart:
    """Return the parts of an event."""
    taking = _Taking()
    return Apart(
        log_format.Form(
            taking.head(event),
            # The order is that in which `log_format` fills holes.
            run=(taking.facets(event.run_facets, of_run=True),) if event.run_id else None,
            job=taking.entity(event.job) if event.job is not None else None,
            dataset=taking.entity(event.dataset) if event.dataset is not None else None,
            inputs=taking.entities(event.inputs),
            outputs=taking.entities(event.outputs),
        ),
        tuple(taking.contents),
        taking.holes,
    )


class _Taking:
    def __init__(self) -> None:
        self.contents: list[Facet] = []
        self.holes: list[bytes | int] = []

    def head(self, event: Event) -> tuple[str | None, str | None, str | None]:
        if not event.is_plain:
            return event.event_type, None, None
        kind, producer, url = (None if one is msgspec.UNSET else one for one in event.head[1:])
        return kind, producer, url

    def entity(self, entity: Entity) -> log_format.Entity:
        known = _known.get(entity)
        if known is None:
            before = len(self.contents), len(self.holes)
            packed = (entity.namespace, entity.name, self.facets(entity.facets), self.facets(entity.extra))
            if len(self.holes) == before[1]:
                _remember(entity, packed, tuple(self.contents[before[0] :]))
            return packed
        self.contents += known[1]
        return known[0]

    def entities(self, listed: tuple[Entity, ...] | None) -> tuple[log_format.Entity, ...] | None:
        return None if listed is None else tuple([self.entity(one) for one in listed])

    def facets(self, facets: Facets, *, of_run: bool = False) -> log_format.Facets:
        if facets.whole is None:
            return None
        keys: dict[str, int | None] = {}
        for name, facet in facets.whole.items():
            if name in MEASURING:
                keys[name] = None
                self.holes.append(facet.raw)
            elif of_run and name not in _OF_RUNS:
                keys[name] = None
                if len(facet.raw) > _SMALL:
                    self.contents.append(facet)
                    self.holes.append(facet.key)
                else:
                    self.holes.append(facet.raw)
            else:
                keys[name] = facet.key
                self.contents.append(facet)
        return keys


_known: dict[Entity, tuple[log_format.Entity, tuple[Facet, ...]]] = {}
_REMEMBERED = 20_000


def _remember(entity: Entity, packed: log_format.Entity, contents: tuple[Facet, ...]) -> None:
    """Remember the parts of an entity without holes: of a plain event it is the same object in each run."""
    if len(_known) >= _REMEMBERED:
        _known.clear()
    _known[entity] = packed, contents
