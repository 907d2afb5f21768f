"""Jobs as Marquez shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

import msgspec

from graph.api.errors import ApiError
from graph.api.marquez import changing, names, runs
from graph.api.marquez.facets import CodeLocation, Documentation, JobType, Texts, said
from graph.api.marquez.tags import tags_by_field
from graph.api.marquez.times import instant
from graph.nodes import Node
from graph.records import Direction, EdgeKind, RunState
from graph.store.base import LineageStore
from graph.store.catalog import Heard, ListedRun
from graph.store.commands import CommandKind

_SHAPING = ("jobType", "documentation", "sourceCodeLocation", "tags")
"""The facets that a job is shown by."""

_LATEST = 10
_OURS = UUID("6f7d2b0e-5a58-4b52-9d1d-6b3e0a1c7f24")
_STATES = {word: state for state, word in runs.STATES.items()}
_ALL_STATES = ("NEW", "RUNNING", "COMPLETED", "ABORTED", "FAILED", "OTHER")

Ends = Mapping[int, tuple[Collection[int], Collection[int]]]
"""By job the datasets that it reads and those that it writes, by keys."""


def listed(
    store: LineageStore, namespace: str | None, states: Sequence[str], limit: int, offset: int
) -> dict[str, Any]:
    """Return a page of jobs, the one heard of last first; `states` are those of the latest runs."""
    wanted = _wanted(states)
    page = store.catalog.jobs(namespace, states=wanted, limit=limit, offset=offset)
    return {"totalCount": page.total, "jobs": shown(store, page.entries)}


def _wanted(states: Sequence[str]) -> set[RunState] | None:
    unknown = [word for word in states if word.upper() not in _ALL_STATES]
    if unknown:
        raise ApiError(400, f"query param lastRunStates must be one of [{', '.join(_ALL_STATES)}]")
    return {_STATES[word.upper()] for word in states if word.upper() in _STATES} if states else None


def one(store: LineageStore, namespace: str, name: str) -> dict[str, Any]:
    """Return a job; 404 where there is none."""
    node = names.job(store, namespace, name)
    return shown(store, [(node.key, node)])[0]


def hide(store: LineageStore, namespace: str, name: str) -> dict[str, Any]:
    """Delete a job and return it as it was."""
    return changing.hide(store, names.job(store, namespace, name), shown)


def tag(store: LineageStore, kind: CommandKind, namespace: str, name: str, tag: str) -> dict[str, Any]:
    """Give a job a tag, or take it, and return the job."""
    return changing.tag(store, kind, names.job(store, namespace, name), tag, shown)


def shown(store: LineageStore, entries: Sequence[tuple[int, Node]]) -> list[dict[str, Any]]:
    """Return jobs with their latest runs and all their facets."""
    keys = [key for key, _ in entries]
    facets = store.catalog.facets(keys)
    latest = store.catalog.latest_runs(keys, _LATEST)
    ends = ends_of(store, keys)
    datasets = store.nodes({key for sides in ends.values() for side in sides for key in side})
    made = _runs_by_job(store, latest)
    found = []
    for (key, _), data in zip(entries, data_of(store, entries, ends, datasets, facets), strict=True):
        own = made.get(key)
        data["latestRun"] = own[0] if own else None
        data["latestRuns"] = own or None
        data["facets"] = {name: msgspec.Raw(text) for name, text in facets.get(key, {}).items()}
        data["currentVersion"] = _current_version(store, key, own or ())
        data["labels"] = _labels(facets.get(key, {}))
        found.append(data)
    return found


def _runs_by_job(
    store: LineageStore, latest: Mapping[int, Sequence[ListedRun]]
) -> dict[int, list[dict[str, Any]]]:
    whole = runs.shown(store, [run for of_job in latest.values() for run in of_job])
    by_id = {run["id"]: run for run in whole}
    return {key: [by_id[run.record.run_id] for run in of_job] for key, of_job in latest.items()}


def _current_version(store: LineageStore, key: int, latest: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the id of the version of the latest run that has one; of a job without runs the declared one."""
    versions = [run["jobVersion"]["version"] for run in latest if run["jobVersion"] is not None]
    if versions:
        return str(versions[0])
    return next((version.id for version in store.job_versions(key)), None)


def ends_of(store: LineageStore, keys: Collection[int]) -> Ends:
    """Return what jobs read and write by the current graph."""
    found: dict[int, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for source, target in store.catalog.ends(keys, EdgeKind.READS, Direction.UPSTREAM):
        found[target][0].add(source)
    for source, target in store.catalog.ends(keys, EdgeKind.WRITES, Direction.DOWNSTREAM):
        found[source][1].add(target)
    return found


def data_of(
    store: LineageStore,
    entries: Collection[tuple[int, Node]],
    ends: Ends,
    datasets: Mapping[int, Node],
    facets: Mapping[int, Texts] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield jobs with what a lineage graph shows of them too; `datasets` has the nodes of the ends."""
    keys = [key for key, _ in entries]
    if facets is None:
        facets = store.catalog.facets(keys, _SHAPING)
    heard, given = store.catalog.heard(keys), store.catalog.tags_given(keys)
    parents, declared = store.parents(keys), store.catalog.declared_of(keys)
    for key, node in entries:
        own = facets.get(key, {})
        data = _data(node, own, heard.get(key), parents.get(key))
        data["type"] = declared.get(key, {}).get("type") or data["type"]
        reads, writes = ends.get(key, ((), ()))
        data["inputs"], data["outputs"] = _named(reads, datasets), _named(writes, datasets)
        data["tags"] = tags_by_field(own, given.get(key, ())).get(None, [])
        yield data


def _named(keys: Collection[int], datasets: Mapping[int, Node]) -> list[dict[str, str]]:
    found = sorted(datasets[key] for key in keys if key in datasets)
    return [{"namespace": node.namespace, "name": node.name} for node in found]


def _data(node: Node, facets: Texts, heard: Heard | None, parent: Node | None) -> dict[str, Any]:
    created, updated = (None, None) if heard is None else (instant(heard.first), instant(heard.last))
    prefix = f"{parent.name}." if parent is not None else ""
    return {
        "id": {"namespace": node.namespace, "name": node.name},
        "type": type_of(facets),
        "name": node.name,
        "simpleName": node.name.removeprefix(prefix) or node.name,
        "parentJobName": None if parent is None else parent.name,
        "parentJobUuid": None if parent is None else job_uuid(parent),
        "createdAt": created,
        "updatedAt": updated,
        "namespace": node.namespace,
        "location": said(facets, "sourceCodeLocation", CodeLocation).url,
        "description": said(facets, "documentation", Documentation).description,
    }


@lru_cache(maxsize=10_000)
def job_uuid(node: Node) -> str:
    """Return the UUID that stands for a job in Marquez's answers."""
    return str(uuid5(_OURS, node.id))


def type_of(facets: Texts) -> str:
    """Return BATCH, STREAM or SERVICE, as the jobType facet says."""
    told = said(facets, "jobType", JobType)
    words = {(word or "").upper() for word in (told.processing, told.type)}
    if "SERVICE" in words:
        return "SERVICE"
    return "STREAM" if words & {"STREAMING", "STREAM"} else "BATCH"


def _labels(facets: Texts) -> list[str]:
    """Return the words of the jobType facet that Marquez makes labels of."""
    told = said(facets, "jobType", JobType)
    return [word for word in (told.type, told.integration) if word is not None]
