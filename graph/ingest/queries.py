"""The queries that an event says its run has run: our run facet, read with suspicion and without raw text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from graph import nodes
from graph.ingest.event import Event
from graph.nodes import hash63
from graph.store.queries import SAMPLES, Cost, QueryCounts, QueryEntry, QueryKind, RunQueries
from graph.store.texts import cut_word
from lineage.event_id import parse_time
from lineage.redaction import shape_sql
from lineage.sql.named import statements_of

QUERIES_FACET = "lineageGraph_queryAttribution"
_ENTRIES_KEPT = 1_000
_SAMPLES_KEPT = 20
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_MOST = 2**53
"""Counts beyond this are none: they would not add up."""

_encode = msgspec.json.Encoder(order="deterministic").encode

Placed = Callable[[int], tuple[int, int]]
"""Gives the shape that holds a statement of the event, and its place in it."""


def run_queries(event: Event, placed: Placed) -> RunQueries | None:
    """Return what an event says of the queries of its run; None when it says nothing of them."""
    facet = event.run_facets.get(QUERIES_FACET)
    if facet is None or event.job is None:
        return None
    listed = facet.get("queries")
    if not isinstance(listed, list):
        return None
    job = nodes.job(event.job.namespace, event.job.name).key
    about = (job, _text(facet.get("service")) or "unknown", _text(facet.get("environment")) or "unknown")
    currency = _text(facet.get("currency"))
    statements = statements_of(event.job.facets)
    merged: dict[int, QueryEntry] = {}
    for one in listed[:_ENTRIES_KEPT]:
        if not isinstance(one, dict):
            continue
        entry = _entry(one, about, statements, placed, event.time, currency)
        if entry is not None:
            merged.setdefault(entry.kind.key, entry)
    digest = hash63(_encode([facet.get("service"), facet.get("environment"), listed, currency]))
    return RunQueries(digest, tuple(merged[key] for key in sorted(merged)))


def _entry(
    one: Mapping[str, Any],
    about: tuple[int, str, str],
    statements: list[dict[str, str]],
    placed: Placed,
    time: int,
    currency: str | None,
) -> QueryEntry | None:
    counts = _counts(one.get("counts"))
    if counts is None:
        return None
    number = one.get("statement")
    number = number if isinstance(number, int) and 0 <= number < len(statements) else None
    statement = statements[number] if number is not None else None
    site = one.get("callsite")
    site = site if isinstance(site, dict) else {}
    fingerprint = one.get("fingerprint")
    whole = isinstance(fingerprint, str) and _FINGERPRINT.fullmatch(fingerprint) is not None
    kind = QueryKind(
        *about,
        fingerprint=str(fingerprint) if whole else "unknown",
        text=_statement_text(one.get("query"), statement),
        statement=hash63(_encode(statement)) if statement is not None else 0,
        operation=_text(one.get("operation")),
        db_system=_text(one.get("dbSystem")),
        client=_text(one.get("client")),
        db_name=_text(one.get("dbName")),
        path=_text(site.get("path")),
        line=_count(site.get("line")),
        function=_text(site.get("function")),
        stack=_text(site.get("stack")),
    )
    first, last = (_time(one.get(name), time) for name in ("startedAt", "endedAt"))
    shape, place = placed(number) if number is not None else (None, 0)
    cost = _cost(one["counts"], currency)
    return QueryEntry(kind, counts, first, max(first, last), dict(_samples(one)), shape, place, cost)


def _statement_text(text: Any, statement: Mapping[str, str] | None) -> str | None:
    """Return a statement for people, normalized once more: others than we may have filled in the facet."""
    if not isinstance(text, str) or not text.strip():
        return None
    shape, _ = shape_sql(text, dialect=statement.get("dialect") if statement is not None else None)
    return shape


def _counts(value: Any) -> QueryCounts | None:
    said = value if isinstance(value, dict) else {}
    count = _count(said.get("count"))
    if not count:
        return None
    return QueryCounts(
        count,
        min(_count(said.get("errors")) or 0, count),
        min(_count(said.get("cancelled")) or 0, count),
        _microseconds(said.get("totalDurationMs")),
        _microseconds(said.get("maxDurationMs")),
        _count(said.get("rows")),
        _count(said.get("bytesRead")),
        _count(said.get("bytesWritten")),
    )


def _cost(counts: Mapping[str, Any], currency: str | None) -> Cost | None:
    """Return a cost as whole billionths, so that sums do not depend on their order."""
    value = counts.get("cost")
    if currency is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Cost(currency, round(value * 1e9)) if 0 <= value < _MOST / 1e9 else None


def _microseconds(value: Any) -> int:
    """Return milliseconds as whole microseconds, so that sums do not depend on their order."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST / 1000:
        return 0
    return round(value * 1000)


def _samples(one: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in SAMPLES:
        listed = one.get(name)
        if isinstance(listed, list):
            values = dict.fromkeys(text for each in listed if (text := _text(each)) is not None)
            if values:
                yield name, tuple(values)[:_SAMPLES_KEPT]


def _time(value: Any, otherwise: int) -> int:
    time = parse_time(value) if isinstance(value, str) else None
    return otherwise if time is None else time


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST else None


def _text(value: Any) -> str | None:
    return cut_word(value.strip()) or None if isinstance(value, str) else None
