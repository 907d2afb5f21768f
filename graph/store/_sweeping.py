"""What nothing in the log says any more is taken out of the graph. Needs the transaction that writes it.

`Remains` was worked out while others wrote: what they have added since is taken in first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graph.records import Origin
from graph.store._claims import BY_EVENT, claims_by_shape
from graph.store._commands import forget_about
from graph.store._deletions import settle
from graph.store._deriving import wait_again
from graph.store._dropping import settle_all_drops
from graph.store._facet_rows import Changed, put_aliases, put_measured, symlinks_of
from graph.store._log import LogReader
from graph.store._memory import Memory
from graph.store._naming import BY_OTHER_NAME, settle_names, sync_fields
from graph.store._projecting import refresh
from graph.store._remains import UNUSED_RUN, Remains, gone_shapes
from graph.store._removing import Taken, Understand, understood
from graph.store._repacking import repack_contents, repack_forms, unpack_sql
from graph.store._said_before import entities_of
from graph.store._writing import put_parents
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.log_format import is_whole, keys_in, keys_in_rest, runs_in_rest

_MOST_SINCE = 1000
_SQL = (Origin.SQL_CERTAIN, Origin.SQL_DOUBTFUL)


def sweep(
    db: Database, found: Remains, taken: Taken, understand: Understand, memory: Memory, log: LogReader
) -> bool:
    """Take out what is gone; False, with nothing done, when too much came since `found` was worked out."""
    (removals,) = db.execute("SELECT removals FROM log_end").fetchone()
    bodies = log.bodies(found.seq, _MOST_SINCE + 1)
    if removals != found.removals or len(bodies) > _MOST_SINCE:
        return False
    since = understood(bodies, understand)
    _take_in(db, found, since, log)
    touched = {entity for form in taken.forms for entity in entities_of(log, form)}
    _write_times(db, found)
    _drop_shapes(db, gone_shapes(db, found))
    unpack_sql(db, found.gone, log)
    _drop_forms(db, found)
    _drop_sets(db, taken)
    silent = found.owners - _with_forms(db, found.owners)
    _drop_queries(db, silent, taken)
    changed = _write_facets(db, found)
    _write_measured(db, found, taken, since)
    _write_parents(db, found, since)
    _refresh(db, silent, found, taken, memory)
    changed.schemas |= _write_nodes(db, found)
    _write_aliases(db, found)
    _drop_commands(db, found)
    _settle(db, found, taken, changed, touched, memory, log)
    _drop_rest(db, found)
    memory.forget()
    log.forget()
    return True


def _take_in(db: Database, found: Remains, since: Sequence[Changes], log: LogReader) -> None:
    """Take in what others have written since."""
    rows = db.execute(
        "SELECT e.form, e.event_time, e.rest FROM event AS e WHERE e.seq > ? ORDER BY e.seq", (found.seq,)
    ).fetchall()
    for form, when, rest in rows:
        first, last = found.times.get(form, (when, when))
        found.times[form] = min(first, when), max(last, when)
        found.gone.pop(form, None)
        found.contents.difference_update(keys_in(log.form(form)))
        if not is_whole(rest):
            found.contents.difference_update(keys_in_rest(bytes(rest), log.sample(form)))
            found.runs -= runs_in_rest(bytes(rest), log.sample(form))
    for item, (form, _, _) in zip(since, rows, strict=True):
        found.contents.difference_update(item.contents)
        found.take(item, found.times[form][1])
    shapes = {item.form.shape_key for item in since}
    for claims in claims_by_shape(db, shapes).values():
        found.transformations.difference_update(claim.transformation for claim in claims)


def _write_times(db: Database, found: Remains) -> None:
    """Have forms begin and end when the events do that are left."""
    rows = db.execute("SELECT number, first_time, last_time FROM form").fetchall()
    db.executemany(
        "UPDATE form SET first_time = ?, last_time = ? WHERE number = ?",
        [
            (*found.times[form], form)
            for form, first, last in rows
            if form in found.times and found.times[form] != (first, last)
        ],
    )


def _drop_forms(db: Database, found: Remains) -> None:
    db.executemany(
        "DELETE FROM form_entity WHERE entity = ? AND form = ?",
        [(entity, form) for form, entities in found.gone.items() for entity in entities],
    )
    db.executemany("DELETE FROM form WHERE number = ?", [(form,) for form in found.gone])
    if found.gone:
        repack_forms(db)


def _drop_shapes(db: Database, shapes: Collection[int]) -> None:
    rows = [(shape,) for shape in shapes]
    for table in ("claims", "derivation", "derived_node", "statement_use", "schema_use", "query_statement"):
        db.executemany(f"DELETE FROM {table} WHERE shape = ?", rows)
    named = db.execute(
        "SELECT entity, shape FROM named_entity WHERE shape IN (SELECT value FROM each_key(?) AS k)",
        (list(shapes),),
    ).fetchall()
    db.executemany("DELETE FROM named_entity WHERE entity = ? AND shape = ?", named)
    db.executemany("DELETE FROM shape WHERE key = ?", rows)


def _drop_sets(db: Database, taken: Taken) -> None:
    used = "SELECT 1 FROM job_run WHERE job = ? AND shapes = ? LIMIT 1"
    unused = [key for job, key in taken.sets if db.execute(used, (job, key)).fetchone() is None]
    db.executemany("DELETE FROM shape_set WHERE shapes = ?", [(key,) for key in unused])


def _drop_queries(db: Database, silent: Collection[int], taken: Taken) -> None:
    """Remove the kinds of queries that no run has, and all those of jobs that are gone."""
    of_gone = db.execute(
        "SELECT key FROM query WHERE job IN (SELECT value FROM each_key(?) AS k)", (list(silent),)
    )
    kinds = [(key, key) for key in taken.queries | {key for (key,) in of_gone}]
    unused = "NOT EXISTS (SELECT 1 FROM query_run AS r WHERE r.query = ?)"
    db.executemany(f"DELETE FROM query_statement WHERE query = ? AND {unused}", kinds)
    db.executemany(f"DELETE FROM query WHERE key = ? AND {unused}", kinds)


def _with_forms(db: Database, owners: Collection[int], condition: str = "1 = 1") -> set[int]:
    rows = db.execute(
        "SELECT DISTINCT f.owner FROM each_key(?) AS k CROSS JOIN form AS f ON f.owner = k.value"
        f" AND {condition}",
        (list(owners),),
    )
    return {owner for (owner,) in rows}


def _write_facets(db: Database, found: Remains) -> Changed:
    """Have those facets stand that were said last, of those that a form gave that is gone."""
    changed = Changed()
    for entity, name in sorted(found.slots):
        row = db.execute("SELECT content FROM facet WHERE entity = ? AND name = ?", (entity, name)).fetchone()
        said = found.facets.get((entity, name), ())
        if row is None:
            continue
        if not said:
            db.execute("DELETE FROM facet WHERE entity = ? AND name = ?", (entity, name))
        else:
            when, best = max(said, key=lambda each: (each[0], each[1].content))
            contested = int(len({change.content for _, change in said}) > 1)
            db.execute(
                "UPDATE facet SET event_time = ?, content = ?, gone = ?, contested = ?"
                " WHERE entity = ? AND name = ?",
                (when, best.content, int(best.gone), contested, entity, name),
            )
            if best.content == row[0]:
                continue
            changed.note(best)
        if name == "schema":
            changed.schemas.add(entity)
        if name == "symlinks":
            changed.linking.add(entity)
            changed.names.update(symlinks_of(db, entity))
            db.execute("DELETE FROM alias WHERE symlink = 1 AND target = ?", (entity,))
            put_aliases(db, best.aliases if said else ())
    return changed


def _write_measured(db: Database, found: Remains, taken: Taken, since: Sequence[Changes]) -> None:
    for entity, name in found.measured:
        row = db.execute(
            "SELECT event_time FROM facet WHERE entity = ? AND name = ? AND content IS NULL", (entity, name)
        ).fetchone()
        if row is not None and row[0] in taken.times:
            db.execute("DELETE FROM facet WHERE entity = ? AND name = ?", (entity, name))
    put_measured(db, [item for item in found.measured.values() if item is not None])
    if found.measured:
        put_measured(db, since)


def _write_parents(db: Database, found: Remains, since: Sequence[Changes]) -> None:
    db.executemany("DELETE FROM job_parent WHERE job = ? AND parent = ?", list(found.parents))
    db.executemany(
        "INSERT INTO job_parent VALUES (?, ?, ?, ?)",
        [(*pair, *times) for pair, times in found.parents.items() if times is not None],
    )
    db.executemany("DELETE FROM job_root WHERE job = ? AND root = ?", list(found.roots))
    db.executemany(
        "INSERT INTO job_root VALUES (?, ?, ?)",
        [(*pair, first) for pair, first in found.roots.items() if first is not None],
    )
    put_parents(db, since)


def _refresh(db: Database, silent: set[int], found: Remains, taken: Taken, memory: Memory) -> None:
    """Remove the edges of owners that say nothing any more; bring up to date who declares them."""
    refresh(db, silent | _with_forms(db, taken.owners | found.owners, "f.declares = 1"), memory)
    db.executemany("DELETE FROM projected WHERE owner = ?", [(owner,) for owner in silent])


def _write_nodes(db: Database, found: Remains) -> set[int]:
    """Have nodes named by who names them still, and remove the others; return the datasets of fields."""
    rows = db.execute(
        "SELECT n.key, n.named, n.dataset FROM each_key(?) AS k CROSS JOIN node AS n ON n.key = k.value",
        (list(found.nodes),),
    ).fetchall()
    above = db.execute(
        "SELECT p.parent FROM each_key(:nodes) AS k CROSS JOIN job_parent AS p ON p.parent = k.value"
        " UNION SELECT r.root FROM each_key(:nodes) AS k CROSS JOIN job_root AS r ON r.root = k.value",
        {"nodes": list(found.nodes)},
    )
    named = dict.fromkeys((key for (key,) in above), BY_EVENT)
    others: list[tuple[int, int]] = []
    holders = set()
    for key, by, holder in rows:
        now = found.named.get(key, 0) | named.get(key, 0) | (by & BY_OTHER_NAME)
        if now != by:
            others.append((now, key))
            holders |= {holder} - {None}
    db.executemany("UPDATE node SET named = ? WHERE key = ?", others)
    by_sql_alone = {key for now, key in others if now in (0, BY_OTHER_NAME)}
    _note_derived(db, found, by_sql_alone)
    db.executemany(
        "DELETE FROM node WHERE key = ? AND named = 0"
        " AND NOT EXISTS (SELECT 1 FROM derived_node AS d WHERE d.node = node.key)",
        [(key,) for key in found.nodes],
    )
    return holders | {row[2] for row in rows if row[2] is not None and row[1] == 0}


def _note_derived(db: Database, found: Remains, nodes: Collection[int]) -> None:
    """Write which SQL names these nodes, which no event names any more."""
    if not nodes:
        return
    naming = {
        (shape, key)
        for shape, claims in claims_by_shape(db, found.shapes).items()
        for claim in claims
        if claim.origin in _SQL
        for key in (claim.source, claim.target, claim.dataset)
        if key in nodes
    }
    naming.update(
        db.execute(
            "SELECT m.shape, m.entity FROM each_key(?) AS k"
            " CROSS JOIN named_entity AS m ON m.entity = k.value"
            " WHERE EXISTS (SELECT 1 FROM derivation AS d WHERE d.shape = m.shape)",
            (list(nodes),),
        ).fetchall()
    )
    db.executemany("INSERT INTO derived_node VALUES (?, ?) ON CONFLICT DO NOTHING", sorted(naming))


def _write_aliases(db: Database, found: Remains) -> None:
    """Remove names as producers sent them that nobody sends any more."""
    rows = db.execute(
        "SELECT a.namespace, a.name, a.target FROM alias AS a WHERE a.symlink = 0"
        " AND a.target IN (SELECT value FROM each_key(?) AS k)",
        (list(found.entities),),
    ).fetchall()
    sent = {(alias.namespace, alias.name, alias.target) for alias in found.aliases}
    db.executemany(
        "DELETE FROM alias WHERE symlink = 0 AND namespace = ? AND name = ? AND target = ?",
        [row for row in rows if tuple(row) not in sent],
    )


def _drop_commands(db: Database, found: Remains) -> None:
    """Remove the commands about datasets and jobs that no event names any more, and about their fields."""
    named = {entity for entities in found.gone.values() for entity in entities}
    rows = db.execute(
        "SELECT DISTINCT m.entity FROM each_key(?) AS k CROSS JOIN form_entity AS m ON m.entity = k.value",
        (list(named),),
    )
    forget_about(db, named - {entity for (entity,) in rows})


def _settle(
    db: Database,
    found: Remains,
    taken: Taken,
    changed: Changed,
    touched: set[int],
    memory: Memory,
    log: LogReader,
) -> None:
    """Bring up to date what follows: names, columns, what is deleted, and the edges of whom it concerns."""
    wait_again(db, changed.schemas)
    moved, called = settle_names(db, found.entities | taken.renamed | changed.linking, changed.names)
    sync_fields(db, changed.schemas)
    refresh(db, moved, memory, changed=True)
    settle(db, found.entities | touched | called, memory)
    settle_all_drops(db, log, called)


def _drop_rest(db: Database, found: Remains) -> None:
    """Remove contents, transformations, ids of runs and times of arrival that nothing refers to."""
    db.executemany("DELETE FROM content WHERE key = ?", [(key,) for key in found.contents])
    repack_contents(db)
    db.executemany("DELETE FROM transformation WHERE key = ?", [(key,) for key in found.transformations])
    db.executemany(
        f"DELETE FROM run_id WHERE number = ? AND {UNUSED_RUN}", [(number,) for number in found.runs]
    )
    db.execute(
        """
        DELETE FROM receipt WHERE EXISTS (SELECT 1 FROM receipt AS n WHERE n.seq > receipt.seq)
        AND NOT EXISTS (
            SELECT 1 FROM event AS e WHERE e.seq >= receipt.seq
            AND e.seq < (SELECT min(n.seq) FROM receipt AS n WHERE n.seq > receipt.seq))
        """
    )
    latest = max((last for _, last in found.times.values()), default=None)
    db.execute("UPDATE log_end SET event_time = ?, removals = removals + 1", (latest,))
