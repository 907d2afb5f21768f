"""The log taken in again: the projection made anew. Every function needs the transaction that writes it.

Events stay where they are in the log. What they say is worked out again, and an event of which another form
comes out than is kept is written in that form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from graph.store._commands import apply_all
from graph.store._log import LogBatch, LogReader, event_key
from graph.store._memory import Memory
from graph.store._migrations import scripts
from graph.store._removing import Understand, understood
from graph.store._repacking import repack_contents, repack_forms, sample_contents
from graph.store._writing import accept
from graph.store.changes import Changes, EventForm
from graph.store.database import Database
from graph.store.log_format import runs_in_rest

LOG = frozenset(
    {
        *(
            "log_end",
            "event",
            "receipt",
            "accepted",
            "content",
            "content_pack",
            "form",
            "form_text",
            "run_id",
            "used_content",
            "used_run",
        ),
        *("early_event", "dead_letter", "command", "removal", "going", "going_run"),
        *("link", "tombstone", "removal_step", "signed"),
        *("token", "audit"),
    }
)
"""The tables that nothing else gives back: the log, and what stands beside it."""

FOLLOWING = frozenset({"search_document", "search_words", "search_waiting"})
"""The tables that triggers keep up with the projection."""

_PAGE = 500
_BEGINNING = 3
"""After so many scripts the tables of the first formats are gone."""

_FIRST, _LAST = -(2**63), 2**63 - 1


@cache
def projection() -> tuple[str, ...]:
    """Return the tables that follow from the log: all others that the schema has."""
    schema = "\n".join(scripts("sqlite")[_BEGINNING:])
    made = dict.fromkeys(re.findall(r"^CREATE TABLE (?:IF NOT EXISTS )?(\w+)", schema, re.MULTILINE))
    gone = re.findall(r"^DROP TABLE (\w+)", schema, re.MULTILINE)
    return tuple(sorted(made.keys() - gone - LOG - FOLLOWING))


def replay(
    db: Database,
    understand: Understand,
    now: int,
    memory: Memory,
    reader: LogReader,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Make the projection anew and return of how many events; `progress` is told how many so far."""
    for table in projection():
        db.execute(f"DELETE FROM {table}")
    # A form that was not said yet begins after it ends; what it would fill the holes with is still needed.
    db.execute("UPDATE form SET declares = 0, first_time = ?, last_time = ?", (_LAST, _FIRST))
    db.execute("UPDATE log_end SET event_time = NULL, removals = removals + 1")
    reader.forget()
    after = done = 0
    while page := reader.bodies(after, _PAGE):
        after = page[-1][0]
        batch = _ReplayBatch(db, memory, now, [number for number, _ in page])
        accept(db, understood(page, understand), batch, memory, reader)
        done += len(page)
        if progress is not None:
            progress(done)
    apply_all(db, memory)
    _drop_unused(db)
    memory.forget()
    reader.forget()
    return done


class _ReplayBatch(LogBatch):
    """A batch of events that are in the log already; `seqs` are their numbers."""

    def __init__(self, db: Database, memory: Memory, now: int, seqs: Sequence[int]) -> None:
        super().__init__(db, memory, now)
        self._seqs = seqs

    def forms(self, batch: Sequence[Changes]) -> dict[int, EventForm]:
        """Keep when each form was said; return those that were not said before in this replay."""
        forms = {item.form.key: item.form for item in batch}
        rows = self._db.execute(
            "SELECT f.key, f.first_time, f.last_time FROM each_key(?) AS k"
            " CROSS JOIN form AS f ON f.key = k.value",
            (list(forms),),
        )
        unsaid = {key: forms[key] for key, first, last in rows if first > last}
        self._db.executemany(
            "UPDATE form SET owner = ?, shape = ?, declares = ? WHERE key = ?",
            [(one.owner, one.shape_key, int(one.declares), key) for key, one in unsaid.items()],
        )
        return unsaid | super().forms(batch)

    def contents(self, batch: Sequence[Changes]) -> None:
        """Note the contents that are used, and keep those that are new."""
        used = {key for item in batch for key in item.contents} - self._memory.contents
        self._db.executemany(
            "INSERT INTO used_content VALUES (?) ON CONFLICT DO NOTHING", [(key,) for key in used]
        )
        super().contents(batch)

    def events(self, batch: Sequence[Changes]) -> None:
        """Write the events that are kept in another way than they would be now."""
        kept = {
            row[0]: row[1:]
            for row in self._db.execute(
                "SELECT e.seq, e.event_time, e.form, e.run, e.rest FROM each_key(?) AS k"
                " CROSS JOIN event AS e ON e.seq = k.value",
                (list(self._seqs),),
            )
        }
        others = []
        runs = set[int]()
        for seq, item in zip(self._seqs, batch, strict=True):
            run = self.numbers[item.run.run_id] if item.run is not None else None
            *place, rest = kept[seq]
            form = self.form(item.form.key)
            if place != [item.event_time, form, run]:
                rest = self._rest(item)
                others.append((item.event_time, form, run, rest, seq))
            runs |= runs_in_rest(bytes(rest), self._memory.forms[item.form.key][1])
            if run is not None:
                runs.add(run)
        self._db.executemany(
            "INSERT INTO used_run VALUES (?) ON CONFLICT DO NOTHING", [(run,) for run in runs]
        )
        self._db.executemany(
            "UPDATE event SET event_time = ?, form = ?, run = ?, rest = ? WHERE seq = ?", others
        )
        self._db.executemany(
            "INSERT INTO accepted VALUES (?, ?) ON CONFLICT DO NOTHING",
            [
                (event_key(known), seq)
                for seq, item in zip(self._seqs, batch, strict=True)
                for known in {item.event_id, item.digest}
            ],
        )
        self._end(batch, self._seqs)


def _drop_unused(db: Database) -> None:
    """Remove what no event of the log refers to any more."""
    db.execute("DELETE FROM form WHERE first_time > last_time")
    repack_forms(db)
    db.executemany(
        "INSERT INTO used_content VALUES (?) ON CONFLICT DO NOTHING", [(key,) for key in sample_contents(db)]
    )
    db.execute("DELETE FROM content WHERE key NOT IN (SELECT key FROM used_content)")
    repack_contents(db)
    db.execute("DELETE FROM used_content")
    db.execute(
        "DELETE FROM run_id WHERE number NOT IN (SELECT number FROM used_run)"
        " AND NOT EXISTS (SELECT 1 FROM run WHERE run.parent = run_id.number)"
    )
    db.execute("DELETE FROM used_run")
