"""Which names are names of one dataset, and which of them stands for it in the graph.

A dataset has the names that its symlinks facet gives it, and those it had before it was renamed. A name that
two datasets claim as a symlink stands for neither. What comes out depends on what was said, not on the order
in which it came. Every function needs the transaction that writes a batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graph.nodes import Node, NodeType
from graph.records import RunState
from graph.store._claims import put_nodes
from graph.store._edges import owners_at
from graph.store._reading import nodes
from graph.store.changes import Changes, Role
from graph.store.database import Database
from graph.store.form_facets import dataset_node
from graph.store.runs import STATES

BY_OTHER_NAME = 8
"""Says of a node, beside what `_claims.py` has: a field that another name of its dataset has."""

_WRITING = f"({int(Role.OUTPUT)}, {int(Role.DATASET)})"
_COUNTING = f"({STATES.index(RunState.RUNNING)}, {STATES.index(RunState.COMPLETE)})"


def note_renames(db: Database, batch: Sequence[Changes], numbers: Mapping[str, int]) -> set[int]:
    """Keep what these events say was renamed; return the datasets whose names that may change.

    That is also so where an event ends a run that renamed something, or writes what was renamed.
    """
    rows = []
    for item in batch:
        run = 0 if item.run is None else numbers[item.run.run_id]
        for one in item.form.renames:
            name = (one.previous.namespace, one.previous.name)
            rows.append((one.previous.key, one.target, item.event_time, run, *name))
    db.executemany("INSERT INTO renamed VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
    touched = {row[0] for row in rows}
    if db.execute("SELECT 1 FROM renamed LIMIT 1").fetchone() is None:
        return touched
    ended = {numbers[item.run.run_id] for item in batch if item.run is not None}
    named = {one.entity for item in batch for one in item.form.mentions if one.role is not Role.JOB}
    touched |= {
        previous
        for (previous,) in db.execute(
            "SELECT DISTINCT previous FROM renamed WHERE run IN (SELECT value FROM each_key(?) AS r)"
            " OR previous IN (SELECT value FROM each_key(?) AS p)",
            (list(ended), list(named)),
        )
    }
    return touched


def settle_names(
    db: Database, keys: Collection[int], names: Iterable[tuple[str, str]]
) -> tuple[set[int], set[int]]:
    """Work out again what stands for these datasets and names.

    Return the owners whose edges change, and the datasets that are called otherwise now or have lost or got
    a name.
    """
    if not keys and not names:
        return set(), set()
    claims = _Claims(db)
    claims.walk(nodes(db, keys) | dict(dataset_node(*name) for name in names))
    claims.stale.update(keys)
    before = {
        key: stands
        for key, stands in db.execute(
            "SELECT o.key, o.stands_for FROM each_key(?) AS k CROSS JOIN other_name AS o ON o.key = k.value",
            (list(claims.stale | claims.known.keys()),),
        )
    }
    after = claims.settled()
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if not changed:
        return set(), set()
    concerned = changed | {each[key] for each in (before, after) for key in changed if key in each}
    owners = _owners(db, concerned)  # also those at fields that only the names until now have
    db.executemany("DELETE FROM other_name WHERE key = ?", [(key,) for key in changed])
    db.executemany(
        "INSERT INTO other_name VALUES (?, ?, NULL)", [(key, after[key]) for key in changed & after.keys()]
    )
    sync_fields(db, changed)
    db.executemany(  # to be found by the names that it has now
        "INSERT INTO search_waiting VALUES (?) ON CONFLICT DO NOTHING", [(key,) for key in sorted(concerned)]
    )
    return owners | _owners(db, concerned), concerned


@dataclass
class _Claims:
    """Who claims which names: all that hangs together with some datasets."""

    db: Database
    known: dict[int, Node] = field(default_factory=dict)
    stale: set[int] = field(default_factory=set)
    """Keys that were other names of what is known."""
    symlinks: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By the key of a name: the datasets that claim it."""
    renames: dict[int, set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))
    """By the key of the name before: time and key of the dataset that was renamed, where that counts."""

    def walk(self, names: Mapping[int, Node]) -> None:
        ahead = dict(names)
        while ahead:
            self.known |= ahead
            found = self._symlinks(ahead) | self._renames(ahead)
            ahead = {key: node for key, node in found.items() if key not in self.known}

    def _symlinks(self, names: Mapping[int, Node]) -> dict[int, Node]:
        found: dict[int, Node] = {}
        rows = self.db.execute(
            "SELECT a.namespace, a.name, a.target FROM each_key(?) AS k"
            " CROSS JOIN alias AS a ON a.target = k.value AND a.symlink = 1",
            (list(names),),
        )
        for namespace, name, target in rows:
            key, node = dataset_node(namespace, name)
            found[key] = node
            self.symlinks[key].add(target)
        claiming: set[int] = set()
        for key, node in names.items():
            for (target,) in self.db.execute(
                "SELECT target FROM alias WHERE namespace = ? AND name = ? AND symlink = 1",
                (node.namespace, node.name),
            ):
                self.symlinks[key].add(target)
                claiming.add(target)
        rows = self.db.execute(
            "SELECT o.key FROM each_key(?) AS k CROSS JOIN other_name AS o"
            " ON o.stands_for = k.value AND o.dataset IS NULL",
            (list(names),),
        )
        self.stale.update(key for (key,) in rows)
        return found | nodes(self.db, claiming - self.known.keys())

    def _renames(self, names: Mapping[int, Node]) -> dict[int, Node]:
        """A failed run has renamed nothing; a name that is written again later is another dataset's."""
        found: dict[int, Node] = {}
        rows = self.db.execute(
            f"""
            SELECT n.previous, n.target, n.namespace, n.name, max(n.event_time) FROM renamed AS n
            LEFT JOIN run AS r ON r.number = n.run
            WHERE (n.previous IN (SELECT value FROM each_key(:keys) AS p)
                OR n.target IN (SELECT value FROM each_key(:keys) AS t))
            AND (n.run = 0 OR r.state IN {_COUNTING})
            GROUP BY n.previous, n.target, n.namespace, n.name
            """,
            {"keys": list(names)},
        ).fetchall()
        written = self._last_written({row[0] for row in rows})
        for previous, target, namespace, name, time in rows:
            found[previous] = Node(NodeType.DATASET, namespace, name)
            if written.get(previous, time) <= time:
                self.renames[previous].add((time, target))
        targets = {row[1] for row in rows} - self.known.keys()
        return found | nodes(self.db, targets)

    def _last_written(self, datasets: Collection[int]) -> dict[int, int]:
        return dict(
            self.db.execute(
                "SELECT m.entity, max(f.last_time) FROM each_key(?) AS k"
                f" CROSS JOIN form_entity AS m ON m.entity = k.value AND m.role IN {_WRITING}"
                " CROSS JOIN form AS f ON f.number = m.form GROUP BY m.entity",
                (list(datasets),),
            ).fetchall()
        )

    def settled(self) -> dict[int, int]:
        """Return by key of each other name what stands for it."""
        above = {}
        for key in self.known:
            if self.renames[key]:
                above[key] = max(self.renames[key])[1]
            elif len(self.symlinks[key]) == 1:
                (above[key],) = self.symlinks[key]
        return {key: end for key in above if (end := self._end(key, above)) != key}

    def _end(self, key: int, above: Mapping[int, int]) -> int:
        """Return where the way up ends: of names that claim each other, at the first in their order."""
        way = [key]
        while (higher := above.get(way[-1])) is not None:
            if higher in way:
                return min(way[way.index(higher) :], key=lambda each: self.known[each])
            way.append(higher)
        return way[-1]


def sync_fields(db: Database, datasets: Collection[int]) -> None:
    """Have the fields of those of the datasets that are other names stand under the right one."""
    rows = db.execute(
        "SELECT n.key, n.dataset, n.field, o.stands_for FROM each_key(?) AS k"
        " CROSS JOIN other_name AS o ON o.key = k.value CROSS JOIN node AS n ON n.dataset = k.value",
        (list(datasets),),
    ).fetchall()
    ends = nodes(db, {row[3] for row in rows})
    fields = {row[0]: Node(NodeType.FIELD, ends[row[3]].namespace, ends[row[3]].name, row[2]) for row in rows}
    wanted = {row[0]: (fields[row[0]].key, row[1]) for row in rows}
    kept = {
        key: (stands, dataset)
        for key, stands, dataset in db.execute(
            "SELECT o.key, o.stands_for, o.dataset FROM each_key(?) AS k"
            " CROSS JOIN other_name AS o ON o.dataset = k.value",
            (list(datasets),),
        )
    }
    gone = [key for key, row in kept.items() if wanted.get(key) != row]
    new = [key for key, row in wanted.items() if kept.get(key) != row]
    db.executemany("DELETE FROM other_name WHERE key = ?", [(key,) for key in gone])
    db.executemany("INSERT INTO other_name VALUES (?, ?, ?)", [(key, *wanted[key]) for key in new])
    if new:
        made = {fields[key].key: fields[key] for key in new}
        put_nodes(db, made, dict.fromkeys(made, BY_OTHER_NAME))
    _drop_unused(db, {kept[key][0] for key in gone})


def _drop_unused(db: Database, fields: Collection[int]) -> None:
    """Remove those of the fields that only another name had, and has no more."""
    rows = [(key,) for key in fields]
    db.executemany(
        f"UPDATE node SET named = named - {BY_OTHER_NAME} WHERE key = ? AND named >= {BY_OTHER_NAME}"
        " AND NOT EXISTS (SELECT 1 FROM other_name AS o WHERE o.stands_for = node.key)",
        rows,
    )
    db.executemany(
        "DELETE FROM node WHERE key = ? AND named = 0"
        " AND NOT EXISTS (SELECT 1 FROM derived_node AS d WHERE d.node = node.key)",
        rows,
    )


def _owners(db: Database, datasets: Collection[int]) -> set[int]:
    """Return the owners of edges at these datasets or their fields, and those whose events name them."""
    keys = list(datasets)
    named = db.execute(
        "SELECT DISTINCT f.owner FROM each_key(?) AS k CROSS JOIN form_entity AS m ON m.entity = k.value"
        " CROSS JOIN form AS f ON f.number = m.form",
        (keys,),
    ).fetchall()
    own = db.execute(
        "SELECT n.key FROM each_key(?) AS k CROSS JOIN node AS n ON n.dataset = k.value", (keys,)
    )
    ends = [*keys, *(key for (key,) in own.fetchall())]
    return {owner for (owner,) in named} | owners_at(db, ends)
