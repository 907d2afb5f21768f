"""Runs and what they say about jobs, as rows. Every function needs the transaction that writes the batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from graph.nodes import hash63
from graph.store._memory import Memory
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.runs import STATES, Run, amounts_in, merge, packed_amounts

_NAMES = (
    *("number", "job", "first_time", "state", "started_at", "no_start", "ended_at", "is_window", "parent"),
    *("job_time", "parent_time", "error", "error_time"),
)
COLUMNS = ", ".join(f"r.{name}" for name in _NAMES)
"""What `run_of` takes, of a table `run AS r`."""


def write_runs(
    db: Database, batch: Iterable[Changes], numbers: Mapping[str, int], memory: Memory
) -> set[int]:
    """Bring the runs of these events up to date; return the jobs about which they have said something."""
    events = [item for item in batch if item.run is not None]
    touched = {numbers[item.run.run_id] for item in events if item.run is not None}
    before = _load(db, touched)
    slots = _load_slots(db, before)
    _remember_sets(db, set(slots.values()), memory)
    runs = dict(before)
    shapes: dict[tuple[int, int], set[int]] = {
        slot: set(memory.shape_sets[key]) for slot, key in slots.items()
    }
    for item in events:
        said = item.run
        assert said is not None
        number = numbers[said.run_id]
        parent = numbers[said.parent_run_id] if said.parent_run_id else None
        runs[number] = merge(
            runs.get(number),
            number,
            item.owner,
            item.event_time,
            said,
            parent,
            partial(id_of, db),
            item.observed,
        )
        shapes.setdefault((number, item.owner), set()).add(item.form.shape_key)
    changed = {number: run for number, run in runs.items() if run != before.get(number)}
    _put(db, changed.values())
    sets = _put_sets(db, shapes.values(), memory)
    moved = [
        (job, before[number].first_time, number)
        for number, job in slots
        if runs[number].first_time != before[number].first_time
    ]
    db.executemany("DELETE FROM job_run WHERE job = ? AND first_time = ? AND run = ?", moved)
    rows = []
    for ((number, job), _), key in zip(shapes.items(), sets, strict=True):
        if number in changed or slots.get((number, job)) != key:
            run = runs[number]
            rows.append((job, run.first_time, number, run.standing, int(run.claims_outputs), key))
    db.executemany(
        "INSERT INTO job_run VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (job, first_time, run) DO UPDATE"
        " SET finished = excluded.finished, claims_outputs = excluded.claims_outputs,"
        " shapes = excluded.shapes",
        rows,
    )
    return {row[0] for row in rows}


def id_of(db: Database, number: int) -> bytes:
    """Return the id of a run as it is kept."""
    return bytes(db.execute("SELECT id FROM run_id WHERE number = ?", (number,)).fetchone()[0])


def _load(db: Database, numbers: Collection[int]) -> dict[int, Run]:
    rows = db.execute(
        f"SELECT {COLUMNS}, r.wrote FROM each_key(?) AS k CROSS JOIN run AS r ON r.number = k.value",
        (list(numbers),),
    )
    found = {}
    for *row, wrote in rows:
        run = run_of(row)
        kept = None if wrote is None else bytes(wrote)
        found[run.number] = replace(run, wrote=amounts_in(kept, run.usual_time)) if kept else run
    return found


def run_of(row: Sequence[Any]) -> Run:
    """Return the run of a row of `COLUMNS`, without how much it wrote."""
    number, job, first, state, started, no_start, ended, window, parent, job_time, parent_time = row[:11]
    error, error_time = row[11:]
    usual = first if ended is None else ended
    return Run(
        number,
        job,
        usual if job_time is None else job_time,
        first,
        STATES[state],
        None if no_start else first if started is None else started,
        ended,
        parent,
        None if parent is None else usual if parent_time is None else parent_time,
        error,
        None if error is None else usual if error_time is None else error_time,
        bool(window),
    )


def _put(db: Database, runs: Iterable[Run]) -> None:
    names = (*_NAMES, "wrote")
    updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    db.executemany(
        f"INSERT INTO run ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        f" ON CONFLICT (number) DO UPDATE SET {updates}",
        [_row(run) for run in runs],
    )


def _row(run: Run) -> tuple[Any, ...]:
    def told(time: int | None) -> int | None:
        return None if time == run.usual_time else time

    return (
        run.number,
        run.job,
        run.first_time,
        STATES.index(run.state),
        None if run.started_at == run.first_time else run.started_at,
        int(run.started_at is None),
        run.ended_at,
        int(run.window),
        run.parent,
        told(run.job_time),
        told(run.parent_time),
        run.error,
        told(run.error_time),
        packed_amounts(run),
    )


def _load_slots(db: Database, runs: Mapping[int, Run]) -> dict[tuple[int, int], int]:
    """Return by run and job the key of the set of shapes that the run has given about the job.

    A producer may rename the job within a run, so the jobs are those of the run's events.
    """
    rows = db.execute(
        """
        SELECT j.run, j.job, j.shapes FROM (
            SELECT DISTINCT e.run, f.owner FROM each_key(?) AS k
            CROSS JOIN event AS e ON e.run = k.value
            CROSS JOIN form AS f ON f.number = e.form) AS said
        CROSS JOIN run AS r ON r.number = said.run
        CROSS JOIN job_run AS j ON j.job = said.owner AND j.first_time = r.first_time AND j.run = r.number
        """,
        (list(runs),),
    )
    return {(run, job): shapes for run, job, shapes in rows}


def _remember_sets(db: Database, keys: Collection[int], memory: Memory) -> None:
    load_sets(db, [key for key in keys if key not in memory.shape_sets], memory)


def load_sets(db: Database, keys: Collection[int], memory: Memory) -> None:
    """Have `memory` know these sets of shapes."""
    if keys:
        memory.shape_sets.update(shapes_in(db, keys))


def shapes_in(db: Database, sets: Collection[int]) -> dict[int, frozenset[int]]:
    """Return the shapes in each of these sets."""
    found: dict[int, set[int]] = {}
    for key, shape in db.execute(
        "SELECT s.shapes, s.shape FROM each_key(?) AS k CROSS JOIN shape_set AS s ON s.shapes = k.value",
        (list(sets),),
    ):
        found.setdefault(key, set()).add(shape)
    return {key: frozenset(shapes) for key, shapes in found.items()}


def _put_sets(db: Database, sets: Iterable[Collection[int]], memory: Memory) -> list[int]:
    """Keep sets of shapes and return their keys."""
    keys = []
    new: dict[int, frozenset[int]] = {}
    for shapes in sets:
        key = shape_set_key(shapes)
        keys.append(key)
        if key not in memory.shape_sets:
            new[key] = frozenset(shapes)
    db.executemany(
        "INSERT INTO shape_set VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(key, shape) for key, shapes in new.items() for shape in shapes],
    )
    memory.shape_sets.update(new)
    return keys


def shape_set_key(shapes: Iterable[int]) -> int:
    """Return the key of a set of shapes."""
    return hash63(b"".join(shape.to_bytes(8, "big") for shape in sorted(shapes)))
