"""Events as they come into the log, in the order of their numbers: what `lineage tail` and the server tell.

The numbers of the log follow the order of the commits, so whoever knows the last number that was told misses
nothing by going on behind it, and gets nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from graph.errors import InvalidEventError, InvalidQueryError
from graph.ingest.decode import decode
from graph.ingest.event import EVENT_TYPES, Entity
from graph.nodes import Node, dataset, job
from graph.questions.log import one_line
from graph.store.base import LineageStore
from lineage.datasets import normalise

PAGE = 200
"""How many events are read at once."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEVELS = {"FAIL": "error", "ABORT": "warning"}


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in the log: its number there, itself on one line, and what it is about.

    `job` is None of a DatasetEvent, whose dataset is its only output. `run_id` is "" where it is of no run.
    `type` is the eventType, or JobEvent and DatasetEvent.
    """

    number: int
    body: bytes
    type: str
    time: datetime
    run_id: str
    job: Node | None
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]

    @property
    def namespaces(self) -> set[str]:
        """The namespaces that it says something of as its own: a token has to be for all of them."""
        return {node.namespace for node in (self.job, *self.outputs) if node is not None}

    @property
    def fields(self) -> Mapping[str, Any]:
        """What a line of a structured log has besides time, level and message."""
        return {
            "number": self.number,
            "eventType": self.type,
            "job": None if self.job is None else self.job.id,
            "runId": self.run_id or None,
            "inputs": [node.id for node in self.inputs],
            "outputs": [node.id for node in self.outputs],
        }

    @property
    def level(self) -> str:
        """How a log says how bad it is."""
        return _LEVELS.get(self.type, "info")

    @property
    def message(self) -> str:
        """What it is in a few words."""
        about = self.job or next(iter(self.outputs), None)
        return self.type if about is None else f"{self.type} {about.label}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are wanted: of these jobs, with these datasets, of these types; all where none is said.

    Jobs and datasets are patterns (`*`, `?`) of a whole name, the end of one after a dot or slash,
    `NAMESPACE/NAME`, or an id. What only the SQL of an event names is not looked at.
    """

    jobs: Sequence[str] = ()
    datasets: Sequence[str] = ()
    types: Collection[str] = ()

    def has(self, event: LoggedEvent) -> bool:
        """Tell whether an event is wanted."""
        jobs = () if event.job is None else (event.job,)
        return (
            (not self.types or event.type in self.types)
            and (not self.jobs or _is_named(jobs, self.jobs))
            and (not self.datasets or _is_named((*event.inputs, *event.outputs), self.datasets))
        )


def wanted(jobs: Sequence[str], datasets: Sequence[str], states: Sequence[str]) -> Wanted:
    """Return which events these words mean; InvalidQueryError where a state is none."""
    unknown = [word for word in states if word.upper() not in EVENT_TYPES]
    if unknown:
        raise InvalidQueryError(f"{unknown[0]!r} is none of {', '.join(sorted(EVENT_TYPES)).lower()}")
    return Wanted(tuple(jobs), tuple(datasets), frozenset(word.upper() for word in states))


def _is_named(nodes: Sequence[Node], patterns: Sequence[str]) -> bool:
    return any(_matches(node, pattern) for node in nodes for pattern in patterns)


def _matches(node: Node, pattern: str) -> bool:
    whole = (node.name, f"{node.namespace}/{node.name}", node.id)
    if any(fnmatchcase(name, pattern) for name in whole):
        return True
    return any(fnmatchcase(node.name, f"*{between}{pattern}") for between in "./")


def page_of_events(store: LineageStore, after: int) -> tuple[list[LoggedEvent], int | None]:
    """Return events that come behind a number, and the number to go on behind at once: None at the end."""
    bodies = store.bodies(after=after, limit=PAGE)
    events = [found for number, body in bodies if (found := logged(number, body)) is not None]
    return events, bodies[-1][0] if len(bodies) == PAGE else None


def logged(number: int, body: bytes) -> LoggedEvent | None:
    """Return an event of the log as it is told, None where this release cannot read it."""
    try:
        event = decode(body)
    except InvalidEventError:
        return None
    outputs = event.outputs or (() if event.dataset is None else (event.dataset,))
    return LoggedEvent(
        number,
        one_line(body),
        event.event_type if event.run_id else event.kind.name.capitalize() + "Event",
        _EPOCH + timedelta(microseconds=event.time // 1000),
        event.run_id,
        None if event.job is None else job(event.job.namespace, event.job.name),
        _datasets(event.inputs or ()),
        _datasets(outputs),
    )


def _datasets(entities: Sequence[Entity]) -> tuple[Node, ...]:
    return tuple(dataset(*normalise(each.namespace, each.name)) for each in entities)
