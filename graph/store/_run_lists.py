"""Runs of jobs page by page. Every function takes an open database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from graph.store._log import LogReader
from graph.store._reading import moment
from graph.store._run_reading import record_of
from graph.store._run_rows import COLUMNS, run_of
from graph.store.catalog import ListedRun, ListedRuns
from graph.store.database import Database
from graph.store.log_format import run_id_of, run_key

_JOINED = """
    JOIN run_id AS i ON i.number = r.number JOIN node AS n ON n.key = r.job
    LEFT JOIN run_id AS p ON p.number = r.parent
"""
_SHOWN = f"i.id, n.namespace, n.name, p.id, {COLUMNS}"


def runs_of(db: Database, job: int, limit: int, offset: int) -> ListedRuns:
    """See `Catalog.runs_of`."""
    of_job = "job_run AS j CROSS JOIN run AS r ON r.number = j.run AND r.job = j.job"
    (total,) = db.execute(f"SELECT count(*) FROM {of_job} WHERE j.job = ?", (job,)).fetchone()
    rows = db.execute(
        f"SELECT {_SHOWN} FROM {of_job} {_JOINED} WHERE j.job = ?"
        " ORDER BY j.first_time DESC, i.id LIMIT ? OFFSET ?",
        (job, limit, offset),
    )
    return ListedRuns([_listed(row) for row in rows.fetchall()], total)


def latest_runs(db: Database, jobs: Collection[int], limit: int) -> dict[int, list[ListedRun]]:
    """See `Catalog.latest_runs`."""
    rows = db.execute(
        f"""
        SELECT {_SHOWN} FROM each_key(:keys) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND (j.first_time, j.run) IN (
            SELECT x.first_time, x.run FROM job_run AS x JOIN run AS y ON y.number = x.run AND y.job = x.job
            JOIN run_id AS z ON z.number = x.run
            WHERE x.job = k.value ORDER BY x.first_time DESC, z.id LIMIT :limit)
        CROSS JOIN run AS r ON r.number = j.run {_JOINED}
        ORDER BY j.first_time DESC, i.id
        """,
        {"keys": list(set(jobs)), "limit": limit},
    )
    found: dict[int, list[ListedRun]] = defaultdict(list)
    for row in rows.fetchall():
        listed = _listed(row)
        found[listed.record.job_key].append(listed)
    return dict(found)


def run(db: Database, run_id: str) -> ListedRun | None:
    """See `Catalog.run`."""
    row = db.execute(
        f"SELECT {_SHOWN} FROM run_id AS a CROSS JOIN run AS r ON r.number = a.number {_JOINED}"
        " WHERE a.key = ?",
        (run_key(run_id),),
    ).fetchone()
    return None if row is None else _listed(row)


def _listed(row: tuple[Any, ...]) -> ListedRun:
    kept, namespace, name, parent = row[:4]
    found = run_of(row[4:])
    parent_id = None if parent is None else run_id_of(bytes(parent))
    began = moment(found.first_time)
    assert began is not None, "every run has a first event"
    return ListedRun(record_of(found, run_id_of(bytes(kept)), (namespace, name), parent_id), began)


def types_of(db: Database, log: LogReader, run_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """See `Catalog.types_of`."""
    rows = db.execute(
        "SELECT DISTINCT r.id, e.form FROM each_key(?) AS k CROSS JOIN run_id AS r ON r.key = k.value"
        " CROSS JOIN event AS e ON e.run = r.number",
        (list({run_key(run_id) for run_id in run_ids}),),
    )
    found: dict[str, set[str]] = defaultdict(set)
    for kept, form in rows.fetchall():
        found[run_id_of(bytes(kept))].add(log.event_type(form))
    return {run_id: frozenset(types) for run_id, types in found.items()}
