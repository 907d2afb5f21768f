"""What the events of a Marquez tell of: whatever it knows beyond that has to be asked for."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import md5
from typing import Any

import msgspec

Name = tuple[str, str]
"""Namespace and name."""


class Told:
    """The runs, jobs and datasets of events, and the names of the facets they gave them."""

    def __init__(self) -> None:
        self.jobs: dict[Name, set[str]] = {}
        self.datasets: dict[Name, set[str]] = {}
        self.runs_of: Counter[Name] = Counter()
        self._runs: set[bytes] = set()
        self._parents: set[Name] = set()
        self._parent_runs: set[bytes] = set()

    def take(self, body: bytes) -> None:
        """Note what an event tells of."""
        event = _mapping(msgspec.json.decode(body))
        job = _mapping(event.get("job"))
        if job:
            self.jobs.setdefault(_name(job), set()).update(_facets(job))
        if (run := _mapping(event.get("run"))) and (key := _run_key(run.get("runId"))) not in self._runs:
            self._runs.add(key)
            self.runs_of[_name(job)] += 1
        if dataset := _mapping(event.get("dataset")):
            self.datasets.setdefault(_name(dataset), set()).update(_facets(dataset))
        for dataset in _listed(event.get("inputs")):
            self.datasets.setdefault(_name(dataset), set()).update(_facets(dataset))
        for dataset in _listed(event.get("outputs")):
            # A job that writes it has told how: older column lineage is not current any more.
            facets = (*_facets(dataset), "columnLineage")
            self.datasets.setdefault(_name(dataset), set()).update(facets)
        self._parent(_mapping(_mapping(run.get("facets")).get("parent")), _name(job)[0])

    def _parent(self, facet: Mapping[str, Any], namespace: str) -> None:
        """Note the parent: Marquez makes a run and a job of it, in the namespace of the child."""
        if not facet:
            return
        self._parent_runs.add(_run_key(_mapping(facet.get("run")).get("runId")))
        _, name = _name(_mapping(facet.get("job")))
        # Marquez cuts the name of a task off where it finds one.
        self._parents |= {(namespace, name), (namespace, name.rpartition(".")[0])}

    def has_run(self, run_id: str) -> bool:
        """Say whether events tell of a run, if only as the parent of another."""
        key = _run_key(run_id)
        return key in self._runs or key in self._parent_runs

    def has_job(self, name: Name) -> bool:
        """Say whether events tell of a job, if only as the parent of another."""
        return name in self.jobs or name in self._parents

    def job_name(self, job: Mapping[str, Any]) -> Name:
        """Return the name that events have for a job: Marquez puts the parent's name before it."""
        namespace, name = _name(job)
        simple = job.get("simpleName")
        if (namespace, name) not in self.jobs and job.get("parentJobName") and isinstance(simple, str):
            return (namespace, simple) if (namespace, simple) in self.jobs else (namespace, name)
        return namespace, name


def unlisted(told: Iterable[Name], listed: Iterable[Name], namespaces: Iterable[str]) -> list[Name]:
    """Return what was told of in these namespaces and does not stand in Marquez's lists, in order."""
    known = set(namespaces)
    return sorted(name for name in set(told) - set(listed) if name[0] in known)


def _run_key(run_id: Any) -> bytes:
    """Return a run id as Marquez keeps it: what is no UUID becomes one by its MD5."""
    text = run_id if isinstance(run_id, str) else ""
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        digest = md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        return uuid.UUID(bytes=digest, version=3).bytes


def _name(entity: Mapping[str, Any]) -> Name:
    return str(entity.get("namespace", "")), str(entity.get("name", ""))


def _facets(entity: Mapping[str, Any]) -> Iterable[str]:
    return _mapping(entity.get("facets")).keys()


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
