"""What forms had said of datasets and jobs by an earlier time, and where edges of that time are looked for.

When a form was said for the first and the last time is kept; when it was last said by a time in between, its
events tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from graph.records import EdgeKind
from graph.store._claims import claims_by_shape
from graph.store._log import LogReader
from graph.store._other_names import names_of, stands_for
from graph.store._past_runs import PastRuns, Understand
from graph.store._reading import under_one_name
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.field_names import field_names

_PAGE = 50
_OF_FIELDS = frozenset({EdgeKind.FIELD, EdgeKind.USES, EdgeKind.OVERRULED})


class PastForms:
    """The forms of a store that had been said by a time."""

    def __init__(
        self, db: Database, log: LogReader, until: int, understand: Understand, runs: PastRuns
    ) -> None:
        self._db = db
        self._log = log
        self._until = until
        self._understand = understand
        self._runs = runs
        self._times: dict[int, int] = {}
        self._said: dict[int, set[int]] = {}

    def declared(self, owners: Collection[int]) -> Mapping[int, int]:
        """Return when declarations that were repeated later had last been said, by form."""
        rows = self._db.execute(
            "SELECT f.number FROM each_key(?) AS k CROSS JOIN form AS f ON f.owner = k.value"
            " WHERE f.declares = 1 AND f.first_time <= ? AND f.last_time > ?",
            (list(owners), self._until, self._until),
        )
        return self.last_said([key for (key,) in rows])

    def last_said(self, forms: Collection[int]) -> Mapping[int, int]:
        """Return when each of these forms, which had been said, was last said by then."""
        missing = [form for form in forms if form not in self._times]
        if missing:
            values = {"forms": missing, "until": self._until}
            for of_runs in ("", "CROSS JOIN job_run AS j ON j.job = f.owner AND j.first_time <= :until"):
                run = (
                    "e.run = j.run AND e.form = f.number"
                    if of_runs
                    else "e.form = f.number AND e.run IS NULL"
                )
                rows = self._db.execute(
                    "SELECT f.number, max(e.event_time) FROM each_key(:forms) AS k"
                    f" CROSS JOIN form AS f ON f.number = k.value {of_runs}"
                    f" CROSS JOIN event AS e ON {run} AND e.event_time <= :until GROUP BY f.number",
                    values,
                )
                self._times.update(rows.fetchall())
        return {form: self._times[form] for form in forms}

    def mentioning(self, entities: Collection[int]) -> dict[int, dict[int, int]]:
        """Return for each dataset or job the forms that had spoken of it, with the last time of all."""
        found: dict[int, dict[int, int]] = defaultdict(dict)
        asked = names_of(self._db, entities)
        for name, form, last in self._db.execute(
            "SELECT DISTINCT m.entity, f.number, f.last_time FROM each_key(?) AS k"
            " CROSS JOIN form_entity AS m ON m.entity = k.value"
            " CROSS JOIN form AS f ON f.number = m.form AND f.first_time <= ?",
            (list(asked), self._until),
        ):
            found[asked[name]][form] = last
        return found

    def facets(self, entities: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        """See `LineageReader.facets`."""
        return under_one_name(self._db, entities, lambda names: self._own_facets(names, name))

    def _own_facets(self, entities: Collection[int], name: str) -> dict[int, Mapping[str, Any]]:
        said: dict[int, list[tuple[int, int]]] = defaultdict(list)
        ever = self._db.execute(
            "SELECT f.entity FROM each_key(?) AS k CROSS JOIN facet AS f ON f.entity = k.value"
            " AND f.name = ?",
            (list(set(entities)), name),
        )
        mentioning = self.mentioning([entity for (entity,) in ever])
        for entity, forms in mentioning.items():
            for form in forms:
                content = self._log.facets_in(form).get((entity, name))
                if content is not None:
                    said[entity].append((content, form))
        texts = self._log.contents({content for each in said.values() for content, _ in each})
        values = {key: msgspec.json.decode(texts[key]) for each in said.values() for key, _ in each}
        found = {}
        for entity, each in said.items():
            objects = [(content, form) for content, form in each if type(values[content]) is dict]
            if objects:
                found[entity] = values[self._latest(objects, mentioning[entity])]
        for entity in mentioning.keys() - said.keys():
            measured = self._measured(entity, name, mentioning[entity])
            if measured is not None:
                found[entity] = measured
        return {entity: {} if facet.get("_deleted") is True else facet for entity, facet in found.items()}

    def _latest(self, said: Collection[tuple[int, int]], last_times: Mapping[int, int]) -> int:
        """Return which content was said last, of (content, form)."""
        if len({content for content, _ in said}) == 1:
            return next(iter(said))[0]
        exact = self.last_said([form for _, form in said if last_times[form] > self._until])
        return max((exact.get(form, last_times[form]), content) for content, form in said)[1]

    def _measured(self, entity: int, name: str, forms: Collection[int]) -> Mapping[str, Any] | None:
        """Return a facet that is another with each event, from the latest event that has it."""
        row = self._db.execute(
            "SELECT event_time, body FROM facet WHERE entity = ? AND name = ? AND content IS NULL",
            (entity, name),
        ).fetchone()
        if row is None:
            return None
        if row[0] <= self._until:
            return msgspec.json.decode(bytes(row[1]), type=dict[str, Any])
        best: tuple[int, bytes] | None = None
        events = self._events_of(forms)
        for start in range(0, len(events), _PAGE):
            if best is not None and events[start][0] < best[0]:
                break
            page = [seq for _, seq in events[start : start + _PAGE]]
            for item in self._understood(self._log.bodies_at(page)):
                for one in item.measured:
                    if (one.entity, one.name) == (entity, name):
                        best = max(best or (item.event_time, one.body), (item.event_time, one.body))
        return None if best is None else msgspec.json.decode(best[1], type=dict[str, Any])

    def _events_of(self, forms: Collection[int]) -> list[tuple[int, int]]:
        """Return time and number of the events of these forms until then, the latest first."""
        rows = self._db.execute(
            """
            SELECT e.event_time, e.seq FROM each_key(:forms) AS k
            CROSS JOIN form AS f ON f.number = k.value
            CROSS JOIN job_run AS j ON j.job = f.owner AND j.first_time <= :until
            CROSS JOIN event AS e ON e.run = j.run AND e.form = f.number AND e.event_time <= :until
            UNION
            SELECT e.event_time, e.seq FROM each_key(:forms) AS k
            CROSS JOIN event AS e ON e.form = k.value AND e.run IS NULL AND e.event_time <= :until
            """,
            {"forms": list(forms), "until": self._until},
        )
        return sorted(rows.fetchall(), reverse=True)

    def _understood(self, bodies: Iterable[tuple[int, bytes]]) -> list[Changes]:
        return [item for _, body in bodies if isinstance(item := self._understand(body), Changes)]

    def owners_at(self, keys: Collection[int]) -> set[int]:
        """Return the owners that may have an edge at these nodes: who had named them, or their datasets."""
        entities = self._db.execute(
            "SELECT DISTINCT coalesce(n.dataset, n.key) FROM each_key(?) AS k"
            " CROSS JOIN node AS n ON n.key = k.value",
            (list(keys),),
        )
        rows = self._db.execute(
            """
            SELECT f.owner FROM each_key(:keys) AS k CROSS JOIN form_entity AS m ON m.entity = k.value
            CROSS JOIN form AS f ON f.number = m.form AND f.first_time <= :until
            UNION
            SELECT s.owner FROM each_key(:keys) AS k CROSS JOIN named_entity AS m ON m.entity = k.value
            CROSS JOIN shape AS s ON s.key = m.shape
            """,
            {"keys": list(names_of(self._db, {key for (key,) in entities})), "until": self._until},
        )
        return {owner for (owner,) in rows}

    def shapes_of(self, owner: int) -> set[int]:
        """Return all that an owner had said by then, as shapes."""
        if owner not in self._said:
            rows = self._db.execute(
                "SELECT f.number, f.shape, CASE WHEN EXISTS (SELECT 1 FROM said_on_day WHERE job = f.owner)"
                " THEN 1 ELSE 0 END FROM form AS f WHERE f.owner = ? AND f.first_time <= ?",
                (owner, self._until),
            ).fetchall()
            self._said[owner] = {shape for _, shape, _ in rows}
            self._said[owner].update(
                part for form, _, is_operation in rows if is_operation for part in self._runs.parts(form)
            )
        return self._said[owner]

    def known_entities(self, keys: Collection[int]) -> set[int]:
        """Return which of these datasets and jobs an event or its SQL had named by then."""
        found = set(self.mentioning(keys))
        for entity, shape, owner in self._db.execute(
            "SELECT m.entity, m.shape, s.owner FROM each_key(?) AS k"
            " CROSS JOIN named_entity AS m ON m.entity = k.value CROSS JOIN shape AS s ON s.key = m.shape",
            (list(asked := names_of(self._db, set(keys) - found)),),
        ).fetchall():
            if asked[entity] not in found and shape in self.shapes_of(owner):
                found.add(asked[entity])
        return found

    def known_fields(self, dataset: int) -> set[int]:
        """Return the fields of a dataset that a schema, a facet about lineage or SQL had named by then."""
        rows = self._db.execute("SELECT key, field FROM node WHERE dataset = ?", (dataset,)).fetchall()
        contents = {
            content
            for form in self.mentioning([dataset]).get(dataset, ())
            for name in names_of(self._db, [dataset])
            for content in self._log.contents_in(form, (name, "schema"))
        }
        texts = self._log.contents(contents)
        names: set[str] = set()
        for content in contents:
            facet = msgspec.json.decode(texts[content])
            names.update(field_names(facet.get("fields") if isinstance(facet, dict) else None))
        shapes = {shape for owner in self.owners_at([dataset]) for shape in self.shapes_of(owner)}
        linked = {
            end
            for claims in claims_by_shape(self._db, shapes).values()
            for claim in claims
            if claim.kind in _OF_FIELDS
            for end in (claim.source, claim.target)
        }
        derived = self._db.execute(
            "SELECT d.node FROM each_key(?) AS k CROSS JOIN derived_node AS d ON d.shape = k.value",
            (list(shapes),),
        )
        linked.update(key for (key,) in derived)
        linked |= {
            key
            for key, shape in self._db.execute(
                "SELECT m.entity, m.shape FROM each_key(?) AS k"
                " CROSS JOIN named_entity AS m ON m.entity = k.value",
                ([key for key, _ in rows],),
            )
            if shape in shapes
        }
        linked |= set(stands_for(self._db, linked).values())
        return {key for key, name in rows if name in names or key in linked}
