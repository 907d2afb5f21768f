"""What stands above and below runs and jobs: query, task, DAG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from graph import nodes
from graph.nodes import Node
from graph.records import RunRecord
from graph.store import _reading as read
from graph.store._log import LogReader
from graph.store._run_details import runs_called
from graph.store._run_reading import record_of
from graph.store._run_rows import COLUMNS, id_of, run_of
from graph.store._run_said import said_by
from graph.store._writers import Known
from graph.store.database import Database
from graph.store.log_format import packed_run_id, run_id_of, run_key
from graph.store.runs import Run
from graph.store.versions import RunAbove, RunBelow

_LEVELS = 32
"""How far up and down is looked; a circle of parents ends here."""


def _records(known: Known, runs: Mapping[str, Run]) -> dict[str, RunRecord]:
    jobs = read.nodes(known.db, {run.job for run in runs.values()})
    parents = _ids(known, {run.parent for run in runs.values() if run.parent is not None})
    return {
        run_id: record_of(
            run,
            run_id,
            (jobs[run.job].namespace, jobs[run.job].name),
            None if run.parent is None else parents[run.parent],
        )
        for run_id, run in runs.items()
    }


def _ids(known: Known, numbers: Iterable[int]) -> dict[int, str]:
    return {number: run_id_of(id_of(known.db, number)) for number in numbers}


def runs_above(known: Known, log: LogReader, run_ids: Collection[str]) -> dict[str, tuple[RunAbove, ...]]:
    """See `LineageReader.runs_above`."""
    asked = runs_called(known, run_ids)
    received = {run.number: run for run in asked.values()}
    wanted = {run.parent for run in asked.values() if run.parent is not None}
    ids = {run.number: run_id for run_id, run in asked.items()}
    for _ in range(_LEVELS):
        new = wanted - ids.keys()
        if not new:
            break
        ids |= _ids(known, new)
        found = runs_called(known, [ids[number] for number in new])
        received |= {run.number: run for run in found.values()}
        wanted = {run.parent for run in found.values() if run.parent is not None}
    ways = {run_id: _way(run.number, received, ids) for run_id, run in asked.items()}
    told = _told_parents(known, log, [way[-2:][0] for way in ways.values() if len(way) > 1], ids)
    jobs = read.nodes(known.db, {run.job for run in received.values()})
    return {run_id: tuple(_above(known, way, received, jobs, ids, told)) for run_id, way in ways.items()}


def _way(number: int, received: Mapping[int, Run], known: Collection[int]) -> list[int]:
    """Return the numbers of a run and of those above it, the nearest first."""
    way = [number]
    while (run := received.get(way[-1])) is not None:
        if run.parent is None or run.parent in way or run.parent not in known:
            break
        way.append(run.parent)
    return way


def _told_parents(
    known: Known, log: LogReader, runs: Collection[int], ids: Mapping[int, str]
) -> dict[int, Mapping[str, Any]]:
    """Return the parent facet of each of these runs."""
    said = said_by(known.db, log, runs, known.until)
    return {number: said[ids[number]].facets.get("parent", {}) for number in set(runs)}


def _above(
    known: Known,
    way: list[int],
    received: Mapping[int, Run],
    jobs: Mapping[int, Node],
    ids: Mapping[int, str],
    told: Mapping[int, Mapping[str, Any]],
) -> Iterable[RunAbove]:
    if len(way) < 2:
        return
    *between, last = way[1:]
    for number in between:
        yield RunAbove(ids[number], jobs[received[number].job], received[number].state)
    facet = told[way[-2]]
    run = received.get(last)
    if run is not None:
        yield RunAbove(ids[last], jobs[run.job], run.state)
    else:
        yield RunAbove(ids[last], _job_in(facet), None)
    root = _mapping(facet.get("root"))
    root_id = _mapping(root.get("run")).get("runId")
    if isinstance(root_id, str) and root_id.strip() and root_id not in {ids[number] for number in way}:
        found = runs_called(known, [root_id]).get(root_id)
        yield RunAbove(root_id, _job_in(root), None if found is None else found.state)


def _job_in(facet: Mapping[str, Any]) -> Node | None:
    job = _mapping(facet.get("job"))
    namespace, name = job.get("namespace"), job.get("name")
    told = all(isinstance(text, str) and text.strip() for text in (namespace, name))
    return nodes.job(str(namespace), str(name)) if told else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def runs_below(known: Known, run_id: str, limit: int) -> list[RunBelow]:
    """See `LineageReader.runs_below`."""
    row = known.db.execute("SELECT number FROM run_id WHERE key = ?", (run_key(run_id),)).fetchone()
    found: list[tuple[int, str, Run]] = []
    seen = {row[0]} if row is not None else set()
    ahead = set(seen)
    for depth in range(1, _LEVELS + 1):
        if not ahead or len(found) > limit:
            break
        level = {run_id: run for run_id, run in _under(known, ahead).items() if run.number not in seen}
        order = sorted(level, key=lambda each: (level[each].first_time, packed_run_id(each)))
        found += [(depth, each, level[each]) for each in order]
        ahead = {run.number for run in level.values()}
        seen |= ahead
    found = found[:limit]
    records = _records(known, {run_id: run for _, run_id, run in found})
    return [RunBelow(depth, records[run_id]) for depth, run_id, _ in found]


def _under(known: Known, parents: Collection[int]) -> dict[str, Run]:
    rows = known.db.execute(
        f"SELECT i.id, {COLUMNS} FROM each_key(?) AS k"
        " CROSS JOIN run AS r ON r.parent = k.value AND r.first_time <= ?"
        " JOIN run_id AS i ON i.number = r.number",
        (list(parents), known.until),
    ).fetchall()
    found = {run_id_of(bytes(row[0])): run_of(row[1:]) for row in rows}
    if known.past is not None:
        later = [run.number for run in found.values() if run.job_time > known.until]
        found |= {past.run_id: past.run for past in known.past.as_they_were(later)}
    return {run_id: run for run_id, run in found.items() if run.parent in parents}


def children(known: Known, jobs: Collection[int], latest: Mapping[int, Node]) -> dict[int, list[Node]]:
    """Return the jobs under each job; `latest` are the parents of those that ever were, see `ever_under`."""
    of = read.nodes(known.db, latest)
    found: dict[int, list[Node]] = defaultdict(list)
    for child, parent in latest.items():
        if parent.key in set(jobs):
            found[parent.key].append(of[child])
    return {job: sorted(below) for job, below in found.items()}


def ever_under(known: Known, jobs: Collection[int]) -> list[int]:
    """Return the jobs above which one of these was ever named."""
    rows = known.db.execute(
        """
        SELECT p.job FROM each_key(:jobs) AS k CROSS JOIN job_parent AS p ON p.parent = k.value
            AND p.first_time <= :until
        UNION
        SELECT r.job FROM each_key(:jobs) AS k CROSS JOIN job_root AS r ON r.root = k.value
            AND r.first_time <= :until
        """,
        {"jobs": list(set(jobs)), "until": known.until},
    )
    return [job for (job,) in rows]


def parents(known: Known, jobs: Collection[int], told: Mapping[int, int]) -> dict[int, Node]:
    """See `LineageReader.parents`; `told` are the parents that the runs of jobs name.

    Above a job that names none stands the root that those under it name: of several the last new one.
    """
    rows = known.db.execute(
        "SELECT r.job, r.root FROM each_key(?) AS k CROSS JOIN job_root AS r ON r.job = k.value"
        " AND r.first_time <= ? ORDER BY r.first_time, r.root",
        (list(set(jobs) - told.keys()), known.until),
    )
    above = {**dict(rows.fetchall()), **told}
    names = read.nodes(known.db, set(above.values()))
    return {job: names[parent] for job, parent in above.items()}


def told_parents(db: Database, jobs: Collection[int]) -> dict[int, int]:
    """Return the keys of the parents that the runs of these jobs named last."""
    rows = db.execute(
        "SELECT p.job, p.parent FROM each_key(?) AS k CROSS JOIN job_parent AS p ON p.job = k.value"
        " ORDER BY p.last_time, p.parent",
        (list(set(jobs)),),
    )
    return dict(rows.fetchall())
