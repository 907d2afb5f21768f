"""Runs as questions get them. Every function takes an open database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from graph.errors import InvalidQueryError
from graph.records import RunRecord, RunState
from graph.store._reading import moment, nanoseconds
from graph.store._run_rows import COLUMNS, run_of
from graph.store.database import Database
from graph.store.log_format import packed_run_id, run_id_of, run_key
from graph.store.runs import STATES, Run


def runs(
    db: Database,
    jobs: Collection[int],
    states: Collection[RunState],
    began: tuple[datetime | None, datetime | None],
    after: str | None,
    limit: int,
) -> list[RunRecord]:
    """See `LineageReader.runs`."""
    return [record for _, record in found(db, jobs, states, began, after, limit)]


def found(
    db: Database,
    jobs: Collection[int],
    states: Collection[RunState],
    began: tuple[datetime | None, datetime | None],
    after: str | None,
    limit: int,
) -> list[tuple[Run, RunRecord]]:
    """Return runs as `LineageReader.runs` does, each with its record."""
    where, values = ["r.job NOT IN (SELECT entity FROM hidden)"], list[Any]()
    tables = "run AS r"
    if jobs:
        tables = (
            "each_key(?) AS k CROSS JOIN job_run AS j ON j.job = k.value"
            " CROSS JOIN run AS r ON r.number = j.run AND r.job = j.job"
        )
        values.append(list(set(jobs)))
    if states:
        where.append("r.state IN (SELECT value FROM each_key(?) AS s)")
        values.append([STATES.index(state) for state in states])
    for bound, time in zip((">=", "<"), began, strict=True):
        if time is not None:
            where.append(f"r.first_time {bound} ?")
            values.append(nanoseconds(time) + (1000 if bound == "<" else 0))
    if after is not None:
        last = place_of(db, after)
        where.append("(r.first_time < ? OR (r.first_time = ? AND i.id > ?))")
        values += [last, last, packed_run_id(after)]
    sql = f"""
        SELECT i.id, n.namespace, n.name, p.id, {COLUMNS}
        FROM {tables} JOIN run_id AS i ON i.number = r.number JOIN node AS n ON n.key = r.job
        LEFT JOIN run_id AS p ON p.number = r.parent
        WHERE {" AND ".join(where)} ORDER BY r.first_time DESC, i.id LIMIT ?
    """
    return [_record(row) for row in db.execute(sql, (*values, limit)).fetchall()]


def place_of(db: Database, run_id: str) -> int:
    """Return the time of a run's first event; InvalidQueryError where there is no such run."""
    row = db.execute(
        "SELECT r.first_time FROM run_id AS i JOIN run AS r ON r.number = i.number WHERE i.key = ?",
        (run_key(run_id),),
    ).fetchone()
    if row is None:
        raise InvalidQueryError(
            f"no run has the id {run_id!r}: `after` is the last run id of the page before"
        )
    return int(row[0])


def _record(row: tuple[Any, ...]) -> tuple[Run, RunRecord]:
    kept, namespace, name, parent = row[:4]
    run = run_of(row[4:])
    parent_id = None if parent is None else run_id_of(bytes(parent))
    return run, record_of(run, run_id_of(bytes(kept)), (namespace, name), parent_id)


def record_of(run: Run, run_id: str, job: tuple[str, str], parent_id: str | None) -> RunRecord:
    """Return the record of a run; `job` is the namespace and the name of its job."""
    started = run.started_at
    if started is not None and run.ended_at is not None and started > run.ended_at:
        started = None
    return RunRecord(
        run_id,
        run.job,
        *job,
        run.state,
        moment(started),
        moment(run.ended_at),
        parent_id,
        run.error,
        latest_at=moment(run.job_time),
    )
