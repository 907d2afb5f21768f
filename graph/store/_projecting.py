"""Keep the edges of each owner what its current sayings give. Runs inside an open transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from graph.store._hidden import visible
from graph.store._log import Memory
from graph.store._other_names import stands_for
from graph.store._run_rows import load_sets
from graph.store.database import Database
from graph.store.projection import (
    CURRENT_GROUPS,
    ClaimRow,
    EdgeRow,
    KnownShape,
    Saying,
    project,
    understood,
    undominated,
)


def refresh(db: Database, owners: Iterable[int], memory: Memory, *, changed: bool = False) -> None:
    """Bring the edges of these owners up to date; `changed` when their shapes have come to say more."""
    wanted = sorted(owners)
    if not wanted:
        return
    known: dict[int, KnownShape] = {}
    last = dict(
        db.execute(
            "SELECT p.owner, p.digest FROM each_key(?) AS k CROSS JOIN projected AS p ON p.owner = k.value",
            (wanted,),
        ).fetchall()
    )
    for owner, sayings in current_sayings(db, wanted, memory).items():
        counting = undominated(sayings)
        digest = _digest(counting)
        if not changed and owner in last and bytes(last[owner]) == digest:
            continue
        said = [[_known(db, shape, known) for shape in saying.shapes] for saying in counting]
        edges = understood(said)
        for saying, shapes in zip(counting, said, strict=True):
            edges |= project(shapes, saying.claims_outputs)
        _replace(db, owner, visible(db, owner, edges))
        db.execute(
            "INSERT INTO projected VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET digest = excluded.digest",
            (owner, digest),
        )


def current_sayings(db: Database, owners: Sequence[int], memory: Memory) -> dict[int, list[Saying]]:
    """Return by owner what counts now: the declaration, unfinished runs, the latest groups of finished runs.

    Of windows of an operation, what they said on the latest days; a job that has any counts by day alone.
    """
    found: dict[int, list[Saying]] = {owner: [] for owner in owners}
    declared: dict[int, tuple[int, int]] = {}
    for owner, last_time, shape in db.execute(
        "SELECT f.owner, f.last_time, f.shape FROM each_key(?) AS k"
        " CROSS JOIN form AS f ON f.owner = k.value AND f.declares = 1",
        (list(owners),),
    ):
        declared[owner] = max((last_time, shape), declared.get(owner, (last_time, shape)))
    for owner, (_, shape) in declared.items():
        found[owner].append(Saying(frozenset((shape,))))
    days = db.execute(
        "SELECT DISTINCT s.job, s.shape FROM each_key(?) AS k CROSS JOIN said_on_day AS s ON s.job = k.value",
        (list(owners),),
    ).fetchall()
    for owner, shape in days:
        found[owner].append(Saying(frozenset((shape,))))
    by_day = {owner for owner, _ in days}
    runs = _open_runs(db, owners) | _latest_runs(db, [owner for owner in owners if owner not in by_day])
    load_sets(db, [shapes for _, shapes, _ in runs if shapes not in memory.shape_sets], memory)
    for owner, shapes, claims_outputs in runs:
        found[owner].append(Saying(memory.shape_sets[shapes], bool(claims_outputs)))
    return found


_Said = tuple[int, int, int]
"""Job, key of the set of shapes, and whether outputs count."""


def _open_runs(db: Database, jobs: Sequence[int]) -> set[_Said]:
    return set(
        db.execute(
            "SELECT DISTINCT j.job, j.shapes, j.claims_outputs FROM each_key(?) AS k"
            " CROSS JOIN job_run AS j ON j.job = k.value AND j.finished = 0",
            (list(jobs),),
        )
    )


def _latest_runs(db: Database, jobs: Sequence[int]) -> set[_Said]:
    """Return what the latest groups of finished runs said (a group begins with the latest of its runs)."""
    said: set[_Said] = set()
    groups: dict[int, dict[int, None]] = {}
    parents: set[int] = set()
    looked_at = CURRENT_GROUPS
    left = list(jobs)
    while left:
        seen: dict[int, int] = {}
        for job, group, parent, shapes, claims_outputs in db.execute(
            """
            SELECT j.job, g.key, r.parent, j.shapes, j.claims_outputs FROM each_key(:jobs) AS k
            CROSS JOIN job_run AS j ON j.job = k.value AND j.finished = 1 AND j.first_time >= coalesce((
                SELECT x.first_time FROM job_run AS x WHERE x.job = k.value AND x.finished = 1
                ORDER BY x.first_time DESC LIMIT 1 OFFSET :rest), -9223372036854775808)
            CROSS JOIN run AS r ON r.number = j.run
            CROSS JOIN run_id AS g ON g.number = coalesce(r.parent, r.number)
            ORDER BY j.job, j.first_time DESC, g.key DESC
            """,
            {"jobs": left, "rest": looked_at - 1},
        ):
            seen[job] = seen.get(job, 0) + 1
            of_job = groups.setdefault(job, {})
            if group not in of_job and len(of_job) == CURRENT_GROUPS:
                continue
            of_job[group] = None
            said.add((job, shapes, claims_outputs))
            if parent is not None:
                parents.add(parent)
        left = [job for job in left if seen.get(job, 0) >= looked_at and len(groups[job]) < CURRENT_GROUPS]
        looked_at *= 10
    siblings = db.execute(
        """
        SELECT g.key, j.job, j.shapes, j.claims_outputs FROM each_key(:parents) AS k
        CROSS JOIN run_id AS g ON g.number = k.value
        CROSS JOIN run AS r ON r.parent = k.value AND r.job IN (SELECT value FROM each_key(:jobs) AS o)
        CROSS JOIN job_run AS j ON j.job = r.job AND j.first_time = r.first_time AND j.run = r.number
        WHERE j.finished = 1
        """,
        {"parents": list(parents), "jobs": list(jobs)},
    )
    said.update(
        (job, shapes, claims) for group, job, shapes, claims in siblings if group in groups.get(job, ())
    )
    return said


def say_on_day(db: Database, job: int, day: int, shapes: Iterable[int]) -> bool:
    """Note what a window of an operation said on a day; tell whether it is new. The latest days are kept."""
    said = db.executemany(
        "INSERT INTO said_on_day VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(job, day, shape) for shape in shapes],
    )
    if said < 1:
        return False
    db.execute(
        "DELETE FROM said_on_day WHERE job = :job AND day < (SELECT min(day) FROM"
        " (SELECT DISTINCT day FROM said_on_day WHERE job = :job ORDER BY day DESC LIMIT :kept) AS latest)",
        {"job": job, "kept": CURRENT_GROUPS},
    )
    return True


def _digest(sayings: Iterable[Saying]) -> bytes:
    parts = sorted((sorted(saying.shapes), saying.claims_outputs) for saying in sayings)
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).digest()


def _known(db: Database, key: int, known: dict[int, KnownShape]) -> KnownShape:
    if key not in known:
        covered, certain = db.execute("SELECT covered, certain FROM shape WHERE key = ?", (key,)).fetchone()
        rows = db.execute(
            "SELECT e.origin, e.kind, coalesce(s.stands_for, e.source), coalesce(t.stands_for, e.target),"
            " coalesce(d.stands_for, e.dataset), e.transformation FROM shape_edge AS e"
            " LEFT JOIN other_name AS s ON s.key = e.source LEFT JOIN other_name AS t ON t.key = e.target"
            " LEFT JOIN other_name AS d ON d.key = e.dataset WHERE e.shape = ?",
            (key,),
        ).fetchall()
        settled = None if covered is None else set(json.loads(covered))
        if settled:
            names = stands_for(db, settled)
            settled = {names.get(each, each) for each in settled}
        known[key] = KnownShape(
            tuple(map(ClaimRow._make, rows)),
            None if settled is None else frozenset(settled),
            None if certain is None else bool(certain),
        )
    return known[key]


def _replace(db: Database, owner: int, edges: set[EdgeRow]) -> None:
    old = set(
        map(
            EdgeRow._make,
            db.execute(
                "SELECT kind, source, target, transformation, origin FROM edge WHERE owner = ?", (owner,)
            ),
        )
    )
    db.executemany(
        "DELETE FROM edge WHERE kind = ? AND source = ? AND target = ? AND transformation = ? AND origin = ?"
        " AND owner = ?",
        [(*edge, owner) for edge in old - edges],
    )
    db.executemany(
        "INSERT INTO edge (kind, source, target, transformation, origin, owner) VALUES (?, ?, ?, ?, ?, ?)",
        [(*edge, owner) for edge in edges - old],
    )
