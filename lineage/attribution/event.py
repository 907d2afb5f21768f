"""A finished query as a flat event: the shape that sinks get.

One event per query, JSON types only, absent fields absent: 0 rows is said, unknown rows are not. The schema
is `lineage/schemas/QueryEvent.json`; `schema_version` changes with it.
"""

from __future__ import annotations

import math
import os
import platform
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from lineage._guard import guard
from lineage.attribution.callsite import callsite
from lineage.attribution.query import MAX_ATTRIBUTES, Query
from lineage.attribution.tracing import trace_fields
from lineage.redaction import shape_sql

SCHEMA_VERSION = "1"
EVENT_NAME = "lineage.query"

Event = dict[str, Any]


def event_of(query: Query) -> Event:
    """Return the event of a query. Where a part of it fails, the minimal one with what is certain."""
    config = query.config
    event: Event = {
        "event_name": EVENT_NAME,
        "schema_version": SCHEMA_VERSION,
        "event_id": event_id(query),
        "timestamp": (end := time_text(ended_at(query))),
        "started_at": time_text(query.started_at),
        "ended_at": end,
        "duration_ms": query.duration_ns / 1e6,
        "service_name": config.service_name,
        "environment": config.environment,
        "db_system": query.source.db_system or "unknown",
        "client": query.source.client or "unknown",
        "status": query.status,
        "host": _host(),
        "pid": query.pid,
        "thread_id": query.thread,
    }
    event["query_fingerprint"] = "unknown"
    event["callsite"] = dict(_NOWHERE)
    with guard("telling a query's statement"):
        event.update(_statement(query))
    with guard("telling a query's callsite"):
        event["callsite"] = _callsite(query)
    for tell in (_trace, _scope, _run, _parent, _measures, _error, _attributes):
        with guard("telling what is known of a query"):
            event.update(tell(query))
    return event


_NOWHERE: Event = {"file": "unknown", "path": "unknown", "line": 0, "function": "unknown", "stack": ""}


def _statement(query: Query) -> Event:
    config = query.config
    shape, fingerprint = shape_sql(query.text, dialect=query.source.dialect)
    found: Event = {"query_fingerprint": fingerprint}
    with_text = config.include_query_text if query.include_text is None else query.include_text
    if with_text and shape is not None:
        found["query_text"] = shape
    with_raw = config.include_raw_query_text if query.include_raw is None else query.include_raw
    if with_raw and with_text and query.text is not None:
        found["raw_query_text"] = query.text
    return found


def _callsite(query: Query) -> Event:
    site = callsite(query.lines)
    if site is None:
        return dict(_NOWHERE)
    return {
        "file": site.file,
        "path": site.path,
        "line": site.line,
        "function": site.function,
        "stack": site.stack,
    }


_WHO = ("operation", "actor", "request_id", "job_id", "session_id", "agent")
_MEASURED = ("rows", "bytes_read", "bytes_written", "query_id")
_WHERE = ("db_name", "db_host")


def _trace(query: Query) -> Event:
    return dict(trace_fields(query.known_trace))


def _scope(query: Query) -> Event:
    if query.scope is None:
        return {}
    found = _present(query.scope.attribution, _WHO)
    return {**found, "scope_ended": True} if query.scope_ended else found


def _run(query: Query) -> Event:
    run = query.run
    if run is None:
        return {}
    return {"run_id": run.run_id, "job_namespace": run.job_namespace, "job_name": run.job_name}


def _parent(query: Query) -> Event:
    return {"parent_event_id": event_id(query.parent)} if query.parent is not None else {}


def _measures(query: Query) -> Event:
    return _present(query, _MEASURED) | _present(query.source, _WHERE)


def _error(query: Query) -> Event:
    if query.error is None:
        return {}
    return {"error": {"type": query.error[0], "message": query.error[1]}}


def _attributes(query: Query) -> Event:
    around = query.scope.attribution.attributes if query.scope is not None else ()
    joined = dict(around) | dict(query.attributes)
    plain = {name: value for name, value in joined.items() if _is_json(value)}
    return {"attributes": dict(list(plain.items())[:MAX_ATTRIBUTES])} if plain else {}


def _present(holder: object, names: tuple[str, ...]) -> Event:
    return {name: value for name in names if (value := getattr(holder, name)) is not None}


def _is_json(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _host() -> str:
    with guard("reading the host's name"):
        return platform.node() or "unknown"
    return "unknown"


def ended_at(query: Query) -> int:
    """Return a query's end in nanoseconds since the epoch: its start and its monotonic duration."""
    return query.ended_at if query.ended_at is not None else query.started_at + query.duration_ns


def event_id(query: Query) -> str:
    """Return the id of a query's event: a UUID that sorts by its start (RFC 9562, version 7)."""
    if query.event_id is None:
        value = ((query.started_at // 1_000_000) & (1 << 48) - 1) << 80 | int.from_bytes(
            os.urandom(10), "big"
        )
        value = value & ~(0xF << 76) | 7 << 76
        made = str(uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62))
        # At once for all threads: a child's event may name it in another one.
        query.__dict__.setdefault("event_id", made)
    return query.event_id or ""


def time_text(nanoseconds: int) -> str:
    """Return a time since the epoch as RFC 3339 in UTC with milliseconds; the nearest one it can say."""
    seconds, rest = divmod(min(max(nanoseconds, 0), _LAST), 1_000_000_000)
    return f"{_second_text(seconds)}.{rest // 1_000_000:03d}Z"


_LAST = 253_402_300_799 * 1_000_000_000


@lru_cache(maxsize=256)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
