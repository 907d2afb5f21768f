"""What runs and measurements said before, where what they said last was taken out of the log. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from graph.store._log import LogReader
from graph.store._projecting import LATEST_TIME
from graph.store._removing import Taken, Understand, understood
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.form_facets import Slot, dataset_node, job_key
from graph.store.log_format import Form

_RUNS = 4
"""Of how many runs of a job the parents are read at once."""

_EVER = 2**63 - 1

Times = Mapping[int, tuple[int, int]]
"""By form that is left: the first and the last time of its events."""


def entities_of(log: LogReader, form: int) -> Iterator[int]:
    """Yield the datasets and jobs that a form speaks of."""
    read = log.form(form)
    if read.job is not None:
        yield job_key(*read.job[:2])
    own = () if read.dataset is None else (read.dataset,)
    for one in (*own, *(read.inputs or ()), *(read.outputs or ())):
        yield dataset_node(*one[:2])[0]


def measured_before(
    db: Database, log: LogReader, understand: Understand, times: Times, taken: Taken
) -> dict[Slot, Changes | None]:
    """Return the facets that an event gave that is gone, with the event that gave them last before."""
    touched = {entity for form in taken.forms for entity in entities_of(log, form)}
    rows = db.execute(
        "SELECT f.entity, f.name, f.event_time FROM each_key(?) AS k"
        " CROSS JOIN facet AS f ON f.entity = k.value AND f.content IS NULL",
        (list(touched),),
    ).fetchall()
    return {
        (entity, name): _measured(db, log, understand, times, (entity, name))
        for entity, name, when in rows
        if when in taken.times
    }


def _measured(
    db: Database, log: LogReader, understand: Understand, times: Times, slot: Slot
) -> Changes | None:
    forms = db.execute(
        "SELECT DISTINCT m.form FROM form_entity AS m WHERE m.entity = ?", (slot[0],)
    ).fetchall()
    latest = sorted((times[form][1], form) for (form,) in forms if form in times)
    best: tuple[int, bytes] | None = None
    item_of: Changes | None = None
    while latest and (best is None or latest[-1][0] >= best[0]):
        when, form = latest.pop()
        if not _has_hole(log.form(form), slot):
            continue
        rows = db.execute(
            "SELECT seq FROM event WHERE form = ? AND event_time <= ? ORDER BY event_time DESC LIMIT 10",
            (form, when),
        ).fetchall()
        for item in understood(log.bodies_at([seq for (seq,) in rows]), understand):
            for one in item.measured:
                told = (item.event_time, one.body)
                if (one.entity, one.name) == slot and (best is None or told > best):
                    best, item_of = told, item
    return item_of


def _has_hole(form: Form, slot: Slot) -> bool:
    own = () if form.dataset is None else (form.dataset,)
    listed = [(dataset_node(*one[:2])[0], one) for one in (*own, *(form.inputs or ()), *(form.outputs or ()))]
    if form.job is not None:
        listed.append((job_key(*form.job[:2]), form.job))
    return any(
        key == slot[0] and slot[1] in (facets or {}) and (facets or {})[slot[1]] is None
        for key, one in listed
        for facets in one[2:]
    )


def parents_before(
    db: Database, log: LogReader, understand: Understand, taken: Taken
) -> dict[tuple[int, int], tuple[int, int] | None]:
    """Return when jobs were first and last named above others (job, parent), where such an event is gone."""
    rows = db.execute(
        "SELECT p.job, p.parent, p.first_time, p.last_time FROM each_key(?) AS k"
        " CROSS JOIN job_parent AS p ON p.job = k.value",
        (list(taken.owners),),
    ).fetchall()
    touched: dict[int, set[int]] = defaultdict(set)
    for job, parent, first, last in rows:
        if {first, last} & taken.times:
            touched[job].add(parent)
    found: dict[tuple[int, int], tuple[int, int] | None] = {}
    for job, parents in touched.items():
        runs = _runs_of(db, job)
        wanted = {(parent, None) for parent in parents}
        first = _said_above(log, understand, job, wanted, sorted((began, run) for run, began, _ in runs))
        last = _said_above(
            log, understand, job, wanted, sorted((-latest, run) for run, _, latest in runs), backwards=True
        )
        for parent in parents:
            pair = (parent, None)
            found[job, parent] = (first[pair], last[pair]) if pair in first else None
    return found


def roots_before(
    db: Database, log: LogReader, understand: Understand, taken: Taken
) -> dict[tuple[int, int], int | None]:
    """Return when jobs were first named as the root above others (job, root), where such an event is gone."""
    touched: dict[int, set[Above]] = defaultdict(set)
    for job, root, first in db.execute("SELECT job, root, first_time FROM job_root").fetchall():
        if first in taken.times:
            touched[job].add((job, root))
    found: dict[tuple[int, int], int | None] = {}
    for job, pairs in touched.items():
        times: dict[Above, int] = {}
        under = db.execute("SELECT job FROM job_parent WHERE parent = ?", (job,)).fetchall()
        for (child,) in under:
            runs = sorted((began, run) for run, began, _ in _runs_of(db, child))
            for pair, time in _said_above(log, understand, child, pairs, runs).items():
                times[pair] = min(time, times.get(pair, time))
        found |= {(job, root): times.get((job, root)) for _, root in pairs if root is not None}
    return found


def _runs_of(db: Database, job: int) -> list[tuple[int, int, int]]:
    """Return the runs of a job, when they began, and when their latest events were."""
    return db.execute(
        f"SELECT j.run, j.first_time, {LATEST_TIME} FROM job_run AS j JOIN run AS r ON r.number = j.run"
        " WHERE j.job = ?",
        (job,),
    ).fetchall()


Above = tuple[int, int | None]
"""A job that is named above another one, and the root that is named with it (None: whatever root)."""


def _said_above(
    log: LogReader,
    understand: Understand,
    job: int,
    wanted: Collection[Above],
    runs: Sequence[tuple[int, int]],
    *,
    backwards: bool = False,
) -> dict[Above, int]:
    """Return when these were first (or last) named above a job, by the latest that the runs begin at."""
    found: dict[Above, int] = {}
    sign = -1 if backwards else 1
    for start in range(0, len(runs), _RUNS):
        if len(found) == len(wanted) and runs[start][0] > max(sign * time for time in found.values()):
            break
        page = [run for _, run in runs[start : start + _RUNS]]
        for item in understood(log.bodies_of(page, _EVER), understand):
            if item.owner != job or item.parent is None:
                continue
            root = None if item.root is None else item.root.key
            for pair in {(item.parent.key, None), (item.parent.key, root)} & set(wanted):
                known = found.get(pair, item.event_time)
                found[pair] = sign * min(sign * known, sign * item.event_time)
    return found
