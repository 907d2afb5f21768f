"""An event as ingest understands it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from graph.ingest.facets import NO_FACETS, Facets
from graph.store.changes import EventKind
from graph.store.texts import NAME_BYTES, is_long_name

EVENT_TYPES: Final = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})
_KINDS = {"RunEvent": EventKind.RUN, "JobEvent": EventKind.JOB, "DatasetEvent": EventKind.DATASET}


def _no_facets() -> Facets:
    return NO_FACETS


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """A job or dataset as an event names it, with its facets.

    `extra` are an input's inputFacets or an output's outputFacets. Of a plain event `digest` stands for it in
    the event's id. `measures` says that there may be facets that are others in each run.
    """

    namespace: str
    name: str
    facets: Facets = field(default_factory=_no_facets)
    extra: Facets = field(default_factory=_no_facets)
    digest: str = ""
    measures: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    """An understood event. `time` is nanoseconds since the epoch; `inputs` is None where no such list is.

    `head` has what it gives as eventTime, eventType, producer and schemaURL: UNSET where there is no such
    key. `is_plain` says that the parts listed here are all of it: nothing else stands in it. `digest` is the
    hash of what it says, which is its id unless it is a copy that was completed on its way.
    """

    event_id: bytes
    digest: bytes
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


def claimed_kind(url: Any) -> EventKind | None:
    """Return the kind of event that the end of a schemaURL names."""
    return _KINDS.get(url.rpartition("/")[2]) if isinstance(url, str) else None


def too_long(where: str, namespace: str, name: str) -> str | None:
    """Return what is wrong with a namespace and a name that are too long together, else None."""
    if not is_long_name(namespace, name):
        return None
    size = len((namespace + name).encode("utf-8", "surrogatepass"))
    return f"{where}: namespace and name have {size} bytes together, at most {NAME_BYTES} can be kept"


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of something: PostgreSQL holds no NUL in a text."""
    return text != "" and not text.isspace() and "\0" not in text
