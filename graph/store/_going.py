"""Which events a policy removes: marked in the tables `going` and `going_run`, inside an open transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graph.store._dropped import COUNTING, WRITING
from graph.store._log import LogReader
from graph.store._reading import nanoseconds
from graph.store.database import Database
from graph.store.form_facets import Slot
from graph.store.projection import CURRENT_GROUPS
from graph.store.retention import Policy

_DAY = 86_400 * 10**9

_STAYING = "seq NOT IN (SELECT seq FROM going)"


def mark(db: Database, policy: Policy, log: LogReader) -> None:
    """Mark the events that go, and the runs that go by their age."""
    where, values = _owners(policy)
    if policy.before is None:
        db.execute(
            "INSERT INTO going SELECT e.seq FROM event AS e"
            f" JOIN form AS f ON f.number = e.form WHERE {where}",
            values,
        )
        return
    values = {**values, "before": nanoseconds(policy.before)}
    db.execute(
        "INSERT INTO going_run SELECT run FROM event WHERE run IS NOT NULL"
        " GROUP BY run HAVING max(event_time) < :before",
        {"before": values["before"]},
    )
    runs = where.replace("f.owner", "f.job")
    named = {name: value for name, value in values.items() if name != "before"}
    db.execute(f"DELETE FROM going_run WHERE run NOT IN (SELECT f.number FROM run AS f WHERE {runs})", named)
    if policy.spares_current:
        _spare_runs(db)
        _spare_drops(db, values["before"])
    db.execute("INSERT INTO going SELECT e.seq FROM going_run AS g CROSS JOIN event AS e ON e.run = g.run")
    db.execute(
        "INSERT INTO going SELECT e.seq FROM event AS e JOIN form AS f ON f.number = e.form"
        f" WHERE e.run IS NULL AND e.event_time < :before AND {where}",
        values,
    )
    if policy.spares_current:
        _spare_declarations(db)
        _spare_renames(db)
        _spare_facets(db, log)
        _spare_who_brought_back(db)


def _owners(policy: Policy) -> tuple[str, dict[str, Any]]:
    """Return the condition on the owner of a form `f`, and its values."""
    where, values = ["1 = 1"], dict[str, Any]()
    if policy.job is not None:
        where.append("f.owner = :job")
        values["job"] = policy.job.key
    if policy.namespace is not None:
        where.append(
            "f.owner IN (SELECT key FROM node WHERE type = 3 AND namespace = :namespace"
            " UNION SELECT -key FROM node WHERE type = 1 AND namespace = :namespace)"
        )
        values["namespace"] = policy.namespace
    if policy.decommissioned:
        where.append("f.owner IN (SELECT entity FROM hidden UNION SELECT -entity FROM hidden)")
    return " AND ".join(where), values


def _spare_runs(db: Database) -> None:
    """Let those runs stay that count for the current graph, or for the graph at the age that is asked for.

    Runs stay, too, that staying ones name above them.
    """
    db.execute("DELETE FROM going_run WHERE run IN (SELECT run FROM job_run WHERE finished = 0)")
    db.execute("DELETE FROM going_run WHERE run IN (SELECT run FROM renamed)")
    going = "JOIN going_run AS o ON o.run = j.run"
    for among in (going, ""):  # what counted then is chosen first, among all that is older
        db.execute(
            f"""
            DELETE FROM going_run WHERE run IN (
                SELECT run FROM (
                    SELECT e.run, dense_rank() OVER (
                        PARTITION BY e.job ORDER BY e.began DESC, i.key DESC) AS place
                    FROM (
                        SELECT j.job, j.run, coalesce(r.parent, r.number) AS leader, max(j.first_time) OVER (
                            PARTITION BY j.job, coalesce(r.parent, r.number)) AS began
                        FROM job_run AS j JOIN run AS r ON r.number = j.run {among} WHERE j.finished = 1
                    ) AS e JOIN run_id AS i ON i.number = e.leader
                ) AS ranked WHERE place <= {CURRENT_GROUPS})
            """
        )
    db.execute(
        f"""
        DELETE FROM going_run WHERE run IN (
            SELECT run FROM (
                SELECT j.run, dense_rank() OVER (
                    PARTITION BY j.job ORDER BY r.ended_at / {_DAY} DESC) AS place
                FROM job_run AS j JOIN run AS r ON r.number = j.run {going}
                WHERE j.finished = 2 AND j.claims_outputs = 1
            ) AS days WHERE place <= {CURRENT_GROUPS})
        """
    )
    above = (
        "DELETE FROM going_run WHERE run IN (SELECT parent FROM run WHERE parent IS NOT NULL"
        " AND number NOT IN (SELECT run FROM going_run))"
    )
    while db.execute(above).rowcount > 0:
        pass


def _spare_declarations(db: Database) -> None:
    """Let the last of these events stay that a job or dataset declared its lineage with."""
    db.execute(
        """
        DELETE FROM going WHERE seq IN (
            SELECT seq FROM (
                SELECT e.seq, row_number() OVER (
                    PARTITION BY f.owner ORDER BY e.event_time DESC, f.shape DESC) AS place
                FROM going AS g JOIN event AS e ON e.seq = g.seq JOIN form AS f ON f.number = e.form
                WHERE e.run IS NULL AND f.declares = 1
            ) AS declared WHERE place = 1)
        """
    )


def _spare_renames(db: Database) -> None:
    """Let the events without a run stay that say how a dataset was called before."""
    db.execute(
        "DELETE FROM going WHERE seq IN (SELECT e.seq FROM renamed AS r"
        " JOIN event AS e ON e.event_time = r.event_time AND e.run IS NULL WHERE r.run = 0)"
    )


def _spare_drops(db: Database, before: int) -> None:
    """Let the runs stay of which the last drop of a dataset is, at the age that is asked for."""
    db.execute(
        f"""
        DELETE FROM going_run WHERE run IN (
            SELECT run FROM (
                SELECT d.run, row_number() OVER (
                    PARTITION BY d.dataset ORDER BY d.event_time DESC, i.key DESC) AS place
                FROM drop_said AS d JOIN run AS r ON r.number = d.run AND r.state IN {COUNTING}
                JOIN run_id AS i ON i.number = r.number
                WHERE d.event_time < :before
            ) AS dropping WHERE place = 1)
        """,
        {"before": before},
    )


def _spare_who_brought_back(db: Database) -> None:
    """Let those events stay without which a dataset would be dropped again.

    Also the DatasetEvents that say that one is dropped.
    """
    db.execute(
        "DELETE FROM going WHERE seq IN (SELECT e.seq FROM drop_said AS d"
        " JOIN event AS e ON e.event_time = d.event_time AND e.run IS NULL WHERE d.run = 0)"
    )
    forms = db.execute(
        f"""
        SELECT DISTINCT m.form FROM drop_said AS d
        CROSS JOIN form_entity AS m ON m.entity = d.dataset AND m.role IN {WRITING}
        CROSS JOIN form AS f ON f.number = m.form AND f.last_time > d.event_time
        """
    ).fetchall()
    if forms:
        _spare_latest(db, [form for (form,) in forms])


def _spare_facets(db: Database, log: LogReader) -> None:
    """Let the events stay that said last what stands as a facet of something that other events still name."""
    lost = dict(
        db.execute(
            f"""
            SELECT f.number, f.last_time FROM form AS f LEFT JOIN (
                SELECT form, max(event_time) AS latest FROM event WHERE {_STAYING} GROUP BY form
            ) AS s ON s.form = f.number WHERE s.latest IS NULL OR s.latest < f.last_time
            ORDER BY f.last_time DESC, f.key
            """
        ).fetchall()
    )
    named = {
        entity
        for (entity,) in db.execute(
            f"SELECT DISTINCT entity FROM form_entity WHERE form IN (SELECT form FROM event WHERE {_STAYING})"
        )
    }
    needed = []
    told: set[Slot] = set()
    for form in lost:
        said = {slot: content for slot, content in log.facets_in(form).items() if slot[0] in named}
        standing = {slot for slot in _standing(db, said) if slot not in told}
        told |= standing
        if any(not _said_by_others(db, slot, said[slot], lost[form], lost, log) for slot in standing):
            needed.append(form)
    if needed:
        _spare_latest(db, needed)


def _standing(db: Database, said: Mapping[Slot, int]) -> list[Slot]:
    """Return those of the facets that are the current ones."""
    rows = db.execute(
        "SELECT f.entity, f.name, f.content FROM each_key(?) AS k"
        " CROSS JOIN facet AS f ON f.entity = k.value",
        (list({entity for entity, _ in said}),),
    )
    return [(entity, name) for entity, name, content in rows if said.get((entity, name), -1) == content]


def _said_by_others(
    db: Database, slot: Slot, content: int, when: int, lost: Collection[int], log: LogReader
) -> bool:
    """Tell whether a form of which the latest event stays said the same no earlier."""
    rows = db.execute(
        "SELECT DISTINCT f.number FROM form_entity AS m JOIN form AS f ON f.number = m.form"
        " WHERE m.entity = ? AND f.last_time >= ?",
        (slot[0], when),
    ).fetchall()
    return any(key not in lost and log.facets_in(key).get(slot) == content for (key,) in rows)


def _spare_latest(db: Database, forms: Collection[int]) -> None:
    """Let the latest event of each of these forms stay, with its run."""
    events = db.execute(
        "SELECT e.seq, e.run FROM event AS e"
        " JOIN form AS f ON f.number = e.form AND f.last_time = e.event_time"
        " WHERE f.number IN (SELECT value FROM each_key(?) AS k)",
        (list(forms),),
    ).fetchall()
    db.executemany("DELETE FROM going WHERE seq = ?", [(seq,) for seq, run in events if run is None])
    runs = {run for _, run in events if run is not None}
    db.executemany(
        "DELETE FROM going WHERE seq IN (SELECT seq FROM event WHERE run = ?)", [(r,) for r in runs]
    )
    db.executemany("DELETE FROM going_run WHERE run = ?", [(run,) for run in runs])
