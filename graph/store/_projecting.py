"""Keep the edges of each owner what its current sayings give. Runs inside an open transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

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


def refresh(db: Database, owners: Iterable[int], *, changed: bool = False) -> None:
    """Bring the edges of these owners up to date; `changed` when their shapes have come to say more."""
    known: dict[int, KnownShape] = {}
    for owner in sorted(owners):
        sayings = undominated(_sayings(db, owner))
        digest = _digest(sayings)
        last = db.execute("SELECT digest FROM projected WHERE owner = ?", (owner,)).fetchone()
        if last is not None and last[0] == digest and not changed:
            continue
        said = [[_known(db, shape, known) for shape in saying.shapes] for saying in sayings]
        edges = understood(said)
        for saying, shapes in zip(sayings, said, strict=True):
            edges |= project(shapes, saying.claims_outputs)
        _replace(db, owner, edges)
        db.execute(
            "INSERT INTO projected VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET digest = excluded.digest",
            (owner, digest),
        )


def _sayings(db: Database, owner: int) -> list[Saying]:
    """Return what counts now: the declaration, unfinished runs and the latest groups of finished runs.

    Of windows of an operation, what they said on the latest days.
    """
    declared = db.execute("SELECT shape FROM declaration WHERE owner = ?", (owner,)).fetchone()
    sayings = [Saying(frozenset(declared))] if declared else []
    said = set(
        db.execute(
            "SELECT DISTINCT shapes, claims_outputs FROM job_run WHERE job = ? AND finished = 0", (owner,)
        )
    )
    for group in _latest_groups(db, owner):
        said |= set(
            db.execute(
                "SELECT DISTINCT shapes, claims_outputs FROM job_run"
                " WHERE job = ? AND run_group = ? AND finished = 1",
                (owner, group),
            )
        )
    days = "SELECT DISTINCT shape FROM said_on_day WHERE job = ?"
    sayings += [Saying(frozenset(shape)) for shape in db.execute(days, (owner,))]
    for shapes, claims_outputs in said:
        rows = db.execute("SELECT shape FROM shape_set WHERE shapes = ?", (shapes,))
        sayings.append(Saying(frozenset(shape for (shape,) in rows), bool(claims_outputs)))
    return sayings


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


def _latest_groups(db: Database, job: int) -> list[int]:
    """Return the groups of finished runs that began last (a group begins with the latest of its runs)."""
    groups: dict[int, None] = {}
    for (group,) in db.execute(
        "SELECT run_group FROM job_run WHERE job = ? AND finished = 1"
        " ORDER BY first_time DESC, run_group DESC",
        (job,),
    ):
        groups[group] = None
        if len(groups) == CURRENT_GROUPS:
            break
    return list(groups)


def _digest(sayings: Iterable[Saying]) -> bytes:
    parts = sorted((sorted(saying.shapes), saying.claims_outputs) for saying in sayings)
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).digest()


def _known(db: Database, key: int, known: dict[int, KnownShape]) -> KnownShape:
    if key not in known:
        covered, certain = db.execute("SELECT covered, certain FROM shape WHERE key = ?", (key,)).fetchone()
        rows = db.execute(
            "SELECT origin, kind, source, target, dataset, transformation FROM shape_edge WHERE shape = ?",
            (key,),
        )
        known[key] = KnownShape(
            tuple(map(ClaimRow._make, rows)),
            None if covered is None else frozenset(json.loads(covered)),
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
