"""Runs of which no event was received: events of other runs named them as their parents.

What is known of such a run is that it had begun when the first run under it began. Its job is the one under
which the jobs of those runs stand now, or the same where they name no other. Every function takes an open
database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from graph.nodes import Node
from graph.records import RunRecord, RunState
from graph.store._hierarchy import told_parents
from graph.store._reading import moment, nodes
from graph.store.catalog import ListedRun, ListedRuns
from graph.store.database import Database
from graph.store.log_format import run_id_of, run_key

_UNTOLD = """
    CROSS JOIN run AS r ON r.number = j.run AND r.job = j.job AND r.parent IS NOT NULL
    JOIN run_id AS i ON i.number = r.parent
    WHERE NOT EXISTS (SELECT 1 FROM run AS x WHERE x.number = r.parent)
"""


def untold_run(db: Database, run_id: str) -> ListedRun | None:
    """Return such a run, None where no event named it as a parent."""
    row = db.execute(
        "SELECT i.id, r.job, r.first_time FROM run_id AS i JOIN run AS r ON r.parent = i.number"
        " WHERE i.key = ? ORDER BY r.first_time, r.job LIMIT 1",
        (run_key(run_id),),
    ).fetchone()
    if row is None:
        return None
    kept, child, first = row
    job = told_parents(db, [child]).get(child, child)
    return _listed(bytes(kept), first, nodes(db, [job])[job])


def latest_untold(db: Database, jobs: Collection[int], limit: int) -> dict[int, list[ListedRun]]:
    """Return up to `limit` of these runs of each job, the latest first; jobs without any are left out.

    The latest `limit` runs of each job under a job are looked at.
    """
    below = _children(db, jobs)
    rows = db.execute(
        f"""
        SELECT j.job, i.id, min(r.first_time) FROM each_key(:children) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND (j.first_time, j.run) IN (
            SELECT y.first_time, y.run FROM job_run AS y WHERE y.job = k.value
            ORDER BY y.first_time DESC, y.run DESC LIMIT :limit)
        {_UNTOLD} GROUP BY j.job, i.id
        """,
        {"children": list(below), "limit": limit},
    ).fetchall()
    began: dict[int, dict[bytes, int]] = defaultdict(dict)
    for child, kept, first in rows:
        of_job = began[below[child]]
        of_job[bytes(kept)] = min(first, of_job.get(bytes(kept), first))
    named = nodes(db, began)
    found = {}
    for job, runs in began.items():
        ordered = sorted((-first, kept) for kept, first in runs.items())[:limit]
        found[job] = [_listed(kept, -first, named[job]) for first, kept in ordered]
    return found


def untold_of(db: Database, job: int, limit: int, offset: int) -> ListedRuns:
    """Return a page of these runs of a job, the latest first."""
    children = list(_children(db, [job]))
    of_job = f"each_key(?) AS k CROSS JOIN job_run AS j ON j.job = k.value {_UNTOLD}"
    (total,) = db.execute(f"SELECT count(DISTINCT r.parent) FROM {of_job}", (children,)).fetchone()
    rows = db.execute(
        f"SELECT i.id, min(r.first_time) AS began FROM {of_job}"
        " GROUP BY i.id ORDER BY began DESC, i.id LIMIT ? OFFSET ?",
        (children, limit, offset),
    ).fetchall()
    named = nodes(db, [job])
    return ListedRuns([_listed(bytes(kept), began, named[job]) for kept, began in rows], total)


def _children(db: Database, jobs: Collection[int]) -> dict[int, int]:
    """Return the jobs that stand under these, each with the one that it stands under."""
    rows = db.execute(
        "SELECT DISTINCT p.job FROM each_key(?) AS k CROSS JOIN job_parent AS p ON p.parent = k.value",
        (list(set(jobs)),),
    ).fetchall()
    wanted = set(jobs)
    above = told_parents(db, [child for (child,) in rows])
    return {child: parent for child, parent in above.items() if parent in wanted}


def _listed(kept: bytes, first_time: int, job: Node) -> ListedRun:
    began = moment(first_time)
    assert began is not None
    job_of = (job.key, job.namespace, job.name)
    return ListedRun(
        RunRecord(run_id_of(kept), *job_of, RunState.RUNNING, began, None, latest_at=began), began
    )
