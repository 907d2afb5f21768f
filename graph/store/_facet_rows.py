"""The current facets of datasets and jobs, as rows. Every function needs the transaction that writes a batch.

The latest facet by event time counts. As most events repeat what was said before, a row is written only when
something else is said than before; when that was last said is asked of the forms that say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from graph.store._log import LogReader
from graph.store.changes import Alias, Changes, EventForm, FacetChange
from graph.store.database import Database
from graph.store.form_facets import Slot


@dataclass(slots=True)
class Changed:
    """What other facets stand now than before: datasets by key; `names` are those of symlinks, also old."""

    schemas: set[int] = field(default_factory=set)
    linking: set[int] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)

    def note(self, change: FacetChange) -> None:
        if change.name == "schema":
            self.schemas.add(change.entity)
        if change.name == "symlinks":
            self.linking.add(change.entity)
            self.names.update((alias.namespace, alias.name) for alias in change.aliases)


def write_facets(
    db: Database, batch: Sequence[Changes], new: Mapping[int, EventForm], log: LogReader, before: int | None
) -> Changed:
    """Bring the facets up to date; return what is another now.

    The batch's events and forms are in the log already; `new` are its forms that were not known before, and
    `before` the latest time of any event until then.
    """
    said = {item.form.key: item.form for item in batch}
    latest: dict[int, int] = {}
    for item in batch:
        latest[item.form.key] = max(item.event_time, latest.get(item.form.key, item.event_time))
    changed = Changed()
    said_first = [(key, change) for key, form in new.items() for change in form.facets]
    _put_new(db, said_first, latest, changed)
    contested = _contested(db, {one.entity for form in said.values() for one in form.mentions})
    if contested:
        changes = [
            (latest[key], change)
            for key, form in said.items()
            for change in form.facets
            if (change.entity, change.name) in contested
        ]
        _settle(db, changes, contested, log, before, changed)
    put_measured(db, batch)
    return changed


def write_mentions(db: Database, forms: Mapping[int, EventForm]) -> None:
    """Write of what new forms speak, by number."""
    db.executemany(
        "INSERT INTO form_entity VALUES (?, ?, ?, ?)",
        [
            (one.entity, number, int(one.role), one.said)
            for number, form in forms.items()
            for one in form.mentions
        ],
    )


def _put_new(
    db: Database, changes: Sequence[tuple[int, FacetChange]], latest: Mapping[int, int], changed: Changed
) -> None:
    """Write facets that nobody has said before, and mark those of which something else was said."""
    if not changes:
        return
    first: dict[Slot, tuple[int, FacetChange]] = {}
    for key, change in changes:
        slot = (change.entity, change.name)
        first.setdefault(slot, (key, change))
    known = _known(db, {entity for entity, _ in first})
    fresh = [(key, change) for slot, (key, change) in first.items() if slot not in known]
    db.executemany(
        "INSERT INTO facet (entity, name, event_time, content, gone, contested) VALUES (?, ?, ?, ?, ?, ?)",
        [(one.entity, one.name, latest[key], one.content, int(one.gone), 0) for key, one in fresh],
    )
    put_aliases(db, [alias for _, change in fresh for alias in change.aliases])
    known |= {(one.entity, one.name): one.content for _, one in fresh}
    others = {(one.entity, one.name) for _, one in changes if known[one.entity, one.name] != one.content}
    db.executemany("UPDATE facet SET contested = 1 WHERE entity = ? AND name = ?", sorted(others))
    for _, change in fresh:
        changed.note(change)


def _known(db: Database, entities: Iterable[int]) -> dict[Slot, int | None]:
    rows = db.execute(
        "SELECT f.entity, f.name, f.content FROM each_key(?) AS k"
        " CROSS JOIN facet AS f ON f.entity = k.value",
        (list(entities),),
    )
    return {(entity, name): content for entity, name, content in rows}


def _contested(db: Database, entities: Iterable[int]) -> dict[Slot, int]:
    rows = db.execute(
        "SELECT f.entity, f.name, f.content FROM each_key(?) AS k"
        " CROSS JOIN facet AS f ON f.entity = k.value AND f.contested = 1",
        (list(entities),),
    )
    return {(entity, name): content for entity, name, content in rows}


def _settle(
    db: Database,
    said: Iterable[tuple[int, FacetChange]],
    current: Mapping[Slot, int],
    log: LogReader,
    before: int | None,
    changed: Changed,
) -> None:
    """Write those facets of which something was said later than what stands there."""
    best: dict[Slot, tuple[int, FacetChange]] = {}
    for when, change in said:
        slot = (change.entity, change.name)
        known = best.get(slot)
        if known is None or (when, change.content) > (known[0], known[1].content):
            best[slot] = (when, change)
    rows = []
    for slot, (when, change) in best.items():
        stands = current[slot]
        if change.content == stands:
            continue
        in_order = before is None or when > before
        if not in_order and (when, change.content) < (_last_said(db, slot, stands, log), stands):
            continue
        rows.append((when, change.content, int(change.gone), *slot))
        changed.note(change)
        if change.name == "symlinks":
            changed.names.update(symlinks_of(db, change.entity))
            db.execute("DELETE FROM alias WHERE symlink = 1 AND target = ?", (change.entity,))
            put_aliases(db, change.aliases)
    db.executemany(
        "UPDATE facet SET event_time = ?, content = ?, gone = ? WHERE entity = ? AND name = ?", rows
    )


def symlinks_of(db: Database, dataset: int) -> list[tuple[str, str]]:
    """Return the names that a dataset's symlinks facet gives it."""
    return db.execute(
        "SELECT namespace, name FROM alias WHERE symlink = 1 AND target = ?", (dataset,)
    ).fetchall()


def _last_said(db: Database, slot: Slot, content: int, log: LogReader) -> int:
    """Return when any form last gave this content."""
    rows = db.execute(
        "SELECT DISTINCT f.number, f.last_time FROM form_entity AS m"
        " CROSS JOIN form AS f ON f.number = m.form WHERE m.entity = ?",
        (slot[0],),
    ).fetchall()
    return max(int(last) for key, last in rows if log.facets_in(key).get(slot) == content)


def put_measured(db: Database, batch: Iterable[Changes]) -> None:
    """Write the facets that measure, where they are later than those that stand there."""
    latest: dict[Slot, tuple[int, bytes, int]] = {}
    for item in batch:
        for one in item.measured:
            slot = (one.entity, one.name)
            told = (item.event_time, one.body, int(one.gone))
            latest[slot] = max(told, latest.get(slot, told))
    db.executemany(
        """
        INSERT INTO facet (entity, name, event_time, body, gone, contested)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (entity, name) DO UPDATE
        SET event_time = excluded.event_time, body = excluded.body, gone = excluded.gone
        WHERE (excluded.event_time, excluded.body) > (facet.event_time, facet.body)
        """,
        [(*slot, *told, 0) for slot, told in latest.items()],
    )


def put_aliases(db: Database, aliases: Iterable[Alias]) -> None:
    """Write further names of datasets."""
    db.executemany(
        "INSERT INTO alias (namespace, name, symlink, target, reversed) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(a.namespace, a.name, int(a.symlink), a.target, a.name[::-1]) for a in aliases],
    )
