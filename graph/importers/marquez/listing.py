"""The lists of a Marquez, page by page."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from graph.errors import ImportSourceError
from graph.importers.marquez.connection import Connection

PAGE = 100
_PASSES = 3

Record = Mapping[str, Any]


def namespaces(marquez: Connection) -> Iterator[Record]:
    """Yield the namespaces, also hidden ones."""
    return _listed(marquez, "namespaces", marquez.client.list_namespaces, "name")


def jobs(marquez: Connection, namespace: str) -> Iterator[Record]:
    """Yield the jobs of a namespace that are not deleted."""
    return _listed(marquez, "jobs", _of(marquez.client.list_jobs, namespace), "name")


def datasets(marquez: Connection, namespace: str) -> Iterator[Record]:
    """Yield the datasets of a namespace that are not deleted."""
    return _listed(marquez, "datasets", _of(marquez.client.list_datasets, namespace), "name")


def runs(marquez: Connection, namespace: str, job: str) -> Iterator[Record]:
    """Yield the runs of a job."""
    return _listed(marquez, "runs", _of(marquez.client.list_job_runs, namespace, job), "id")


def count_runs(marquez: Connection, namespace: str, job: str) -> int | None:
    """Return how many runs a job has; None where this Marquez does not say."""
    total = marquez.client.list_job_runs(namespace, job, limit=1).get("totalCount")
    return total if isinstance(total, int) else None


def _of(method: Callable[..., Any], *names: str) -> Callable[..., Any]:
    return lambda **page: method(*names, **page)


def _listed(marquez: Connection, key: str, ask: Callable[..., Any], identity: str) -> Iterator[Record]:
    """Yield what a list holds, each once.

    Jobs and runs are listed by when they last changed: what changes between two pages moves to the front and
    moves others across the boundary. So a list that gave less than it counts is gone through again.
    """
    seen: set[Hashable] = set()
    for _ in range(_PASSES):
        total, new, offset = 0, 0, 0
        while True:
            answer = ask(limit=PAGE, offset=offset)
            page = _page(marquez, key, answer)
            for record in page:
                if record.get(identity) not in seen:
                    seen.add(record.get(identity))
                    new += 1
                    yield record
            total = max(total, _count(answer))
            offset += PAGE
            if len(page) < PAGE:
                break
        if len(seen) >= total or not new:
            return


def _page(marquez: Connection, key: str, answer: Any) -> list[Record]:
    page = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
        raise ImportSourceError(marquez.url, f"its list of {key} is not a list of objects")
    return page


def _count(answer: Mapping[str, Any]) -> int:
    total = answer.get("totalCount")
    return total if isinstance(total, int) else 0
