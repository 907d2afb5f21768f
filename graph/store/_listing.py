"""The lists of `Catalog` as SQL. Every function takes an open database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from graph.nodes import Node, NodeType
from graph.records import RunState
from graph.store._hidden import SHOWN
from graph.store._other_names import names_of
from graph.store._reading import TYPE_NUMBER, moment, nodes
from graph.store.catalog import Declared, Given, Heard, Named, Page, Subject
from graph.store.database import Database
from graph.store.runs import STATES

_STANDS = f"{SHOWN} AND NOT EXISTS (SELECT 1 FROM other_name AS o WHERE o.key = n.key)"
_TAKEN_PART = """
    (EXISTS (SELECT 1 FROM form_entity AS m WHERE m.entity = n.key)
    OR EXISTS (SELECT 1 FROM edge AS e WHERE e.source = n.number AND e.kind = 3)
    OR EXISTS (SELECT 1 FROM edge AS e WHERE e.target = n.number AND e.kind = 4)
    OR EXISTS (SELECT 1 FROM other_name AS o WHERE o.stands_for = n.key))
"""
"""The condition on a dataset `node AS n` that leaves out one that only column lineage names."""

_LAST_OF_JOB = """
    coalesce(
        (SELECT max(f.last_time) FROM form AS f WHERE f.owner = n.key),
        (SELECT max(p.last_time) FROM job_parent AS p WHERE p.parent = n.key), 0)
"""


def _heard(first: int, last: int) -> Heard:
    began, ended = moment(first), moment(last)
    assert began is not None
    assert ended is not None
    return Heard(began, ended)


def namespaces(db: Database, only: str | None) -> dict[str, Heard | None]:
    """See `Catalog.namespaces`."""
    where, values = ("n.type <> 2", ()) if only is None else ("n.type <> 2 AND n.namespace = ?", (only,))
    names = db.execute(f"SELECT DISTINCT n.namespace FROM node AS n WHERE {where}", values).fetchall()
    rows = db.execute(
        f"""
        SELECT n.namespace, min(f.first_time), max(f.last_time) FROM node AS n
        CROSS JOIN form_entity AS m ON m.entity = n.key CROSS JOIN form AS f ON f.number = m.form
        WHERE {where} GROUP BY n.namespace
        """,
        values,
    )
    times = {namespace: _heard(first, last) for namespace, first, last in rows}
    return {name: times.get(name) for name in sorted(name for (name,) in names)}


def has_namespace(db: Database, name: str) -> bool:
    """See `Catalog.has_namespace`."""
    return (
        db.execute("SELECT 1 FROM node WHERE type <> 2 AND namespace = ? LIMIT 1", (name,)).fetchone()
        is not None
        or db.execute("SELECT 1 FROM alias WHERE namespace = ? LIMIT 1", (name,)).fetchone() is not None
    )


def declared(db: Database, subject: Subject, name: str | None) -> list[Declared]:
    """See `Catalog.declared`."""
    prefix = f"{subject}:"
    where, values = "name >= ? AND name < ?", [prefix, f"{subject};"]  # ";" is the character behind ":"
    if name is not None:
        where, values = "name = ?", [prefix + name]
    rows = db.execute(
        f"SELECT name, value, gone, time FROM annotation WHERE entity = 0 AND kind = 'declared' AND {where}"
        " ORDER BY name",
        values,
    )
    found = []
    for key, value, gone, time in rows:
        at = moment(time)
        assert at is not None
        found.append(Declared(key.removeprefix(prefix), msgspec.json.decode(value), bool(gone), at))
    return found


def declared_of(db: Database, keys: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """See `Catalog.declared_of`."""
    rows = db.execute(
        "SELECT a.entity, a.value FROM each_key(?) AS k CROSS JOIN annotation AS a"
        " ON a.entity = k.value AND a.kind = 'declared' AND a.gone = 0",
        (list(keys),),
    )
    return {entity: msgspec.json.decode(value) for entity, value in rows}


def tags_given(db: Database, keys: Collection[int]) -> dict[int, list[Given]]:
    """See `Catalog.tags_given`."""
    if db.execute("SELECT 1 FROM annotation WHERE kind = 'tag' LIMIT 1").fetchone() is None:
        return {}
    rows = db.execute(
        """
        SELECT a.entity, NULL, a.name, a.gone FROM each_key(:keys) AS k
        CROSS JOIN annotation AS a ON a.entity = k.value AND a.kind = 'tag'
        UNION ALL
        SELECT n.dataset, n.field, a.name, a.gone FROM annotation AS a JOIN node AS n ON n.key = a.entity
        WHERE a.kind = 'tag' AND n.dataset IN (SELECT value FROM each_key(:keys) AS d)
        """,
        {"keys": list(keys)},
    )
    found: dict[int, list[Given]] = {}
    for entity, field, name, gone in rows:
        found.setdefault(entity, []).append(Given(field, name, bool(gone)))
    return found


def tags(db: Database) -> list[str]:
    """See `Catalog.tags`."""
    found = {
        name for (name,) in db.execute("SELECT DISTINCT name FROM annotation WHERE kind = 'tag' AND gone = 0")
    }
    return sorted(found)


def first_without_source(db: Database) -> datetime | None:
    """See `Catalog.first_without_source`."""
    row = db.execute(
        """
        SELECT min(f.first_time) FROM node AS n CROSS JOIN form_entity AS m ON m.entity = n.key
        CROSS JOIN form AS f ON f.number = m.form
        WHERE n.type = ? AND NOT EXISTS (
            SELECT 1 FROM facet AS s WHERE s.entity = n.key AND s.name = 'dataSource' AND s.gone = 0)
        """,
        (TYPE_NUMBER[NodeType.DATASET],),
    ).fetchone()
    return moment(row[0])


def datasets(db: Database, namespace: str, limit: int, offset: int) -> Page:
    """See `Catalog.datasets`."""
    found = _datasets(db, "n.namespace = ?", namespace, limit, offset)
    return found if found.total else _datasets(db, _NAMED_IN, namespace, limit, offset)


_NAMED_IN = "n.key IN (SELECT a.target FROM alias AS a WHERE a.namespace = ?)"


def _datasets(db: Database, which: str, namespace: str, limit: int, offset: int) -> Page:
    where = f"n.type = {TYPE_NUMBER[NodeType.DATASET]} AND {which} AND {_STANDS} AND {_TAKEN_PART}"
    (total,) = db.execute(f"SELECT count(*) FROM node AS n WHERE {where}", (namespace,)).fetchone()
    rows = db.execute(
        f"SELECT n.key, n.namespace, n.name FROM node AS n WHERE {where} ORDER BY n.name, n.key"
        " LIMIT ? OFFSET ?",
        (namespace, limit, offset),
    )
    return Page([(row[0], Node(NodeType.DATASET, row[1], row[2])) for row in rows], total)


def jobs(
    db: Database, namespace: str | None, states: Collection[RunState] | None, limit: int, offset: int
) -> Page:
    """See `Catalog.jobs`."""
    where = [f"n.type = {TYPE_NUMBER[NodeType.JOB]}", SHOWN]
    values: list[Any] = []
    if namespace is not None:
        where.append("n.namespace = ?")
        values.append(namespace)
    (total,) = db.execute(
        f"SELECT count(*) FROM node AS n WHERE {' AND '.join(where)}", list(values)
    ).fetchone()
    if states is not None:
        # A job without a run has NULL first; the runs of one that other jobs stand under are still running.
        where.append(
            f"""
            coalesce((SELECT r.state FROM job_run AS j JOIN run AS r ON r.number = j.run AND r.job = j.job
                WHERE j.job = n.key ORDER BY j.first_time DESC, j.run DESC LIMIT 1),
                (SELECT {STATES.index(RunState.RUNNING)} FROM job_parent AS p WHERE p.parent = n.key LIMIT 1),
                -1)
            IN (SELECT value FROM each_key(?) AS s)
            """
        )
        values.append([-1, *(STATES.index(state) for state in states)])
    rows = db.execute(
        f"SELECT n.key, n.namespace, n.name, {_LAST_OF_JOB} AS updated FROM node AS n"
        f" WHERE {' AND '.join(where)} ORDER BY updated DESC, n.namespace, n.name LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return Page([(row[0], Node(NodeType.JOB, row[1], row[2])) for row in rows], total)


def heard(db: Database, keys: Collection[int]) -> dict[int, Heard]:
    """See `Catalog.heard`."""
    asked = names_of(db, keys)
    rows = db.execute(
        "SELECT m.entity, min(f.first_time), max(f.last_time) FROM each_key(?) AS k"
        " CROSS JOIN form_entity AS m ON m.entity = k.value CROSS JOIN form AS f ON f.number = m.form"
        " GROUP BY m.entity",
        (list(asked),),
    ).fetchall()
    rows += db.execute(
        "SELECT p.parent, min(p.first_time), max(p.last_time) FROM each_key(?) AS k"
        " CROSS JOIN job_parent AS p ON p.parent = k.value GROUP BY p.parent",
        (list(keys),),
    ).fetchall()
    times: dict[int, tuple[int, int]] = {}
    for name, first, last in rows:
        known = times.get(asked[name], (first, last))
        times[asked[name]] = min(first, known[0]), max(last, known[1])
    return {key: _heard(*found) for key, found in times.items()}


def first_named(db: Database, type_: NodeType) -> list[datetime]:
    """See `Catalog.first_named`."""
    rows = db.execute(
        """
        SELECT coalesce(o.stands_for, named.key) AS known, min(named.first_time) AS first FROM (
            SELECT n.key, f.first_time FROM node AS n
            CROSS JOIN form_entity AS m ON m.entity = n.key CROSS JOIN form AS f ON f.number = m.form
            WHERE n.type = :type
            UNION ALL
            SELECT n.key, p.first_time FROM node AS n CROSS JOIN job_parent AS p ON p.parent = n.key
            WHERE n.type = :type
        ) AS named LEFT JOIN other_name AS o ON o.key = named.key
        GROUP BY coalesce(o.stands_for, named.key) ORDER BY first
        """,
        {"type": TYPE_NUMBER[type_]},
    )
    return [at for _, first in rows if (at := moment(first)) is not None]


def named_like(db: Database, text: str, types: Collection[NodeType], namespace: str | None) -> list[Named]:
    """See `Catalog.named_like`."""
    where, values = [_STANDS, "n.type IN (SELECT value FROM each_key(?) AS t)"], list[Any]()
    where.append(f"(n.type <> {TYPE_NUMBER[NodeType.DATASET]} OR {_TAKEN_PART})")
    values.append([TYPE_NUMBER[type_] for type_ in types])
    if text.isascii():  # `lower` folds no other letters
        where.append(r"lower(n.name) LIKE ? ESCAPE '\'")
        values.append(f"%{_literally(text.lower())}%")
    if namespace is not None:
        where.append("n.namespace = ?")
        values.append(namespace)
    rows = db.execute(
        f"SELECT n.key, n.name FROM node AS n WHERE {' AND '.join(where)} ORDER BY n.name, n.key", values
    ).fetchall()
    keys = [key for key, name in rows if text.isascii() or text.casefold() in name.casefold()]
    found, times = nodes(db, keys), heard(db, keys)
    return [Named(found[key], times[key].last if key in times else None) for key in keys]


def _literally(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
