"""Commands: kept in the log and brought to bear. What writes runs inside an open transaction.

Of two commands about one thing the later one counts, of two at the same time the one with the greater id:
the order in which they come makes no difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from graph.nodes import NodeType, dataset
from graph.store._chain import append, bury
from graph.store._deletions import settle
from graph.store._memory import Memory
from graph.store._other_names import names_of
from graph.store._reading import facets, nodes
from graph.store.chain import LinkKind, command_item
from graph.store.changes import Status
from graph.store.commands import Annotations, Command, CommandKind, Label, command_of, line_of
from graph.store.database import Database

_KIND = {
    CommandKind.TAG: "tag",
    CommandKind.UNTAG: "tag",
    CommandKind.OWN: "owner",
    CommandKind.DISOWN: "owner",
    CommandKind.DESCRIBE: "description",
    CommandKind.DELETE: "deletion",
    CommandKind.UNDELETE: "deletion",
    CommandKind.DECLARE: "declared",
    CommandKind.RETRACT: "declared",
}
_TAKES_BACK = {CommandKind.UNTAG, CommandKind.DISOWN, CommandKind.UNDELETE, CommandKind.RETRACT}
_BY_NAME = {"tag", "owner", "declared"}
_PAGE = 1000


def known_commands(db: Database, batch: Sequence[Command]) -> list[Status]:
    """Return for each command ACCEPTED where it is new, DUPLICATE where log or batch have it already."""
    if not batch:
        return []
    known = {
        id_
        for (id_,) in db.execute(
            "SELECT c.id FROM each_text(?) AS k CROSS JOIN command AS c ON c.id = k.value",
            ([one.id for one in batch],),
        )
    }
    statuses = []
    for one in batch:
        statuses.append(Status.DUPLICATE if one.id in known else Status.ACCEPTED)
        known.add(one.id)
    return statuses


def keep(db: Database, new: Sequence[Command], now: int, memory: Memory) -> None:
    """Append commands to the log and apply them."""
    (seq,) = db.execute("SELECT seq FROM log_end").fetchone()
    lines = [(seq + place, one.id, now, line_of(one)) for place, one in enumerate(new, 1)]
    db.executemany("INSERT INTO command VALUES (?, ?, ?, ?)", lines)
    for number, _, _, line in lines:
        append(db, LinkKind.COMMAND, now, [command_item(line)], first=number, records=1)
    db.execute("UPDATE log_end SET seq = ?", (seq + len(new),))
    _apply(db, new, memory)


def kept(db: Database, after: int, limit: int) -> list[tuple[int, Command]]:
    """See `LineageReader.commands`."""
    rows = db.execute("SELECT seq, body FROM command WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [(seq, command_of(bytes(body))) for seq, body in rows]


def apply_all(db: Database, memory: Memory) -> None:
    """Apply the commands of the log to a projection that has none of them."""
    after = 0
    while page := kept(db, after, _PAGE):
        after = page[-1][0]
        _apply(db, [command for _, command in page], memory)


def forget_about(db: Database, gone: Collection[int]) -> None:
    """Remove the commands about these datasets and jobs, and about fields of theirs."""
    after = 0
    items = []
    while gone and (page := kept(db, after, _PAGE)):
        after = page[-1][0]
        about = []
        for number, command in page:
            if (node := command.node) is None:
                continue
            whole = dataset(node.namespace, node.name) if node.type is NodeType.FIELD else node
            if whole.key in gone:
                about.append((number, node.key))
        lines = db.execute(
            "SELECT c.seq, c.body FROM each_key(?) AS k CROSS JOIN command AS c ON c.seq = k.value",
            ([number for number, _ in about],),
        )
        items += [(number, command_item(bytes(body))) for number, body in lines]
        db.executemany("DELETE FROM command WHERE seq = ?", [(number,) for number, _ in about])
        db.executemany("DELETE FROM annotation WHERE entity = ?", [(key,) for _, key in about])
    if items:
        bury(db, time.time_ns(), 0, items)


def _apply(db: Database, commands: Sequence[Command], memory: Memory) -> None:
    latest: dict[tuple[int, str, str], Command] = {}
    for one in commands:
        kind = _KIND[one.kind]
        entity = 0 if one.node is None else one.node.key
        slot = (entity, kind, one.name if kind in _BY_NAME else "")
        known = latest.get(slot, one)
        latest[slot] = max(one, known, key=lambda each: (each.time, each.id))
    db.executemany(
        """
        INSERT INTO annotation VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (entity, kind, name) DO UPDATE
        SET value = excluded.value, gone = excluded.gone, time = excluded.time, command = excluded.command
        WHERE (excluded.time, excluded.command) > (annotation.time, annotation.command)
        """,
        [(*slot, one.value, int(one.kind in _TAKES_BACK), one.time, one.id) for slot, one in latest.items()],
    )
    settle(db, {entity for entity, kind, _ in latest if kind == "deletion"}, memory)


FacetsCalled = Callable[[Collection[int], str], Mapping[int, Mapping[str, Any]]]
"""Gives the facet of a name of datasets and jobs."""


def annotated(
    db: Database, keys: Collection[int], facets_called: FacetsCalled | None = None
) -> dict[int, Annotations]:
    """See `LineageReader.annotations`; with `facets_called` the facets are others than those of now."""
    facets_of = facets_called or partial(facets, db)
    of = nodes(db, keys)
    whole = {
        key: dataset(node.namespace, node.name).key if node.type is NodeType.FIELD else key
        for key, node in of.items()
    }
    told = {
        name: facets_of(whole.values(), name) for name in ("tags", "ownership", "documentation", "schema")
    }
    given: dict[int, dict[str, dict[str, str | None]]] = {key: {} for key in of}
    # Of two names of one dataset the later command counts.
    for entity, kind, name, value, gone in db.execute(
        "SELECT a.entity, a.kind, a.name, a.value, a.gone FROM each_key(?) AS k"
        " CROSS JOIN annotation AS a ON a.entity = k.value ORDER BY a.time, a.command",
        (list(asked := names_of(db, of)),),
    ):
        given[asked[entity]].setdefault(kind, {})[name] = None if gone else value
    return {
        key: _united({name: by.get(whole[key], {}) for name, by in told.items()}, node.field, given[key])
        for key, node in of.items()
    }


def _united(
    told: Mapping[str, Mapping[str, Any]], field: str | None, given: Mapping[str, Mapping[str, str | None]]
) -> Annotations:
    """Return what facets say of a dataset or job, or of one field of it, and what commands say over it."""
    tags = {
        _text(one.get("key")): _text(one.get("value"))
        for one in _objects(told["tags"].get("tags"))
        if (one.get("field") or None) == field
    }
    owners, description = dict[str, str](), ""
    if field is None:
        owners = {
            _text(one.get("name")): _text(one.get("type"))
            for one in _objects(told["ownership"].get("owners"))
        }
        description = _text(told["documentation"].get("description"))
    else:
        for one in _objects(told["schema"].get("fields")):
            if one.get("name") == field:
                description = _text(one.get("description"))
    said = next(iter(given.get("description", {}).values()), None)
    return Annotations(
        _labels(tags, given.get("tag", {})),
        _labels(owners, given.get("owner", {})),
        said or description or None,
    )


def _labels(told: Mapping[str, str], given: Mapping[str, str | None]) -> tuple[Label, ...]:
    return tuple(
        sorted(Label(name, value) for name, value in {**told, **given}.items() if name and value is not None)
    )


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
