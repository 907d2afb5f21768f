"""Events taken out of the log for good, and the record of it.

It is done in steps, each of them a transaction: what goes is chosen, the events go by and by, and what they
alone said goes last. In between others write, and what they read is the graph of the events that are left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import msgspec

from graph.store._chain import bury
from graph.store._going import mark
from graph.store._log import LogReader
from graph.store._memory import Memory
from graph.store._reading import moment, nanoseconds, nodes
from graph.store._remains import remains
from graph.store._removing import Taken, Understand, remove
from graph.store._sweeping import sweep
from graph.store.chain import UNFINISHED
from graph.store.database import Database
from graph.store.retention import Policy, Pruned, Removal

_STEP_SECONDS = 0.25
"""How long others may have to wait for a step, about."""
_FIRST_STEP, _LONGEST_STEP = 100, 5_000
_PAUSE = 0.05
"""Between two steps, so that others who wait get their turn."""
_TRIES = 20


def prune(
    db: Database,
    transaction: Callable[[], AbstractContextManager[None]],
    policy: Policy,
    understand: Understand,
    memory: Memory,
    log: LogReader,
    *,
    dry_run: bool,
) -> Pruned:
    """See `LineageStore.prune`."""
    with transaction():
        mark(db, policy, log)
        found = _found(db)
        rows = db.execute(
            "SELECT e.seq FROM going AS g JOIN event AS e ON e.seq = g.seq ORDER BY e.run, e.seq"
        )
        going = [seq for (seq,) in rows]
        db.execute("DELETE FROM going")
        db.execute("DELETE FROM going_run")
        unfinished = db.execute("SELECT 1 FROM removal WHERE body LIKE ?", (f"%{UNFINISHED}%",)).fetchone()
        if not dry_run and going:
            _record(db, policy, found)
    if dry_run or not (going or unfinished):
        return found
    taken = Taken()
    for step in _steps(going):
        with transaction():
            now = remove(db, step, understand, time.time_ns(), memory, log)
            taken.add(now)
            db.execute(
                "UPDATE removal SET events = events + ? WHERE number = (SELECT max(number) FROM removal)",
                (now.events,),
            )
    _sweep(db, transaction, taken, understand, memory, log)
    return found


def _steps(going: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield what goes in one step each: as much as takes no longer than others may wait."""
    start, size = 0, _FIRST_STEP
    while start < len(going):
        began = time.monotonic()
        yield going[start : start + size]
        start += size
        took = time.monotonic() - began
        size = max(_FIRST_STEP, min(_LONGEST_STEP, 2 * size, int(size * _STEP_SECONDS / max(took, 0.001))))
        if start < len(going):
            time.sleep(_PAUSE)


def _sweep(
    db: Database,
    transaction: Callable[[], AbstractContextManager[None]],
    taken: Taken,
    understand: Understand,
    memory: Memory,
    log: LogReader,
) -> None:
    """Remove what the events alone said: found while others write, and again when they wrote too much."""
    done = False
    for last in (*[False] * _TRIES, True):
        if last:
            with transaction():
                done = sweep(db, remains(db, log, understand, taken), taken, understand, memory, log)
                _finish(db)
        else:
            with db.snapshot():
                found = remains(db, log, understand, taken)
            with transaction():
                done = sweep(db, found, taken, understand, memory, log)
                if done:
                    _finish(db)
        if done:
            return


def _finish(db: Database) -> None:
    db.execute(
        "UPDATE removal SET body = replace(body, ?, '') WHERE body LIKE ?", (UNFINISHED, f"%{UNFINISHED}%")
    )


def _found(db: Database) -> Pruned:
    events, until = db.execute(
        "SELECT count(*), max(e.event_time) FROM going AS g JOIN event AS e ON e.seq = g.seq"
    ).fetchone()
    (runs,) = db.execute(
        """
        SELECT count(*) FROM (
            SELECT DISTINCT e.run FROM going AS g JOIN event AS e ON e.seq = g.seq WHERE e.run IS NOT NULL
        ) AS gone WHERE NOT EXISTS (
            SELECT 1 FROM event AS e WHERE e.run = gone.run AND e.seq NOT IN (SELECT seq FROM going))
        """
    ).fetchone()
    entities = db.execute(
        """
        SELECT DISTINCT entity FROM form_entity WHERE entity NOT IN (
            SELECT entity FROM form_entity WHERE form IN (
                SELECT form FROM event WHERE seq NOT IN (SELECT seq FROM going)))
        """
    ).fetchall()
    gone = nodes(db, [entity for (entity,) in entities])
    return Pruned(events, runs, tuple(sorted(gone.values())), moment(until))


def _record(db: Database, policy: Policy, found: Pruned) -> None:
    """Keep that something is removed; of the events themselves `accepted` keeps that they were there."""
    asked = {
        "unfinished": True,
        "before": policy.before,
        "namespace": policy.namespace,
        "job": policy.job.id if policy.job is not None else None,
        "decommissioned": policy.decommissioned or None,
        "who": policy.who or None,
        "runs": found.runs,
    }
    body = msgspec.json.encode({key: value for key, value in asked.items() if value is not None})
    now = time.time_ns()
    db.execute(
        """
        INSERT INTO removal SELECT
            (SELECT coalesce(max(number), 0) + 1 FROM removal), CAST(:now AS BIGINT), log_end.seq,
            0, CAST(:horizon AS BIGINT), :body
        FROM log_end
        """,
        {
            "now": now,
            "horizon": nanoseconds(policy.before) if policy.before is not None else None,
            "body": body.decode(),
        },
    )
    bury(db, now, 0, [])


def horizon(db: Database) -> datetime | None:
    """See `LineageReader.horizon`."""
    return moment(db.execute("SELECT max(horizon) FROM removal").fetchone()[0])


def removals(db: Database) -> list[Removal]:
    """See `LineageReader.removals`."""
    found = []
    for number, removed_at, seq, events, until, body in db.execute(
        "SELECT number, removed_at, seq, events, horizon, body FROM removal ORDER BY number"
    ):
        when = moment(removed_at)
        assert when is not None, "every removal has a time"
        found.append(Removal(number, when, seq, events, moment(until), body))
    return found
