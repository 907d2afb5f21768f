"""Queries that programs ran, as questions answer: one item for each kind of query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graph.nodes import Node
from graph.queries.answer import Impact
from graph.store.queries import SAMPLES, QueryRecord, Use

_DAY = 86_400.0

USE_NAMES = {
    Use.READS: "READS",
    Use.READS_UNKNOWN: "READS_UNKNOWN",
    Use.WRITES: "WRITES",
    Use.VALUE: "VALUE",
    Use.CONDITION: "CONDITION",
    Use.FILLS: "FILLS",
}
"""What a statement does with a dataset or field, in JSON."""


@dataclass(frozen=True, slots=True)
class QueryItem:
    """The queries of one statement from one place in the code, for one operation of one service.

    `calls_a_day` counts from the first of them, or from the time that was asked for, to the latest event that
    the store knows, and at least one day. `impact` says of a reader how surely a change affects it.
    """

    record: QueryRecord
    calls_a_day: float
    impact: Impact | None = None

    @property
    def average_ms(self) -> float:
        """How long one took."""
        return self.record.counts.total_us / self.record.counts.count / 1000

    @property
    def code(self) -> str | None:
        """The line of code for people: `checkout.py:42 load_cart`; None where it is not known."""
        kind = self.record.kind
        if kind.path is None:
            return None
        name = kind.path.replace("\\", "/").rpartition("/")[2]
        place = name if kind.line is None else f"{name}:{kind.line}"
        return f"{place} {kind.function}" if kind.function else place

    def used_as(self, nodes: Iterable[Node]) -> list[Use]:
        """Return what the statement does with these nodes."""
        wanted = set(nodes)
        return sorted({use for node, use in self.record.uses if node in wanted})

    def as_json(self) -> dict[str, Any]:
        """Return the item as it stands in the envelope; an absent value is not known."""
        kind, counts = self.record.kind, self.record.counts
        said: dict[str, Any] = {
            "fingerprint": kind.fingerprint,
            "query": kind.text,
            "service": kind.service,
            "environment": kind.environment,
            "operation": kind.operation,
            "job": self.record.job.id,
            "dbSystem": kind.db_system,
            "client": kind.client,
            "database": kind.db_name,
            "callsite": self._callsite(),
            "count": counts.count,
            "errors": counts.errors,
            "cancelled": counts.cancelled,
            "callsPerDay": round(self.calls_a_day, 2),
            "totalMs": counts.total_us / 1000,
            "averageMs": round(self.average_ms, 3),
            "maxMs": counts.max_us / 1000,
            "rows": counts.rows,
            "bytesRead": counts.bytes_read,
            "bytesWritten": counts.bytes_written,
            "costs": {one.currency: one.amount for one in self.record.costs} or None,
            "runs": self.record.runs,
            "firstSeen": _time(self.record.first),
            "lastSeen": _time(self.record.last),
            "uses": [{"id": node.id, "use": USE_NAMES[use]} for node, use in self.record.uses],
        }
        said |= {name: list(self.record.samples.get(name, ())) for name in SAMPLES}
        return said if self.impact is None else {**said, "impact": self.impact.value}

    def _callsite(self) -> dict[str, Any] | None:
        kind = self.record.kind
        if kind.path is None:
            return None
        return {"path": kind.path, "line": kind.line, "function": kind.function, "stack": kind.stack}


def query_item(
    record: QueryRecord, *, latest: datetime | None, since: datetime | None, impact: Impact | None = None
) -> QueryItem:
    """Return a record with what follows from it; `latest` is the time of the latest event in the store."""
    began = record.first if since is None else max(record.first, since)
    ended = max(record.last, latest) if latest is not None else record.last
    days = max(1.0, (ended - began).total_seconds() / _DAY)
    return QueryItem(record, record.counts.count / days, impact)


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
