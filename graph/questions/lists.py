"""Questions that are answered by a list, page by page: what is found by words, runs, captured queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from graph import queries as ask
from graph.errors import InvalidQueryError
from graph.nodes import NodeType
from graph.nodes import job as job_node
from graph.queries.answer import node_as_json
from graph.questions.asked import Asked, time_text
from graph.records import RunRecord, RunState
from graph.store.search import SearchHit

if TYPE_CHECKING:
    from graph.queries import QueryItem

K = TypeVar("K", NodeType, RunState)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, the best first; `next` is the cursor of the next page."""

    query: Mapping[str, Any]
    items: tuple[SearchHit, ...]
    next: str | None
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return _as_json(self.query, [_hit_as_json(hit) for hit in self.items], self.next)


def search(
    asked: Asked,
    text: str = "",
    types: Sequence[str] = (),
    namespaces: Sequence[str] = (),
    tags: Sequence[str] = (),
    owners: Sequence[str] = (),
    limit: int = 20,
    cursor: str | None = None,
) -> Found:
    """Return datasets, jobs and fields by words; `types` are `dataset`, `job`, `field`."""
    query = {"text": text, "types": list(types), "namespaces": list(namespaces)}
    query |= {"tags": list(tags), "owners": list(owners)}
    found, more = ask.search(
        asked.reader,
        text,
        types=[_named(NodeType, kind) for kind in types],
        namespaces=namespaces,
        tags=tags,
        owners=owners,
        limit=limit,
        cursor=cursor,
    )
    return Found(query, tuple(found), more, asked.incomplete)


@dataclass(frozen=True, slots=True)
class Runs:
    """A page of runs, the latest start first."""

    query: Mapping[str, Any]
    items: tuple[RunRecord, ...]
    next: str | None
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return _as_json(self.query, [_run_as_json(run) for run in self.items], self.next)


def runs(
    asked: Asked,
    job: Sequence[str] = (),
    states: Sequence[str] = (),
    limit: int = 20,
    cursor: str | None = None,
) -> Runs:
    """Return runs, of one job where it is named; `states` are those of `RunState`."""
    wanted = [_named(RunState, state) for state in states]
    found, more = ask.runs(asked.reader, list(job) or None, states=wanted, limit=limit, cursor=cursor)
    query = {"job": " ".join(job) if job else None, "states": [state.value for state in wanted]}
    return Runs({**query, **asked.query}, tuple(found), more, asked.incomplete)


@dataclass(frozen=True, slots=True)
class Queries:
    """A page of the queries that programs ran, by kind: the longest time in all first."""

    query: Mapping[str, Any]
    items: tuple[QueryItem, ...]
    next: str | None
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return _as_json(self.query, [item.as_json() for item in self.items], self.next)


def queries(
    asked: Asked,
    dataset: str | None = None,
    field: str | None = None,
    actor: str | None = None,
    agent: str | None = None,
    operation: str | None = None,
    service: str | None = None,
    fingerprint: str | None = None,
    since: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Queries:
    """Return the queries that programs ran: which code, for whom, how often, how long and at what cost."""
    began = None if since is None else ask.since_time(since, datetime.now(UTC))
    found, more = ask.queries(
        asked.reader,
        of_dataset=dataset,
        of_field=field,
        actor=actor,
        agent=agent,
        operation=operation,
        service=service,
        fingerprint=fingerprint,
        since=began,
        limit=limit,
        cursor=cursor,
    )
    query = {"dataset": dataset, "field": field, "actor": actor, "agent": agent, "operation": operation}
    query |= {"service": service, "fingerprint": fingerprint, "since": time_text(began)}
    return Queries({**query, **asked.query}, tuple(found), more, asked.incomplete)


def _named(kinds: type[K], word: str) -> K:
    try:
        return kinds[word.upper()]
    except KeyError:
        known = ", ".join(kind.name.lower() for kind in kinds)
        raise InvalidQueryError(f"{word!r} is none of {known}") from None


def _as_json(query: Mapping[str, Any], items: list[dict[str, Any]], more: str | None) -> dict[str, Any]:
    return {"query": dict(query), "items": items, "next": more}


def _hit_as_json(hit: SearchHit) -> dict[str, Any]:
    told = {"grade": hit.grade.name.lower(), "matched": hit.matched.value, "excerpt": hit.excerpt}
    return {**node_as_json(hit.node), **told}


def _run_as_json(run: RunRecord) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "job": job_node(run.job_namespace, run.job_name).id,
        "state": run.state.value,
        "startedAt": time_text(run.started_at),
        "endedAt": time_text(run.ended_at),
        "durationMs": run.duration_ms,
        "parentRunId": run.parent_run_id,
        "error": run.error,
    }
