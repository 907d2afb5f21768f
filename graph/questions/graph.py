"""Questions about the graph: what lies before and behind something, and why a number may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graph import queries
from graph.queries.answer import Answer
from graph.questions.asked import Asked

if TYPE_CHECKING:
    from graph.queries import Diagnosis


def upstream(asked: Asked, name: Sequence[str], depth: int | None = None) -> Answer:
    """Return what a dataset, field or job is made from."""
    return asked.said(queries.upstream(asked.reader, name, depth=depth))


def downstream(asked: Asked, name: Sequence[str], depth: int | None = None) -> Answer:
    """Return what is made from a dataset, field or job."""
    return asked.said(queries.downstream(asked.reader, name, depth=depth))


def impact(asked: Asked, name: Sequence[str], depth: int | None = None) -> Answer:
    """Return what any change of a dataset, field or job affects, and how surely."""
    return asked.said(queries.impact(asked.reader, name, depth=depth))


def columns(asked: Asked, name: Sequence[str], depth: int | None = 1, *, origins: bool = False) -> Answer:
    """Return the fields that the fields of a dataset are made from; `depth` None goes all the way."""
    return asked.said(queries.columns(asked.reader, name, depth=depth, origins=origins))


@dataclass(frozen=True, slots=True)
class Path:
    """A shortest path, without nodes where there is none; `back` tells whether there is one the other way."""

    answer: Answer
    back: bool

    def as_json(self) -> dict[str, Any]:
        """Return the answer as it is published."""
        return self.answer.as_json()


def path(asked: Asked, source: str, target: str) -> Path:
    """Return a shortest path from one dataset, field or job to another."""
    answer = asked.said(queries.path(asked.reader, source, target))
    back = bool(answer.nodes) or bool(queries.path(asked.reader, target, source).nodes)
    return Path(answer, back)


def diagnose(asked: Asked, name: Sequence[str]) -> Diagnosis:
    """Return why a number may be wrong: the way to its sources, and the suspects on it."""
    now = asked.time or datetime.now(UTC)
    return queries.diagnose_metric(asked.reader, name, now=now).incomplete(asked.incomplete)
