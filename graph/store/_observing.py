"""Write what events observed of runs and said of datasets and jobs. Runs inside an open transaction.

Both rules are those of a union, so that neither order nor repetition makes a difference: of an observation
the latest counts (of two at the same time the greater text), of a saying the first and the last time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from graph.nodes import hash63
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.history import Said, Saying
from graph.store.runs import run_key

_Times = tuple[int, int]


class Observing:
    """Collects what a batch of events observed and said, so that each row is written once a batch."""

    def __init__(self) -> None:
        self._observed: dict[tuple[int, int, int], tuple[int, bytes]] = {}
        self._schemas: dict[tuple[int, int], tuple[_Times, Callable[[], Iterable[Saying]]]] = {}
        self._versions: dict[tuple[int, str], _Times] = {}
        self._latest: int | None = None

    def note(self, item: Changes) -> None:
        """Take in one accepted event."""
        when = item.event_time
        self._latest = when if self._latest is None else max(self._latest, when)
        if item.run is not None:
            run = run_key(item.run.run_id)
            for one in item.observed:
                slot = (run, one.entity, int(one.kind))
                self._observed[slot] = max(self._observed.get(slot, (when, b"")), (when, one.body))
        if item.schemas is not None:
            said = (item.owner, item.shape_key)
            times, _ = self._schemas.get(said, ((when, when), item.schemas))
            self._schemas[said] = (_widened(times, when), item.schemas)
        if item.code_version is not None:
            slot_of_code = (item.owner, item.code_version)
            self._versions[slot_of_code] = _widened(self._versions.get(slot_of_code, (when, when)), when)

    def flush(self, db: Database) -> None:
        """Write all of it."""
        db.executemany(
            """
            INSERT INTO observation (run, entity, kind, event_time, body) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (run, entity, kind) DO UPDATE
            SET event_time = excluded.event_time, body = excluded.body
            WHERE (excluded.event_time, excluded.body) > (observation.event_time, observation.body)
            """,
            [(*slot, *value) for slot, value in self._observed.items()],
        )
        db.executemany(
            """
            INSERT INTO saying (entity, owner, kind, digest, body, first_time, last_time)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (entity, owner, kind, digest) DO UPDATE SET
            first_time = least(saying.first_time, excluded.first_time),
            last_time = greatest(saying.last_time, excluded.last_time)
            WHERE excluded.first_time < saying.first_time OR excluded.last_time > saying.last_time
            """,
            list(self._sayings()),
        )
        if self._latest is not None:
            db.execute(
                "INSERT INTO latest VALUES (0, ?) ON CONFLICT (single) DO UPDATE"
                " SET event_time = excluded.event_time WHERE excluded.event_time > latest.event_time",
                (self._latest,),
            )

    def _sayings(self) -> Iterable[tuple[int, int, int, int, bytes, int, int]]:
        for (owner, _), (times, schemas) in self._schemas.items():
            for said in schemas():
                yield (said.entity, owner, int(said.kind), hash63(said.body), said.body, *times)
        for (owner, version), times in self._versions.items():
            body = version.encode("utf-8", "surrogatepass")
            yield (owner, owner, int(Said.CODE_VERSION), hash63(body), body, *times)


def _widened(times: _Times, when: int) -> _Times:
    return min(times[0], when), max(times[1], when)
