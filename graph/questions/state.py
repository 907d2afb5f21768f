"""Questions about a store as a whole: how complete its lineage is, and how much it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from graph.errors import InvalidQueryError
from graph.queries import since_time
from graph.questions.asked import Asked, time_text
from graph.questions.changes import pair
from graph.records import StoreCounts

if TYPE_CHECKING:
    from graph.queries.coverage import CheckResult, Layer


@dataclass(frozen=True, slots=True)
class Coverage:
    """What each check of a checklist found."""

    query: Mapping[str, Any]
    results: tuple[CheckResult, ...]
    incomplete: bool

    def as_json(self, fail_under: float = 1.0, limit: int = 20) -> dict[str, Any]:
        """Return it as it is published, with up to `limit` findings of each check."""
        items = [each.as_json(fail_under, limit) for each in self.results]
        return {"query": {**self.query, "failUnder": fail_under}, "items": items, "next": None}


def coverage(
    asked: Asked,
    checks: Sequence[str] = (),
    critical: Sequence[str] = (),
    layers: Sequence[str] = (),
    since: str = "30d",
    unfinished_after: str = "1d",
    older_than: str = "90d",
) -> Coverage:
    """Return how complete lineage is, check by check: all of them where none is named.

    `layers` are `NAME=PATTERN` in the order in which data flows; times are so long ago, as `7d`.
    """
    from graph.queries.coverage import Check, check_coverage

    try:
        wanted = [Check(each) for each in checks] or list(Check)
    except ValueError:
        raise InvalidQueryError(f"checks are {', '.join(Check)}; got {', '.join(checks)}") from None
    named = [_layer(text) for text in layers]
    now = asked.time or asked.reader.latest_event_time() or datetime.now(UTC)
    results = check_coverage(
        asked.reader,
        wanted,
        critical=critical,
        layers=named,
        as_of=now,
        since=_ago(since, now),
        unfinished_after=_ago(unfinished_after, now),
        older_than=_ago(older_than, now),
    )
    query = {
        "checks": [each.value for each in wanted],
        "critical": list(critical),
        "layers": {each.name: each.pattern for each in named},
        "asOf": time_text(now),
        "since": since,
        "unfinishedAfter": unfinished_after,
        "olderThan": older_than,
    }
    return Coverage(query, tuple(results), asked.incomplete)


def _layer(text: str) -> Layer:
    from graph.queries.coverage import Layer

    name, pattern = pair(text if "=" in text else f"{text}={text}", "NAME=PATTERN")
    return Layer(name, pattern)


def _ago(text: str, now: datetime) -> timedelta:
    return now - since_time(text, now)


@dataclass(frozen=True, slots=True)
class Status:
    """How much a store holds: `size` in bytes where it is kept, `format` the number of its format."""

    counts: StoreCounts
    size: int
    format: int
    incomplete: bool = False

    @property
    def item(self) -> dict[str, Any]:
        """What is told of a store."""
        counts = self.counts
        return {
            "bytes": self.size,
            "format": self.format,
            "events": counts.events,
            "runs": counts.runs,
            "jobs": counts.jobs,
            "datasets": counts.datasets,
            "fields": counts.fields,
            "edges": counts.edges,
            "deadLetters": counts.dead_letters,
            "underived": counts.underived,
            "lastIngest": time_text(counts.last_ingest),
        }

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return {"query": {}, "items": [self.item], "next": None}


def status(asked: Asked) -> Status:
    """Return how much the store holds."""
    return Status(asked.reader.counts(), asked.reader.size(), asked.reader.format)
