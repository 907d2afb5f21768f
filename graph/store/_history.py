"""The questions of `LineageReader` about the past as SQL. Every function takes an open connection."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from graph.records import EdgeKind, Origin, RunState
from graph.store._reading import moment, nanoseconds
from graph.store.database import Database
from graph.store.history import Assertion, Assertions, JobRun, Observed, Said, Version, Written

_WRITES = int(EdgeKind.WRITES)
_LATEST = 2**63 - 1
_Amounts = dict[int, Written]


def latest_event_time(db: Database) -> datetime | None:
    """See `LineageReader.latest_event_time`."""
    row = db.execute("SELECT event_time FROM latest").fetchone()
    return moment(row[0]) if row else None


def count_runs(db: Database, since: datetime, until: datetime) -> dict[RunState, int]:
    """See `LineageReader.count_runs`."""
    rows = db.execute(
        "SELECT state, count(*) FROM run WHERE first_time >= ? AND first_time <= ? GROUP BY state",
        (nanoseconds(since), _nanoseconds(until)),
    )
    return {RunState(state): count for state, count in rows}


def last_heard(db: Database, keys: Collection[int]) -> dict[int, datetime]:
    """See `LineageReader.last_heard`."""
    rows = db.execute(
        """
        SELECT k.value,
            (SELECT job_time FROM run WHERE job = k.value ORDER BY first_time DESC LIMIT 1),
            (SELECT event_time FROM declaration WHERE owner = k.value),
            (SELECT event_time FROM declaration WHERE owner = -k.value),
            (SELECT max(event_time) FROM facet WHERE entity = k.value)
        FROM each_key(?) AS k
        """,
        (list(keys),),
    ).fetchall()
    found = {key: max((time for time in times if time is not None), default=None) for key, *times in rows}
    return {key: at for key, time in found.items() if (at := moment(time)) is not None}


def columns(db: Database, datasets: Collection[int]) -> dict[int, int]:
    """See `LineageReader.columns`."""
    sql = "SELECT key, dataset FROM node WHERE dataset IN (SELECT value FROM each_key(?) AS k)"
    return dict(db.execute(sql, (list(datasets),)).fetchall())


def writers(db: Database, datasets: Collection[int]) -> dict[int, set[int]]:
    """See `LineageReader.writers`."""
    found: dict[int, set[int]] = defaultdict(set)
    rows = db.execute(
        f"""
        SELECT DISTINCT e.target, e.source FROM each_key(?) AS k
        CROSS JOIN shape_edge AS e ON e.kind = {_WRITES} AND e.target = k.value
        """,
        (list(datasets),),
    )
    for target, source in rows:
        found[target].add(source)
    return dict(found)


def job_runs(db: Database, jobs: Collection[int], until: datetime, limit: int) -> list[JobRun]:
    """See `LineageReader.job_runs`."""
    rows = db.execute(
        """
        SELECT r.key, r.run_id, r.job, r.state, r.first_time, r.started_at, r.ended_at, r.parent_run_id,
            r.error, j.shapes
        FROM each_key(:keys) AS k
        CROSS JOIN run AS r ON r.key IN (
            SELECT key FROM run WHERE job = k.value AND first_time <= :until
            ORDER BY first_time DESC LIMIT :limit)
        JOIN job_run AS j ON j.run = r.key AND j.job = r.job
        ORDER BY r.first_time DESC, r.run_id
        """,
        {"keys": list(jobs), "until": _nanoseconds(until), "limit": limit},
    ).fetchall()
    outputs = _outputs(db, {row[-1] for row in rows})
    amounts = _amounts(db, [row[0] for row in rows])
    return [_job_run(row, outputs.get(row[-1], ()), amounts.get(row[0], {}), until) for row in rows]


def _job_run(row: tuple[Any, ...], outputs: Iterable[int], amounts: _Amounts, until: datetime) -> JobRun:
    _, run_id, job, state, first, started, ended, parent, error, _ = row
    when_ended = moment(ended)
    if when_ended is not None and when_ended > until:
        state, when_ended, error = RunState.RUNNING, None, None
    began = moment(first)
    assert began is not None, "every run has a first event"
    wrote = {each: amounts.get(each, Written()) for each in outputs}
    return JobRun(
        run_id, job, RunState(state), began, when_ended, moment(started), parent, error, {**wrote, **amounts}
    )


def _outputs(db: Database, sets: Collection[int]) -> dict[int, set[int]]:
    """Return the datasets that each set of shapes names as written."""
    # With the origins spelt out the primary key is searched: most edges of a shape are of fields.
    origins = ", ".join(str(int(origin)) for origin in Origin)
    rows = db.execute(
        f"""
        SELECT DISTINCT s.shapes, e.target FROM each_key(?) AS k
        CROSS JOIN shape_set AS s ON s.shapes = k.value
        CROSS JOIN shape_edge AS e ON e.shape = s.shape AND e.origin IN ({origins}) AND e.kind = {_WRITES}
        """,
        (list(sets),),
    )
    found: dict[int, set[int]] = defaultdict(set)
    for shapes, target in rows:
        found[shapes].add(target)
    return found


def _amounts(db: Database, runs: Collection[int]) -> dict[int, _Amounts]:
    """Return how much each run wrote to which dataset; statements that write the same one are added up."""
    rows = db.execute(
        f"""
        SELECT o.run, o.entity, o.kind, o.body FROM each_key(?) AS k
        CROSS JOIN observation AS o ON o.run = k.value
        WHERE o.kind IN ({int(Observed.STATISTICS)}, {int(Observed.STATEMENT_STATISTICS)})
        """,
        (list(runs),),
    ).fetchall()
    shapes = {entity for _, entity, kind, _ in rows if kind == Observed.STATEMENT_STATISTICS}
    targets = _statement_targets(db, shapes)
    found: dict[int, _Amounts] = defaultdict(dict)
    for run, entity, kind, body in sorted(rows, key=lambda row: -row[2]):
        if kind == Observed.STATISTICS:  # comes last: what is said of the dataset itself counts
            found[run][entity] = Written(*msgspec.json.decode(body))
            continue
        for statement, count, size in msgspec.json.decode(body):
            for target in targets.get((entity, statement), ()):
                known = found[run].get(target, Written())
                found[run][target] = Written(_added(known.rows, count), _added(known.size, size))
    return found


def _added(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else one + other


def _statement_targets(db: Database, shapes: Collection[int]) -> Mapping[tuple[int, int], Collection[int]]:
    """Return the datasets that each text of these shapes writes, by shape and place."""
    if not shapes:
        return {}
    rows = db.execute(
        "SELECT shape, place, writes FROM derivation WHERE shape IN (SELECT value FROM each_key(?) AS k)",
        (list(shapes),),
    )
    found: dict[tuple[int, int], set[int]] = defaultdict(set)
    for shape, place, writes in rows:
        found[shape, place].update(json.loads(writes))
    return found


def assertions(db: Database, datasets: Collection[int], until: datetime, limit: int) -> list[Assertions]:
    """See `LineageReader.assertions`."""
    rows = db.execute(
        f"""
        SELECT o.entity, r.run_id, r.job, r.parent_run_id, o.event_time, o.body
        FROM each_key(:keys) AS k
        CROSS JOIN observation AS o ON (o.run, o.entity, o.kind) IN (
            SELECT run, entity, kind FROM observation
            WHERE kind = {int(Observed.ASSERTIONS)} AND entity = k.value AND event_time <= :until
            ORDER BY event_time DESC LIMIT :limit)
        JOIN run AS r ON r.key = o.run
        ORDER BY o.event_time DESC, r.run_id
        """,
        {"keys": list(datasets), "until": _nanoseconds(until), "limit": limit},
    )
    found = []
    for entity, run_id, job, parent, when, body in rows:
        at = moment(when)
        assert at is not None, "every observation has a time"
        tests = tuple(Assertion(*row) for row in msgspec.json.decode(body))
        found.append(Assertions(entity, run_id, job, parent, at, tests))
    return found


def versions(db: Database, entities: Collection[int], until: datetime) -> list[Version]:
    """See `LineageReader.versions`."""
    rows = db.execute(
        """
        SELECT s.entity, s.owner, s.kind, s.body, s.first_time, least(s.last_time, :until)
        FROM each_key(:keys) AS k
        CROSS JOIN saying AS s ON s.entity = k.value WHERE s.first_time <= :until
        ORDER BY s.entity, s.kind, s.owner, s.first_time, s.digest
        """,
        {"keys": list(entities), "until": _nanoseconds(until)},
    )
    found = []
    for entity, owner, number, body, first, last in rows:
        kind, from_, to = Said(number), moment(first), moment(last)
        assert from_ is not None
        assert to is not None
        if kind is Said.CODE_VERSION:
            said: tuple[tuple[str, str], ...] = ((body.decode("utf-8", "surrogatepass"), ""),)
        else:
            said = tuple((name, type_) for name, type_ in msgspec.json.decode(body))
        found.append(Version(entity, owner, kind, said, from_, to))
    return found


def _nanoseconds(time: datetime) -> int:
    """Return a time as the store has it, with the whole of its last microsecond."""
    return min(nanoseconds(time) + 999, _LATEST)
