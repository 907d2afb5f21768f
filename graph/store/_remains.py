"""What the log still says after events were taken out of it. Only reads, so that others write meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from graph.store._claims import claims_by_shape
from graph.store._log import LogReader
from graph.store._removing import Taken, Understand, understood
from graph.store._said_before import entities_of, measured_before, parents_before, roots_before
from graph.store._writing import named_by
from graph.store.changes import Alias, Changes, FacetChange, Shape
from graph.store.claim_format import keys_in_claims
from graph.store.database import Database
from graph.store.form_facets import Slot
from graph.store.log_format import is_whole, keys_in, keys_in_rest, runs_in_rest

UNUSED_RUN = (
    "NOT EXISTS (SELECT 1 FROM event WHERE event.run = run_id.number)"
    " AND NOT EXISTS (SELECT 1 FROM run WHERE run.parent = run_id.number)"
)
"""The condition on a `run_id` that nothing refers to."""


@dataclass(slots=True)
class Remains:
    """What is left of what was touched, up to the event `seq`; `removals` were made before."""

    seq: int
    removals: int
    times: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By number of a form: the first and the last time of its events."""
    gone: dict[int, frozenset[int]] = field(default_factory=dict)
    """The forms that no event has: the datasets and jobs they speak of."""
    slots: set[Slot] = field(default_factory=set)
    """The facets that such forms give."""
    owners: set[int] = field(default_factory=set)
    entities: set[int] = field(default_factory=set)
    """The datasets and jobs that such forms and their shapes name."""
    nodes: set[int] = field(default_factory=set)
    """These, and all their fields."""
    named: dict[int, int] = field(default_factory=dict)
    """By node: who names it still, as `put_nodes` has it."""
    aliases: set[Alias] = field(default_factory=set)
    shapes: set[int] = field(default_factory=set)
    """The shapes of all forms that speak of the entities."""
    facets: dict[Slot, set[tuple[int, FacetChange]]] = field(default_factory=lambda: defaultdict(set))
    """By slot: with the last time at which it was said."""
    contents: set[int] = field(default_factory=set)
    """The contents that are not used."""
    transformations: set[int] = field(default_factory=set)
    """Those that no claim has."""
    runs: set[int] = field(default_factory=set)
    """The numbers of runs that no event has and no run names above it."""
    measured: dict[Slot, Changes | None] = field(default_factory=dict)
    """Facets that an event gave that is gone, with the event that gave them last before."""
    parents: dict[tuple[int, int], tuple[int, int] | None] = field(default_factory=dict)
    """Jobs with the jobs above them, where an event that said so first or last is gone."""
    roots: dict[tuple[int, int], int | None] = field(default_factory=dict)
    """Jobs with the roots above them, where the event that said so first is gone."""

    def take(self, item: Changes, last: int) -> None:
        """Take in what a form that is left says; `last` is when it was said last."""
        shapes: list[tuple[int, Shape]] = [(item.form.shape_key, item.form.shape())]
        if item.run is not None and item.run.window is not None:
            shapes += [(part.shape_key, part.shape()) for part in item.run.window.parts]
        for key, shape in shapes:
            self.shapes.add(key)
            self.aliases.update(shape.aliases)
            for node, by in named_by(shape).items():
                if node in self.nodes:
                    self.named[node] = self.named.get(node, 0) | by
        for change in item.form.facets:
            slot = (change.entity, change.name)
            if slot in self.slots:
                self.facets[slot].add((last, change))


def remains(db: Database, log: LogReader, understand: Understand, taken: Taken) -> Remains:
    """Return what is left, for all forms that no event has and for what else was taken out."""
    seq, removals = db.execute("SELECT seq, removals FROM log_end").fetchone()
    found = Remains(seq, removals)
    for form, first, last in db.execute(
        "SELECT form, min(event_time), max(event_time) FROM event WHERE seq <= ? GROUP BY form", (seq,)
    ):
        found.times[form] = (first, last)
    found.measured = measured_before(db, log, understand, found.times, taken)
    found.parents = parents_before(db, log, understand, taken)
    found.roots = roots_before(db, log, understand, taken)
    _find_gone(db, log, found)
    _find_nodes(db, found)
    speaking = _speaking(db, found)
    for item, form in _examples(db, log, understand, speaking):
        found.take(item, found.times[form][1])
    _find_unused(db, log, found)
    return found


def _find_gone(db: Database, log: LogReader, found: Remains) -> None:
    for form, owner in db.execute("SELECT number, owner FROM form").fetchall():
        if form in found.times:
            continue
        found.gone[form] = frozenset(entities_of(log, form))
        found.slots |= log.facets_in(form).keys()
        found.owners.add(owner)
        found.entities |= found.gone[form]


def gone_shapes(db: Database, found: Remains) -> set[int]:
    """Return the shapes of the owners of gone forms that no form gives any more."""
    owned = db.execute(
        "SELECT key FROM shape WHERE owner IN (SELECT value FROM each_key(?) AS k)", (list(found.owners),)
    )
    return {key for (key,) in owned} - found.shapes


def _find_nodes(db: Database, found: Remains) -> None:
    """Find all that the shapes of the owners of gone forms name: more than may be gone."""
    shapes = gone_shapes(db, found)
    named = set(found.entities)
    for claims in claims_by_shape(db, shapes).values():
        named.update(key for one in claims for key in (one.source, one.target, one.dataset))
    for table, column in (("derived_node", "node"), ("named_entity", "entity")):
        rows = db.execute(
            f"SELECT {column} FROM {table} WHERE shape IN (SELECT value FROM each_key(?) AS k)",
            (list(shapes),),
        )
        named.update(key for (key,) in rows)
    named.update(parent for (_, parent), times in found.parents.items() if times is None)
    named.update(root for (_, root), time in found.roots.items() if time is None)
    rows = db.execute(
        "SELECT DISTINCT coalesce(n.dataset, n.key) FROM each_key(?) AS k"
        " CROSS JOIN node AS n ON n.key = k.value",
        (list(named),),
    )
    found.entities |= {key for (key,) in rows}
    fields = db.execute(
        "SELECT n.key FROM each_key(?) AS k CROSS JOIN node AS n ON n.dataset = k.value",
        (list(found.entities),),
    )
    found.nodes = found.entities | {key for (key,) in fields}


def _speaking(db: Database, found: Remains) -> set[int]:
    """Return the forms that are left and name what gone forms name."""
    rows = db.execute(
        """
        SELECT m.form FROM each_key(:keys) AS k CROSS JOIN form_entity AS m ON m.entity = k.value
        UNION
        SELECT f.number FROM each_key(:keys) AS k CROSS JOIN named_entity AS m ON m.entity = k.value
        CROSS JOIN shape AS s ON s.key = m.shape CROSS JOIN form AS f ON f.owner = s.owner
        """,
        {"keys": list(found.entities)},
    )
    return {form for (form,) in rows} & found.times.keys()


def _examples(
    db: Database, log: LogReader, understand: Understand, forms: Collection[int]
) -> Iterator[tuple[Changes, int]]:
    """Yield for each form what an event of it says: one made of the form, else the first one."""
    missing = []
    numbers = db.execute(
        "SELECT f.number, f.key FROM each_key(?) AS k CROSS JOIN form AS f ON f.number = k.value",
        (list(forms),),
    )
    for form, key in numbers.fetchall():
        item = understand(log.example(form))
        if isinstance(item, Changes) and item.form.key == key:
            yield item, form
        else:
            missing.append(form)
    first = (
        db.execute(
            "SELECT min(e.seq), e.form FROM event AS e WHERE e.form IN (SELECT value FROM each_key(?) AS k)"
            " GROUP BY e.form",
            (missing,),
        ).fetchall()
        if missing
        else []
    )
    for seq, form in first:
        for item in understood(log.bodies_at([seq]), understand):
            yield item, form


def _find_unused(db: Database, log: LogReader, found: Remains) -> None:
    """Find contents that neither a form nor an event refers to, and transformations that no claim has."""
    contents = {key for (key,) in db.execute("SELECT key FROM content")}
    unused = db.execute(f"SELECT number FROM run_id WHERE {UNUSED_RUN}")
    runs = {number for (number,) in unused}
    for form in found.times:
        contents.difference_update(keys_in(log.form(form)), keys_in_rest(log.sample(form), log.sample(form)))
    for form, rest in db.stream("SELECT form, rest FROM event WHERE seq <= ?", (found.seq,)):
        if not is_whole(rest):
            contents.difference_update(keys_in_rest(bytes(rest), log.sample(form)))
            runs -= runs_in_rest(bytes(rest), log.sample(form))
    found.contents, found.runs = contents, runs
    used: set[int] = set()
    gone = gone_shapes(db, found)
    for shape, body in db.stream("SELECT shape, body FROM claims"):
        if shape not in gone:
            used.update(keys_in_claims(bytes(body)))
    found.transformations = {key for (key,) in db.execute("SELECT key FROM transformation")} - used
