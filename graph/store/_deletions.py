"""What commands deleted, and events brought back. What writes runs inside an open transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from graph.nodes import Node
from graph.store._hidden import hidden_of
from graph.store._memory import Memory
from graph.store._other_names import names_of, stands_for
from graph.store._projecting import refresh
from graph.store._reading import nodes
from graph.store.changes import Changes
from graph.store.database import Database


def bring_back(db: Database, events: Iterable[Changes], renamed: Collection[int], memory: Memory) -> None:
    """Show those deleted datasets and jobs again that these events, which are in the log, name by any name.

    `renamed` are the datasets of which another name stands for them now.
    """
    named: set[int] = set()
    if db.execute("SELECT 1 FROM hidden LIMIT 1").fetchone() is not None:
        named = {one.entity for item in events for one in item.form.mentions}
        named = hidden_of(db, named | set(stands_for(db, named).values()))
    settle(db, named | set(renamed), memory)


def settle(db: Database, entities: Collection[int], memory: Memory) -> None:
    """Hide those of the datasets and jobs that are deleted and were not heard of since; show the others.

    Under whatever names they are deleted or heard of, the one that stands for them is hidden.
    """
    if not entities:
        return
    stands = stands_for(db, entities)
    standing = {stands.get(key, key) for key in entities}
    hide = _deleted_of(db, standing)
    were = hidden_of(db, {*entities, *standing})
    db.executemany("DELETE FROM hidden WHERE entity = ?", [(entity,) for entity in were - hide])
    db.executemany("INSERT INTO hidden VALUES (?)", [(entity,) for entity in hide - were])
    if hide != were:
        refresh(db, _owners(db, hide ^ were), memory, changed=True)


def _deleted_of(db: Database, standing: Collection[int]) -> set[int]:
    names = names_of(db, standing)
    latest: dict[int, tuple[int, str, int]] = {}
    for name, time, command, gone in db.execute(
        "SELECT a.entity, a.time, a.command, a.gone FROM each_key(?) AS k"
        " CROSS JOIN annotation AS a ON a.entity = k.value AND a.kind = 'deletion'",
        (list(names),),
    ):
        said = (time, command, gone)
        latest[names[name]] = max(said, latest.get(names[name], said))
    deleted = {entity: time for entity, (time, _, gone) in latest.items() if not gone}
    heard: dict[int, int] = {}
    for name, time in db.execute(
        "SELECT m.entity, max(f.last_time) FROM each_key(?) AS k"
        " CROSS JOIN form_entity AS m ON m.entity = k.value CROSS JOIN form AS f ON f.number = m.form"
        " GROUP BY m.entity",
        ([name for name, entity in names.items() if entity in deleted],),
    ):
        heard[names[name]] = max(time, heard.get(names[name], time))
    return {entity for entity, time in deleted.items() if heard.get(entity, time) <= time}


def _owners(db: Database, entities: Collection[int]) -> set[int]:
    """Return the owners of edges that these datasets and jobs have to do with."""
    keys = list(names_of(db, entities))
    rows = db.execute(
        """
        SELECT f.owner FROM each_key(:keys) AS k CROSS JOIN form_entity AS m ON m.entity = k.value
        CROSS JOIN form AS f ON f.number = m.form
        UNION
        SELECT s.owner FROM each_key(:keys) AS k CROSS JOIN named_entity AS m ON m.entity = k.value
        CROSS JOIN shape AS s ON s.key = m.shape
        """,
        {"keys": keys},
    )
    return {owner for (owner,) in rows} | set(
        owner
        for (owner,) in db.execute(
            "SELECT DISTINCT f.owner FROM each_key(?) AS k CROSS JOIN form AS f ON f.owner = k.value", (keys,)
        )
    )


def deleted(db: Database) -> list[Node]:
    """See `LineageReader.deleted`."""
    keys = [entity for (entity,) in db.execute("SELECT entity FROM hidden")]
    return sorted(nodes(db, keys).values())
