"""The questions of `LineageReader` about the past as SQL. Every function takes an open connection."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from graph.records import EdgeKind, RunState
from graph.store._claims import claims_by_shape
from graph.store._contents import contents as contents_of
from graph.store._hidden import hidden_of
from graph.store._other_names import names_of, stands_for
from graph.store._reading import moment, nanoseconds
from graph.store._run_rows import COLUMNS, run_of
from graph.store.changes import Role
from graph.store.database import Database
from graph.store.field_names import named_fields
from graph.store.history import Assertion, Assertions, JobRun, Observed, Said, Version, Written
from graph.store.log_format import DamagedError, run_id_of
from graph.store.runs import STATES, Run, amounts_in

_READS, _WRITES = int(EdgeKind.READS), int(EdgeKind.WRITES)
_LATEST = 2**63 - 1
Amounts = dict[int, Written]
"""How much was written, by dataset."""


class Touched(NamedTuple):
    """The datasets that something names as read, and as written."""

    read: frozenset[int] = frozenset()
    wrote: frozenset[int] = frozenset()


def latest_event_time(db: Database) -> datetime | None:
    """See `LineageReader.latest_event_time`."""
    return moment(db.execute("SELECT event_time FROM log_end").fetchone()[0])


def count_runs(db: Database, since: datetime, until: datetime) -> dict[RunState, int]:
    """See `LineageReader.count_runs`."""
    rows = db.execute(
        "SELECT state, count(*) FROM run WHERE first_time >= ? AND first_time <= ?"
        " AND job NOT IN (SELECT entity FROM hidden) GROUP BY state",
        (nanoseconds(since), nanoseconds_until(until)),
    )
    return {STATES[state]: count for state, count in rows}


def last_heard(db: Database, keys: Collection[int]) -> dict[int, datetime]:
    """See `LineageReader.last_heard`."""
    rows = db.execute(
        "SELECT m.entity, max(f.last_time) FROM each_key(?) AS k"
        " CROSS JOIN form_entity AS m ON m.entity = k.value CROSS JOIN form AS f ON f.number = m.form"
        " GROUP BY m.entity",
        (list(asked := names_of(db, keys)),),
    )
    latest: dict[int, int] = {}
    for key, time in rows:
        latest[asked[key]] = max(time, latest.get(asked[key], time))
    return {key: at for key, time in latest.items() if (at := moment(time)) is not None}


def columns(db: Database, datasets: Collection[int]) -> dict[int, int]:
    """See `LineageReader.columns`."""
    sql = "SELECT key, dataset FROM node WHERE dataset IN (SELECT value FROM each_key(?) AS k)"
    return dict(db.execute(sql, (list(datasets),)).fetchall())


def datasets_of(db: Database, fields: Collection[int]) -> dict[int, int]:
    """Return the dataset of each of these fields, by keys."""
    sql = "SELECT key, dataset FROM node WHERE key IN (SELECT value FROM each_key(?) AS k)"
    return dict(db.execute(sql, (list(fields),)).fetchall())


def writers(db: Database, datasets: Collection[int]) -> dict[int, set[int]]:
    """See `LineageReader.writers`."""
    found = shapes_that_write(db, datasets)
    return without_hidden(db, {key: {job for job, _, _ in each} for key, each in found.items()})


def without_hidden(db: Database, writers: Mapping[int, set[int]]) -> dict[int, set[int]]:
    """Return who writes datasets without the jobs that are deleted."""
    gone = hidden_of(db, {job for jobs in writers.values() for job in jobs})
    return {dataset: left for dataset, jobs in writers.items() if (left := jobs - gone)}


def shapes_that_write(db: Database, datasets: Collection[int]) -> dict[int, set[tuple[int, int, int]]]:
    """Return for each dataset the jobs that any event named as writing it, with its shape and its owner."""
    asked = names_of(db, datasets)
    named = db.execute(
        f"""
        SELECT k.value, f.shape, f.owner FROM each_key(:keys) AS k
        CROSS JOIN form_entity AS m ON m.entity = k.value AND m.role = {int(Role.OUTPUT)}
        CROSS JOIN form AS f ON f.number = m.form
        UNION
        SELECT k.value, s.key, s.owner FROM each_key(:keys) AS k
        CROSS JOIN named_entity AS m ON m.entity = k.value CROSS JOIN shape AS s ON s.key = m.shape
        """,
        {"keys": list(asked)},
    ).fetchall()
    owners = {(entity, shape): owner for entity, shape, owner in named}
    found: dict[int, set[tuple[int, int, int]]] = defaultdict(set)
    for shape, claims in claims_by_shape(db, {shape for _, shape in owners}).items():
        for claim in claims:
            # What a facet about lineage alone names was not asked for by its name.
            if claim.kind == _WRITES and (claim.target, shape) in owners:
                owner = owners[claim.target, shape]
                found[asked[claim.target]].add((claim.source, shape, owner))
    return dict(found)


def job_runs(db: Database, jobs: Collection[int], until: datetime, limit: int) -> list[JobRun]:
    """See `LineageReader.job_runs`."""
    rows = db.execute(
        f"""
        SELECT i.id, p.id, j.shapes, {COLUMNS} FROM each_key(:keys) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND (j.first_time, j.run) IN (
            SELECT x.first_time, x.run FROM job_run AS x JOIN run AS y ON y.number = x.run AND y.job = x.job
            JOIN run_id AS z ON z.number = x.run WHERE x.job = k.value AND x.first_time <= :until
            ORDER BY x.first_time DESC, z.id LIMIT :limit)
        CROSS JOIN run AS r ON r.number = j.run
        JOIN run_id AS i ON i.number = r.number LEFT JOIN run_id AS p ON p.number = r.parent
        ORDER BY r.first_time DESC, i.id
        """,
        {"keys": list(set(jobs)), "until": nanoseconds_until(until), "limit": limit},
    ).fetchall()
    touched = _touched(db, {row[2] for row in rows})
    amounts = _amounts(db, [row[3] for row in rows])
    found = []
    for row in rows:
        parent = None if row[1] is None else run_id_of(bytes(row[1]))
        said = touched.get(row[2], Touched()), amounts.get(row[3], {})
        found.append(job_run(run_of(row[3:]), run_id_of(bytes(row[0])), parent, *said, until))
    return found


def job_run(
    run: Run, run_id: str, parent: str | None, touched: Touched, amounts: Amounts, until: datetime
) -> JobRun:
    """Return a run as history shows it; `touched` are the datasets that it names."""
    state, error, when_ended = run.state, run.error, moment(run.ended_at)
    if when_ended is not None and when_ended > until:
        state, when_ended, error = RunState.RUNNING, None, None
    began = moment(run.first_time)
    assert began is not None, "every run has a first event"
    return JobRun(
        run_id,
        run.job,
        state,
        began,
        when_ended,
        moment(run.started_at),
        parent,
        error,
        {each: amounts.get(each, Written()) for each in touched.wrote} | amounts,
        touched.read,
    )


def _touched(db: Database, sets: Collection[int]) -> dict[int, Touched]:
    """Return the datasets that each set of shapes names."""
    rows = db.execute(
        "SELECT s.shapes, s.shape FROM each_key(?) AS k CROSS JOIN shape_set AS s ON s.shapes = k.value",
        (list(sets),),
    ).fetchall()
    by_shape = touched_by(db, {shape for _, shape in rows})
    parts: dict[int, list[Touched]] = defaultdict(list)
    for key, shape in rows:
        parts[key].append(by_shape[shape])
    return {key: together(each) for key, each in parts.items()}


def together(parts: Iterable[Touched]) -> Touched:
    """Return what several shapes name together."""
    found = Touched()
    for part in parts:
        found = Touched(found.read | part.read, found.wrote | part.wrote)
    return found


def touched_by(db: Database, shapes: Collection[int]) -> dict[int, Touched]:
    """Return the datasets that each shape names."""
    found = {
        shape: Touched(
            frozenset(claim.source for claim in claims if claim.kind == _READS),
            frozenset(claim.target for claim in claims if claim.kind == _WRITES),
        )
        for shape, claims in claims_by_shape(db, shapes).items()
    }
    names = stands_for(db, {key for each in found.values() for key in (*each.read, *each.wrote)})
    return {
        shape: Touched(*(frozenset(names.get(key, key) for key in side) for side in each))
        for shape, each in found.items()
    }


def _amounts(db: Database, runs: Collection[int]) -> dict[int, Amounts]:
    """Return how much each run wrote to which dataset; statements that write the same one are added up."""
    keys = list(runs)
    rows = db.execute(
        f"""
        SELECT o.run, o.entity, o.kind, o.body FROM each_key(?) AS k
        CROSS JOIN observation AS o ON o.run = k.value
        WHERE o.kind = {int(Observed.STATEMENT_STATISTICS)}
        """,
        (keys,),
    ).fetchall()
    for run, wrote in db.execute(
        "SELECT r.number, r.wrote FROM each_key(?) AS k"
        " CROSS JOIN run AS r ON r.number = k.value AND r.wrote IS NOT NULL",
        (keys,),
    ):
        told = amounts_in(bytes(wrote), 0)
        rows += [(run, dataset, int(Observed.STATISTICS), body) for dataset, (_, body) in told.items()]
    return amounts_of(db, rows)


def amounts_of(db: Database, rows: Collection[tuple[int, int, int, bytes]]) -> dict[int, Amounts]:
    """Return how much each run wrote, from what was observed: run, entity, kind and body."""
    shapes = {entity for _, entity, kind, _ in rows if kind == Observed.STATEMENT_STATISTICS}
    targets = _statement_targets(db, shapes)
    found: dict[int, Amounts] = defaultdict(dict)
    for run, entity, kind, body in sorted(rows, key=lambda row: -row[2]):
        if kind == Observed.STATISTICS:  # comes last: what is said of the dataset itself counts
            found[run][entity] = Written(*msgspec.json.decode(body))
            continue
        for statement, count, size in msgspec.json.decode(body):
            for target in targets.get((entity, statement), ()):
                known = found[run].get(target, Written())
                found[run][target] = Written(_added(known.rows, count), _added(known.size, size))
    return _under_one_name(db, found)


def _under_one_name(db: Database, amounts: Mapping[int, Amounts]) -> dict[int, Amounts]:
    """Return the amounts by what stands for the datasets; what is said under that very name counts first."""
    names = stands_for(db, {dataset for of_run in amounts.values() for dataset in of_run})
    found: dict[int, Amounts] = {}
    for run, of_run in amounts.items():
        found[run] = {}
        for dataset in sorted(of_run, key=lambda key: (key in names, key)):
            found[run].setdefault(names.get(dataset, dataset), of_run[dataset])
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
        SELECT o.entity, i.id, r.job, p.id, o.event_time, o.body
        FROM each_key(:keys) AS k
        CROSS JOIN observation AS o ON (o.run, o.entity, o.kind) IN (
            SELECT x.run, x.entity, x.kind FROM observation AS x JOIN run_id AS z ON z.number = x.run
            WHERE x.kind = {int(Observed.ASSERTIONS)} AND x.entity = k.value AND x.event_time <= :until
            ORDER BY x.event_time DESC, z.id LIMIT :limit)
        JOIN run AS r ON r.number = o.run
        JOIN run_id AS i ON i.number = r.number LEFT JOIN run_id AS p ON p.number = r.parent
        ORDER BY o.event_time DESC, i.id, o.entity
        """,
        {"keys": list(asked := names_of(db, datasets)), "until": nanoseconds_until(until), "limit": limit},
    )
    found = []
    told: dict[int, int] = defaultdict(int)
    for name, kept, job, kept_parent, when, body in rows:
        entity = asked[name]
        told[entity] += 1
        if told[entity] > limit:
            continue
        parent = None if kept_parent is None else run_id_of(bytes(kept_parent))
        found.append(tests_of(entity, run_id_of(bytes(kept)), job, parent, when, body))
    return found


def tests_of(entity: int, run_id: str, job: int, parent: str | None, when: int, body: bytes) -> Assertions:
    """Return the tests that a run observed of a dataset."""
    at = moment(when)
    assert at is not None, "every observation has a time"
    tests = tuple(Assertion(*row) for row in msgspec.json.decode(body))
    return Assertions(entity, run_id, job, parent, at, tests)


def versions(
    db: Database,
    entities: Collection[int],
    until: datetime,
    last_said: Callable[[Collection[int]], Mapping[int, int]] | None = None,
) -> list[Version]:
    """See `LineageReader.versions`; `last_said` tells when forms that are said later were said by `until`."""
    rows = db.execute(
        """
        SELECT m.entity, f.owner, m.role, m.said, f.first_time, f.last_time, f.number
        FROM each_key(:keys) AS k
        CROSS JOIN form_entity AS m ON m.entity = k.value AND m.said IS NOT NULL
        CROSS JOIN form AS f ON f.number = m.form
        WHERE f.first_time <= :until
        """,
        {"keys": list(asked := names_of(db, entities)), "until": nanoseconds_until(until)},
    ).fetchall()
    end = nanoseconds_until(until)
    exact = last_said([row[6] for row in rows if row[5] > end]) if last_said is not None else {}
    contents = {
        key: msgspec.json.decode(raw) for key, raw in contents_of(db, {row[3] for row in rows}).items()
    }
    times: dict[tuple[int, int, Said, _Body], tuple[int, int]] = {}
    for name, owner, role, said, first, last_of_all, form in rows:
        entity = asked[name]
        last = exact.get(form, min(last_of_all, end))
        if said not in contents:
            raise DamagedError(f"the log has no content {said}")
        kind, body = _said(Role(role), contents[said])
        if body:
            known = times.get((entity, owner, kind, body), (first, last))
            times[entity, owner, kind, body] = min(first, known[0]), max(last, known[1])
    found = []
    for (entity, owner, kind, body), (first, last) in times.items():
        from_, to = moment(first), moment(last)
        assert from_ is not None
        assert to is not None
        found.append(Version(entity, owner, kind, body, from_, to))
    return sorted(found, key=lambda one: (one.entity, one.kind, one.owner, one.first, one.body))


_Body = tuple[tuple[str, str], ...]


def _said(role: Role, facet: Mapping[str, Any]) -> tuple[Said, _Body]:
    """Return what a facet says of a schema or of the version of a job's code; nothing where it does not."""
    if role is Role.JOB:
        version = facet.get("version")
        told = isinstance(version, str) and version.strip() != ""
        return Said.CODE_VERSION, ((str(version), ""),) if told else ()
    fields = sorted((name, str(about.get("type") or "")) for name, about in named_fields(facet.get("fields")))
    return Said.READ_SCHEMA if role is Role.INPUT else Said.WRITTEN_SCHEMA, tuple(fields)


def nanoseconds_until(time: datetime) -> int:
    """Return a time as the store has it, with the whole of its last microsecond."""
    return min(nanoseconds(time) + 999, _LATEST)
