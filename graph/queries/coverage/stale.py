"""Jobs and datasets that were not heard of for long: retired, or broken and unnoticed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from graph.nodes import Node, NodeType
from graph.queries.coverage.findings import Check, CheckResult, Finding, found, skipped
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader

_PAGE = 2_000
_PRUNE = (
    "if it is retired, `lineage delete` it and remove it by `lineage prune --decommissioned`;"
    " else find out why it no longer runs"
)
_NEVER = datetime.min.replace(tzinfo=UTC)


def heard_lately(reader: LineageReader, since: datetime) -> CheckResult:
    """Find jobs and datasets without an event at or after `since`.

    A job was heard of when the latest of its runs was; a dataset when a job was that reads or writes it now
    (or that ever wrote it, where none does now); both when an event declared their lineage or gave them a
    facet. Those of which the time is not known are left out.
    """
    total, findings = 0, []
    for node, heard in _heard(reader):
        if heard is None:
            continue
        total += 1
        if heard < since:
            findings.append(Finding(node.label, "not heard of for too long", _PRUNE, node, since=heard))
    if not total:
        return skipped(Check.STALE, "it is not known when anything was heard of")
    findings.sort(key=lambda each: (each.since or _NEVER, each.where))
    return found(Check.STALE, total, findings)


def _heard(reader: LineageReader) -> Iterator[tuple[Node, datetime | None]]:
    """Yield every job and dataset with the time that it was last heard of, None where that is not known."""
    of_job: dict[int, datetime] = {}
    for page in _pages(reader, NodeType.JOB):
        of_job |= reader.last_heard(page)
        yield from ((node, of_job.get(key)) for key, node in page.items())
    for page in _pages(reader, NodeType.DATASET):
        declared = reader.last_heard(page)
        jobs = _jobs_of(reader, page)
        for key, node in page.items():
            times = [of_job[job] for job in jobs.get(key, ()) if job in of_job]
            times += [declared[key]] if key in declared else []
            yield node, max(times, default=None)


def _pages(reader: LineageReader, type_: NodeType) -> Iterator[dict[int, Node]]:
    after = -1
    while page := reader.all_nodes((type_,), after=after, limit=_PAGE):
        after = page[-1][0]
        yield dict(page)


def _jobs_of(reader: LineageReader, datasets: Collection[int]) -> dict[int, set[int]]:
    """Return the jobs that read or write each dataset now or, where there are none, ever wrote it."""
    found: dict[int, set[int]] = defaultdict(set)
    for edge in reader.incident(datasets, EdgeKind.READS, Direction.DOWNSTREAM):
        found[edge.source].add(edge.target)
    for edge in reader.incident(datasets, EdgeKind.WRITES, Direction.UPSTREAM):
        found[edge.target].add(edge.source)
    return {**reader.writers([key for key in datasets if key not in found]), **found}
