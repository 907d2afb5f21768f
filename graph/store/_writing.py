"""One batch of changes as one transaction. Every function takes a connection inside an open transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from graph.nodes import Node, NodeType, dataset, hash63
from graph.records import EdgeKind, RunState
from graph.store._claims import (
    BY_EVENT,
    BY_LINEAGE,
    BY_SCHEMA,
    KeyCollisionError,
    put_claims,
    put_nodes,
)
from graph.store._deriving import wait_again
from graph.store._observing import Observing
from graph.store._projecting import refresh, say_on_day
from graph.store._queries import RunsQueries
from graph.store.changes import (
    Alias,
    Changes,
    FacetChange,
    Outcome,
    Part,
    Rejected,
    Shape,
    Status,
)
from graph.store.database import Database
from graph.store.runs import Run, merge, run_key


@dataclass(slots=True)
class Batch:
    """What a batch has changed so far and has yet to write, so that each row is written once a batch."""

    runs: dict[int, Run] = field(default_factory=dict)
    shapes: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    """By run and job: the shapes that the run's events about the job have."""
    facets: dict[tuple[int, str], tuple[int, FacetChange]] = field(default_factory=dict)
    parents: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By job: event time and key of the latest parent job."""
    parent_jobs: dict[int, Node] = field(default_factory=dict)
    owners: set[int] = field(default_factory=set)
    observing: Observing = field(default_factory=Observing)
    queries: RunsQueries = field(default_factory=RunsQueries)
    described: set[int] = field(default_factory=set)
    """Datasets of whose columns something new is said."""


def apply(
    db: Database, batch: Sequence[tuple[Changes | Rejected, bytes]], now: int, known: set[int]
) -> list[Outcome]:
    """Write a batch; each item comes with its body compressed. `known` collects the keys of stored shapes."""
    pending = Batch()
    outcomes = [
        _reject(db, item, body, now)
        if isinstance(item, Rejected)
        else _accept(db, item, body, now, pending, known)
        for item, body in batch
    ]
    _flush_runs(db, pending)
    for when, change in pending.facets.values():
        _put_facet(db, when, change, pending)
    put_nodes(db, pending.parent_jobs, dict.fromkeys(pending.parent_jobs, BY_EVENT))
    wait_again(db, pending.described)
    db.executemany(
        """
        INSERT INTO job_parent VALUES (?, ?, ?) ON CONFLICT (job) DO UPDATE
        SET event_time = excluded.event_time, parent = excluded.parent
        WHERE (excluded.event_time, excluded.parent) > (job_parent.event_time, job_parent.parent)
        """,
        [(job, *parent) for job, parent in pending.parents.items()],
    )
    pending.observing.flush(db)
    pending.queries.flush(db)
    refresh(db, pending.owners)
    return outcomes


def _reject(db: Database, item: Rejected, body: bytes, now: int) -> Outcome:
    digest = hashlib.blake2b(item.body, digest_size=16).digest()
    db.execute(
        "INSERT INTO dead_letter (digest, received_at, reasons, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET reasons = excluded.reasons",
        (digest, now, json.dumps(item.reasons), body),
    )
    return Outcome(Status.REJECTED, item.reasons)


def remove_dead_letters(db: Database, ids: Iterable[str]) -> int:
    """Delete dead letters by id and return how many there were."""
    rows = [(bytes.fromhex(each),) for each in set(ids)]
    return db.executemany("DELETE FROM dead_letter WHERE digest = ?", rows)


def _accept(db: Database, item: Changes, body: bytes, now: int, pending: Batch, known: set[int]) -> Outcome:
    run = run_key(item.run.run_id) if item.run else None
    row = (item.event_id, item.event_time, now, int(item.kind), item.shape_key, run, body)
    written = db.execute(
        "INSERT INTO event (event_id, event_time, received_at, kind, shape, run, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING",
        row,
    )
    if not written.rowcount:
        return Outcome(Status.DUPLICATE)
    _put_shape(db, item.owner, Part(item.shape_key, item.shape), known, pending)
    if run is not None:
        _note_run(db, item, run, pending)
        _note_window(db, item, known, pending)
    elif item.declares:
        _declare(db, item)
        pending.owners.add(item.owner)
    _note_facets(item, pending)
    pending.observing.note(item)
    pending.queries.note(item)
    if item.parent is not None:
        parent = (item.event_time, item.parent.key)
        pending.parents[item.owner] = max(parent, pending.parents.get(item.owner, parent))
        pending.parent_jobs[parent[1]] = item.parent
    return Outcome(Status.ACCEPTED)


def _note_facets(item: Changes, pending: Batch) -> None:
    for change in item.facets:
        slot = (change.entity, change.name)
        known_time, known_change = pending.facets.get(slot, (item.event_time, change))
        if item.event_time > known_time or (item.event_time == known_time and _wins(change, known_change)):
            pending.facets[slot] = (item.event_time, change)


def _note_window(db: Database, item: Changes, known: set[int], pending: Batch) -> None:
    """Have what the window of an operation says count for its day."""
    window = item.run.window if item.run is not None else None
    if window is None or window.day is None:
        return
    for part in window.parts:
        _put_shape(db, item.owner, part, known, pending)
    if say_on_day(db, item.owner, window.day, [part.shape_key for part in window.parts]):
        pending.owners.add(item.owner)


def _put_shape(db: Database, owner: int, part: Part, known: set[int], pending: Batch) -> None:
    key = part.shape_key
    if key in known:
        return
    known.add(key)
    if db.execute("SELECT 1 FROM shape WHERE key = ?", (key,)).fetchone():
        return
    shape = part.shape()
    covered = None if shape.covered is None else json.dumps(sorted(shape.covered))
    waiting = int(shape.sql is not None)
    db.execute(
        "INSERT INTO shape (key, owner, covered, sql, waiting) VALUES (?, ?, ?, ?, ?)",
        (key, owner, covered, shape.sql, waiting),
    )
    put_nodes(db, shape.nodes, _named(shape))
    put_claims(db, key, shape.claims)
    pending.described.update(
        dataset(node.namespace, node.name).key for node in shape.nodes.values() if node.type is NodeType.FIELD
    )
    _put_aliases(db, shape.aliases)


def _named(shape: Shape) -> dict[int, int]:
    """Return who names each node of a shape."""
    named = dict.fromkeys(shape.nodes, BY_EVENT)
    for key in shape.schema_fields:
        named[key] |= BY_SCHEMA
    for claim in shape.claims:
        if claim.kind is EdgeKind.FIELD:
            named[claim.source] |= BY_LINEAGE
            named[claim.target] |= BY_LINEAGE
    return named


def _put_aliases(db: Database, aliases: Iterable[Alias]) -> None:
    db.executemany(
        "INSERT INTO alias (namespace, name, symlink, target, reversed) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(a.namespace, a.name, int(a.symlink), a.target, a.name[::-1]) for a in aliases],
    )


_RUN_COLUMNS = (
    "key, run_id, job, job_time, first_time, state, started_at, ended_at,"
    " parent_run_id, parent_time, error, error_time, is_window"
)


def _note_run(db: Database, item: Changes, key: int, pending: Batch) -> None:
    run = pending.runs.get(key)
    if run is None:
        row = db.execute(f"SELECT {_RUN_COLUMNS} FROM run WHERE key = ?", (key,)).fetchone()
        run = replace(Run(*row), state=RunState(row[5]), window=bool(row[12])) if row else None
    if run is not None and item.run is not None and run.run_id != item.run.run_id:
        raise KeyCollisionError(f"runs {run.run_id} and {item.run.run_id} have the same key {key}")
    pending.runs[key] = merge(run, item)
    slot = (key, item.owner)
    if slot not in pending.shapes:
        rows = db.execute(
            "SELECT s.shape FROM job_run AS j JOIN shape_set AS s ON s.shapes = j.shapes"
            " WHERE j.run = ? AND j.job = ?",
            slot,
        )
        pending.shapes[slot] = {shape for (shape,) in rows}
    pending.shapes[slot].add(item.shape_key)


def _flush_runs(db: Database, pending: Batch) -> None:
    for run in pending.runs.values():
        marks = ", ".join("?" * 13)
        row = (run.key, run.run_id, run.job, run.job_time, run.first_time, run.state.value)
        times = (run.started_at, run.ended_at, run.parent_run_id, run.parent_time)
        rest = (run.error, run.error_time, int(run.window))
        db.execute(
            f"INSERT INTO run ({_RUN_COLUMNS}) VALUES ({marks}) ON CONFLICT (key) DO UPDATE SET"
            " job = excluded.job, job_time = excluded.job_time, first_time = excluded.first_time,"
            " state = excluded.state, started_at = excluded.started_at, ended_at = excluded.ended_at,"
            " parent_run_id = excluded.parent_run_id, parent_time = excluded.parent_time,"
            " error = excluded.error, error_time = excluded.error_time, is_window = excluded.is_window",
            (*row, *times, *rest),
        )
    for (key, job), shapes in pending.shapes.items():
        set_key = shape_set_key(shapes)
        db.executemany(
            "INSERT INTO shape_set VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(set_key, shape) for shape in shapes],
        )
        db.execute(
            "INSERT INTO job_run (run_group, first_time, finished, claims_outputs, run, job, shapes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, job) DO UPDATE"
            " SET run_group = excluded.run_group, first_time = excluded.first_time,"
            " finished = excluded.finished, claims_outputs = excluded.claims_outputs,"
            " shapes = excluded.shapes",
            (*_standing(pending.runs[key]), key, job, set_key),
        )
        pending.owners.add(job)
    for key, run in pending.runs.items():
        # A producer may rename the job within a run: what was said before counts as the run does.
        for (job,) in db.execute("SELECT job FROM job_run WHERE run = ?", (key,)).fetchall():
            if (key, job) not in pending.shapes:
                db.execute(
                    "UPDATE job_run SET run_group = ?, first_time = ?, finished = ?, claims_outputs = ?"
                    " WHERE run = ? AND job = ?",
                    (*_standing(run), key, job),
                )
                pending.owners.add(job)


def _standing(run: Run) -> tuple[int, int, int, int]:
    return run.group, run.first_time, run.standing, int(run.claims_outputs)


def shape_set_key(shapes: Iterable[int]) -> int:
    """Return the key of a set of shapes."""
    return hash63(b"".join(shape.to_bytes(8, "big") for shape in sorted(shapes)))


def _declare(db: Database, item: Changes) -> None:
    db.execute(
        """
        INSERT INTO declaration VALUES (?, ?, ?) ON CONFLICT (owner) DO UPDATE
        SET event_time = excluded.event_time, shape = excluded.shape
        WHERE (excluded.event_time, excluded.shape) > (declaration.event_time, declaration.shape)
        """,
        (item.owner, item.event_time, item.shape_key),
    )


def _wins(change: FacetChange, other: FacetChange) -> bool:
    """Say which of two facets of one time counts; any rule will do that does not look at who came first."""
    return change is other or _packed(change) >= _packed(other)


def _packed(change: FacetChange) -> tuple[int, bytes | None]:
    if change.facet is None:
        return 0, None
    body = msgspec.json.encode(change.facet, order="deterministic")
    return hash63(body), body


def _put_facet(db: Database, when: int, change: FacetChange, pending: Batch) -> None:
    digest, body = _packed(change)
    written = db.execute(
        """
        INSERT INTO facet VALUES (?, ?, ?, ?, ?) ON CONFLICT (entity, name) DO UPDATE
        SET event_time = excluded.event_time, digest = excluded.digest, body = excluded.body
        WHERE (excluded.event_time, excluded.digest) > (facet.event_time, facet.digest)
        """,
        (change.entity, change.name, when, digest, body),
    )
    if written.rowcount and change.name == "schema":
        pending.described.add(change.entity)
    if written.rowcount and change.name == "symlinks":
        db.execute("DELETE FROM alias WHERE symlink = 1 AND target = ?", (change.entity,))
        _put_aliases(db, change.aliases)
