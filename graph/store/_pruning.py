"""Events taken out of the log for good, and the record of it. What writes runs inside an open transaction."""

from __future__ import annotations

from datetime import datetime

import msgspec

from graph.nodes import NodeType, dataset
from graph.store._commands import kept
from graph.store._going import mark
from graph.store._log import LogReader, Memory
from graph.store._reading import moment, nanoseconds, nodes
from graph.store._replaying import Understand, replay
from graph.store.database import Database
from graph.store.retention import Policy, Pruned, Removal

_PAGE = 1000


def prune(
    db: Database,
    policy: Policy,
    understand: Understand,
    now: int,
    memory: Memory,
    log: LogReader,
    *,
    dry_run: bool,
) -> Pruned:
    """See `LineageStore.prune`."""
    mark(db, policy, log)
    found = _found(db)
    if found.events and not dry_run:
        _record(db, policy, found, now)
        _drop_commands(db, {node.key for node in found.nodes})
        db.execute("DELETE FROM event WHERE seq IN (SELECT seq FROM going)")
        _drop_receipts(db)
        replay(db, understand, now, memory, log)
    db.execute("DELETE FROM going")
    db.execute("DELETE FROM going_run")
    return found


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


def _record(db: Database, policy: Policy, found: Pruned, now: int) -> None:
    """Keep that something was removed; of the events themselves `accepted` keeps that they were there."""
    asked = {
        "before": policy.before,
        "namespace": policy.namespace,
        "job": policy.job.id if policy.job is not None else None,
        "decommissioned": policy.decommissioned or None,
        "who": policy.who or None,
        "runs": found.runs,
    }
    body = msgspec.json.encode({key: value for key, value in asked.items() if value is not None})
    db.execute(
        """
        INSERT INTO removal SELECT
            (SELECT coalesce(max(number), 0) + 1 FROM removal), CAST(:now AS BIGINT), log_end.seq,
            CAST(:events AS BIGINT), CAST(:horizon AS BIGINT), :body
        FROM log_end
        """,
        {
            "now": now,
            "events": found.events,
            "horizon": nanoseconds(policy.before) if policy.before is not None else None,
            "body": body.decode(),
        },
    )


def _drop_commands(db: Database, gone: set[int]) -> None:
    """Remove the commands about datasets and jobs that are gone, and about their fields."""
    after = 0
    while page := kept(db, after, _PAGE):
        after = page[-1][0]
        about = []
        for number, command in page:
            node = command.node
            if node is None:
                continue
            whole = dataset(node.namespace, node.name) if node.type is NodeType.FIELD else node
            if whole.key in gone:
                about.append((number,))
        db.executemany("DELETE FROM command WHERE seq = ?", about)


def _drop_receipts(db: Database) -> None:
    """Forget when batches came of which nothing is left, but for the last one."""
    db.execute(
        """
        DELETE FROM receipt WHERE EXISTS (SELECT 1 FROM receipt AS n WHERE n.seq > receipt.seq)
        AND NOT EXISTS (
            SELECT 1 FROM event AS e WHERE e.seq >= receipt.seq
            AND e.seq < (SELECT min(n.seq) FROM receipt AS n WHERE n.seq > receipt.seq))
        """
    )


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
