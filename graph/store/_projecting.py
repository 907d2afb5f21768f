"""Keep the edges of each owner what its current sayings give. Runs inside an open transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graph.store._claims import claims_by_shape
from graph.store._edges import replace_edges
from graph.store._hidden import visible
from graph.store._memory import Memory
from graph.store._other_names import stands_for
from graph.store._run_rows import load_sets
from graph.store.database import Database
from graph.store.log_format import DamagedError
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
        replace_edges(db, owner, visible(db, owner, edges_of(db, counting, known)))
        db.execute(
            "INSERT INTO projected VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET digest = excluded.digest",
            (owner, digest),
        )


def edges_of(db: Database, counting: Collection[Saying], known: dict[int, KnownShape]) -> set[EdgeRow]:
    """Return the edges that the sayings of an owner give; `known` remembers shapes between owners."""
    said = [[_known(db, shape, known) for shape in saying.shapes] for saying in counting]
    edges = understood(said)
    for saying, shapes in zip(counting, said, strict=True):
        edges |= project(shapes, saying.claims_outputs)
    return edges


_EVER = 2**63 - 1

LATEST_TIME = "coalesce(r.job_time, r.ended_at, r.first_time)"
"""The time of the latest event of a run, of a table `run AS r`."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """What a run said about a job, as `job_run` has it; `group` is the key of the id that its group has."""

    job: int
    first_time: int
    standing: int
    claims_outputs: bool
    shapes: int
    group: int
    parent: int | None


@dataclass(frozen=True, slots=True)
class Past:
    """A time that sayings are asked for, and what the tables do not have about it.

    `runs` are, in their state at that time, the runs that have events before and after it. `declared` has
    by form when it was last said until then, where it was said later too. `on_days` are the shapes that
    windows of an operation (a job) said on its latest days.
    """

    until: int = _EVER
    runs: Sequence[RunRow] = ()
    declared: Mapping[int, int] = field(default_factory=dict)
    on_days: Collection[tuple[int, int]] | None = None


NOW = Past()
"""All events count."""


def current_sayings(
    db: Database, owners: Sequence[int], memory: Memory, past: Past = NOW
) -> dict[int, list[Saying]]:
    """Return by owner what counts now: the declaration, unfinished runs, the latest groups of finished runs.

    Of windows of an operation, what they said on the latest days; a job that has any counts by day alone.
    With `past`, what counted then.
    """
    found: dict[int, list[Saying]] = {owner: [] for owner in owners}
    for owner, shape in _declarations(db, owners, past).items():
        found[owner].append(Saying(frozenset((shape,))))
    days = _on_latest_days(db, owners) if past.on_days is None else past.on_days
    for owner, shape in days:
        found[owner].append(Saying(frozenset((shape,))))
    by_day = {owner for owner, _ in days}
    latest = _latest_runs(db, [owner for owner in owners if owner not in by_day], past)
    runs = _open_runs(db, owners, past) | latest
    load_sets(db, [shapes for _, shapes, _ in runs if shapes not in memory.shape_sets], memory)
    for owner, shapes, claims_outputs in runs:
        found[owner].append(Saying(memory.shape_sets[shapes], bool(claims_outputs)))
    return found


def _declarations(db: Database, owners: Sequence[int], past: Past) -> dict[int, int]:
    """Return the shape that each owner declared last."""
    latest: dict[int, tuple[int, int]] = {}
    for owner, form, last_time, shape in db.execute(
        "SELECT f.owner, f.number, f.last_time, f.shape FROM each_key(?) AS k"
        " CROSS JOIN form AS f ON f.owner = k.value AND f.declares = 1 AND f.first_time <= ?",
        (list(owners), past.until),
    ):
        said = (past.declared.get(form, last_time), shape)
        latest[owner] = max(said, latest.get(owner, said))
    return {owner: shape for owner, (_, shape) in latest.items()}


def _on_latest_days(db: Database, jobs: Sequence[int]) -> list[tuple[int, int]]:
    return db.execute(
        "SELECT DISTINCT s.job, s.shape FROM each_key(?) AS k CROSS JOIN said_on_day AS s ON s.job = k.value",
        (list(jobs),),
    ).fetchall()


_Said = tuple[int, int, int]
"""Job, key of the set of shapes, and whether outputs count."""


def _open_runs(db: Database, jobs: Sequence[int], past: Past) -> set[_Said]:
    rows = db.execute(
        "SELECT DISTINCT j.job, j.shapes, j.claims_outputs FROM each_key(?) AS k"
        " CROSS JOIN job_run AS j ON j.job = k.value AND j.finished = 0"
        f" CROSS JOIN run AS r ON r.number = j.run AND {LATEST_TIME} <= ?",
        (list(jobs), past.until),
    )
    wanted = set(jobs)
    of_past = [row for row in past.runs if row.standing == 0 and row.job in wanted]
    return set(rows) | {(row.job, row.shapes, int(row.claims_outputs)) for row in of_past}


def _latest_runs(db: Database, jobs: Sequence[int], past: Past) -> set[_Said]:
    """Return what the latest groups of finished runs said (a group begins with the latest of its runs)."""
    said: set[_Said] = set()
    groups: dict[int, dict[int, None]] = {}
    parents: set[int] = set()
    looked_at = CURRENT_GROUPS
    left = list(jobs)
    while left:
        rows, unseen = _finished_runs(db, left, looked_at, past)
        for row in rows:
            of_job = groups.setdefault(row.job, {})
            if row.group not in of_job and len(of_job) == CURRENT_GROUPS:
                continue
            of_job[row.group] = None
            said.add((row.job, row.shapes, int(row.claims_outputs)))
            if row.parent is not None:
                parents.add(row.parent)
        left = [job for job in left if job in unseen and len(groups.get(job, ())) < CURRENT_GROUPS]
        looked_at *= 10
    for group, *sibling in _siblings(db, parents, jobs, past):
        if group in groups.get(sibling[0], ()):
            said.add((sibling[0], sibling[1], sibling[2]))
    return said


def _finished_runs(
    db: Database, jobs: Sequence[int], looked_at: int, past: Past
) -> tuple[list[RunRow], set[int]]:
    """Return about so many finished runs of each job, the latest first, and the jobs that may have more."""
    seen: dict[int, int] = {}
    oldest: dict[int, int] = {}
    rows = []
    for job, first, group, parent, shapes, claims_outputs, latest in db.execute(
        f"""
        SELECT j.job, j.first_time, g.key, r.parent, j.shapes, j.claims_outputs, {LATEST_TIME}
        FROM each_key(:jobs) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND j.finished = 1 AND j.first_time <= :until
            AND j.first_time >= coalesce((
                SELECT x.first_time FROM job_run AS x
                WHERE x.job = k.value AND x.finished = 1 AND x.first_time <= :until
                ORDER BY x.first_time DESC LIMIT 1 OFFSET :rest), -9223372036854775808)
        CROSS JOIN run AS r ON r.number = j.run
        CROSS JOIN run_id AS g ON g.number = coalesce(r.parent, r.number)
        """,
        {"jobs": jobs, "rest": looked_at - 1, "until": past.until},
    ):
        seen[job] = seen.get(job, 0) + 1
        oldest[job] = min(first, oldest.get(job, first))
        if latest <= past.until:
            rows.append(RunRow(job, first, 1, bool(claims_outputs), shapes, group, parent))
    unseen = {job for job, count in seen.items() if count >= looked_at}
    asked = set(jobs)
    for row in past.runs:
        # Behind what was looked at there may be runs that come before it.
        is_behind = row.job in unseen and row.first_time < oldest[row.job]
        if row.job in asked and row.standing == 1 and not is_behind:
            rows.append(row)
    return sorted(rows, key=lambda row: (row.first_time, row.group), reverse=True), unseen


def _siblings(
    db: Database, parents: Collection[int], jobs: Sequence[int], past: Past
) -> list[tuple[int, int, int, int]]:
    """Return the other finished runs under these parents: group, job, shapes, whether outputs count."""
    rows = db.execute(
        f"""
        SELECT g.key, j.job, j.shapes, j.claims_outputs FROM each_key(:parents) AS k
        CROSS JOIN run_id AS g ON g.number = k.value
        CROSS JOIN run AS r ON r.parent = k.value AND r.job IN (SELECT value FROM each_key(:jobs) AS o)
        CROSS JOIN job_run AS j ON j.job = r.job AND j.first_time = r.first_time AND j.run = r.number
        WHERE j.finished = 1 AND {LATEST_TIME} <= :until
        """,
        {"parents": list(parents), "jobs": list(jobs), "until": past.until},
    ).fetchall()
    of_past = [r for r in past.runs if r.standing == 1 and r.parent in parents]
    return rows + [(r.group, r.job, r.shapes, int(r.claims_outputs)) for r in of_past]


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
        row = db.execute("SELECT covered, certain FROM shape WHERE key = ?", (key,)).fetchone()
        found = claims_by_shape(db, [key])
        if row is None or key not in found:
            raise DamagedError(f"there is no shape {key}")
        covered, certain = row
        claims = found[key]
        settled = set() if covered is None else set(json.loads(covered))
        ends = {end for claim in claims for end in (claim.source, claim.target, claim.dataset)}
        names = stands_for(db, ends | settled)
        if names:
            claims = [_under_one_name(claim, names) for claim in claims]
        known[key] = KnownShape(
            tuple(claims),
            None if covered is None else frozenset(names.get(each, each) for each in settled),
            None if certain is None else bool(certain),
        )
    return known[key]


def _under_one_name(claim: ClaimRow, names: Mapping[int, int]) -> ClaimRow:
    source, target, dataset = (names.get(end, end) for end in (claim.source, claim.target, claim.dataset))
    return claim._replace(source=source, target=target, dataset=dataset)
