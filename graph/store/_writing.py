"""One batch of changes as one transaction. Every function takes a database inside an open transaction.

What a batch needs to know is read first and what it changes is written at the end of each step, a table at a
time: a server far away answers a batch as fast as one event.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence

from graph.nodes import Node, NodeType, dataset
from graph.records import EdgeKind, Origin
from graph.store._artifacts import write_artifacts
from graph.store._claims import BY_EVENT, BY_LINEAGE, BY_SCHEMA, put_claims, put_nodes
from graph.store._commands import keep, known_commands
from graph.store._deletions import bring_back
from graph.store._deriving import wait_again
from graph.store._dropping import failed_runs, settle_drops
from graph.store._facet_rows import put_aliases, write_facets, write_mentions
from graph.store._log import LogBatch, LogReader
from graph.store._memory import Memory
from graph.store._naming import note_renames, settle_names, sync_fields
from graph.store._observing import write_observations
from graph.store._projecting import refresh, say_on_day
from graph.store._queries import RunsQueries
from graph.store._run_rows import write_runs
from graph.store.changes import Changes, Outcome, Part, Rejected, Shape, Status, Window
from graph.store.commands import Command
from graph.store.database import Database
from graph.store.log_format import keys_in, packed_text, read_form

_SAME_KEY = "another event has the same key: report this, the event is kept here"


def apply(
    db: Database, batch: Sequence[Changes | Rejected | Command], now: int, memory: Memory, reader: LogReader
) -> list[Outcome]:
    """Write a batch and return what became of each event, in order."""
    log = LogBatch(db, memory, now)
    events = [item for item in batch if isinstance(item, Changes)]
    known = dict(zip(map(id, events), log.known(events), strict=True))
    commands = [item for item in batch if isinstance(item, Command)]
    known |= dict(zip(map(id, commands), known_commands(db, commands), strict=True))
    outcomes = []
    for item in batch:
        if isinstance(item, Rejected):
            outcomes.append(Outcome(Status.REJECTED, item.reasons))
        elif known[id(item)] is Status.REJECTED:
            outcomes.append(Outcome(Status.REJECTED, (_SAME_KEY,)))
        else:
            problems = item.form.problems if isinstance(item, Changes) else ()
            outcomes.append(Outcome(known[id(item)], problems=problems))
    letters = {
        item.body: told.reasons
        for item, told in zip(batch, outcomes, strict=True)
        if told.reasons and not isinstance(item, Command)
    }
    _reject(db, letters, now)
    accepted = [item for item in events if known[id(item)] is Status.ACCEPTED]
    if accepted:
        accept(db, accepted, log, memory, reader)
    if commands:
        keep(db, [item for item in commands if known[id(item)] is Status.ACCEPTED], now, memory)
    return outcomes


def _reject(db: Database, letters: Mapping[bytes, Sequence[str]], now: int) -> None:
    db.executemany(
        "INSERT INTO dead_letter (digest, received_at, reasons, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET reasons = excluded.reasons",
        [
            (
                hashlib.blake2b(body, digest_size=16).digest(),
                now,
                json.dumps(reasons),
                zlib.compress(body, 6),
            )
            for body, reasons in letters.items()
        ],
    )


def remove_dead_letters(db: Database, ids: Iterable[str]) -> int:
    """Delete dead letters by id and return how many there were."""
    rows = [(bytes.fromhex(each),) for each in set(ids)]
    return db.executemany("DELETE FROM dead_letter WHERE digest = ?", rows)


def accept(db: Database, events: Sequence[Changes], log: LogBatch, memory: Memory, reader: LogReader) -> None:
    """Write new events, and what they change."""
    runs = {item.run.run_id: None for item in events if item.run is not None}
    parents = {item.run.parent_run_id: None for item in events if item.run is not None}
    log.number_runs([run for run in (runs | parents) if run])
    before = log.latest
    new = log.forms(events)
    log.contents(events)
    log.events(events)

    windows = [item for item in events if item.run is not None and item.run.window is not None]
    parts = [(item, Part(item.form.shape_key, item.form.shape)) for item in events]
    parts += [
        (item, part) for item in windows if item.run and item.run.window for part in item.run.window.parts
    ]
    described = _put_shapes(db, parts, log, memory)
    failed = failed_runs(db, [log.numbers[run] for run in runs])
    owners = write_runs(db, events, log.numbers, memory)
    for item in windows:
        said = item.run.window if item.run is not None else None
        if said is not None and _say(db, item.owner, said):
            owners.add(item.owner)
    owners |= {item.owner for item in events if item.form.declares}
    write_mentions(db, {log.form(key): form for key, form in new.items()})
    changed = write_facets(db, events, new, reader, before)
    described |= changed.schemas
    put_parents(db, events)
    wait_again(db, described)
    write_observations(db, events, log.numbers)
    write_artifacts(db, events, log.numbers)
    queries = RunsQueries()
    for item in events:
        queries.note(item, log.numbers)
    queries.flush(db)
    renamed = note_renames(db, events, log.numbers)
    moved, called = settle_names(db, changed.linking | renamed, changed.names)
    sync_fields(db, described)
    refresh(db, moved, memory, changed=True)
    refresh(db, owners - moved, memory)
    bring_back(db, events, called, memory)
    settle_drops(db, reader, events, log.numbers, failed, called)


def _say(db: Database, job: int, window: Window) -> bool:
    if window.day is None:
        return False
    return say_on_day(db, job, window.day, [part.shape_key for part in window.parts])


def _put_shapes(
    db: Database, parts: Iterable[tuple[Changes, Part]], log: LogBatch, memory: Memory
) -> set[int]:
    """Write the shapes that are new; return the datasets of whose columns something new is said."""
    wanted = {part.shape_key: (item, part) for item, part in parts if part.shape_key not in memory.shapes}
    if not wanted:
        return set()
    memory.shapes.update(wanted)
    for (key,) in db.execute(
        "SELECT s.key FROM each_key(?) AS k CROSS JOIN shape AS s ON s.key = k.value", (list(wanted),)
    ).fetchall():
        del wanted[key]
    shapes = {key: part.shape() for key, (_, part) in wanted.items()}
    db.executemany(
        "INSERT INTO shape (key, owner, covered, sql, form, waiting) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                key,
                wanted[key][0].owner,
                None if shape.covered is None else json.dumps(sorted(shape.covered)),
                packed_text(shape.sql, _said_in(wanted[key][0])) if shape.sql is not None else None,
                log.form(wanted[key][0].form.key),
                int(shape.sql is not None),
            )
            for key, shape in shapes.items()
        ],
    )
    found: dict[int, Node] = {}
    named: dict[int, int] = {}
    for shape in shapes.values():
        found.update(shape.nodes)
        for key, by in named_by(shape).items():
            named[key] = named.get(key, 0) | by
    put_nodes(db, found, named)
    put_claims(db, {key: shape.claims for key, shape in shapes.items()})
    _put_named(db, {key: (wanted[key][0].owner, shape) for key, shape in shapes.items()})
    put_aliases(db, [alias for shape in shapes.values() for alias in shape.aliases])
    return {dataset(node.namespace, node.name).key for node in found.values() if node.type is NodeType.FIELD}


def _said_in(item: Changes) -> bytes:
    """Return what `LogReader.said_in` does for the form of an event."""
    return b"".join(item.contents[key] for key in keys_in(read_form(item.form.text)))


def _put_named(db: Database, shapes: Mapping[int, tuple[int, Shape]]) -> None:
    """Write the datasets and jobs that shapes name, by key with their owners, and do not list."""
    rows = []
    for key, (owner, shape) in shapes.items():
        listed = [claim for claim in shape.claims if claim.origin is Origin.LISTED]
        known = {abs(owner), *(claim.source for claim in listed), *(claim.target for claim in listed)}
        of_fields = NodeType.FIELD
        rows += [
            (one, key) for one, node in shape.nodes.items() if node.type is not of_fields and one not in known
        ]
    db.executemany("INSERT INTO named_entity VALUES (?, ?) ON CONFLICT DO NOTHING", rows)


def named_by(shape: Shape) -> dict[int, int]:
    """Return who names each node of a shape, as `put_nodes` has it."""
    named = dict.fromkeys(shape.nodes, BY_EVENT)
    for key in shape.schema_fields:
        named[key] |= BY_SCHEMA
    for claim in shape.claims:
        if claim.kind is EdgeKind.FIELD:
            named[claim.source] |= BY_LINEAGE
            named[claim.target] |= BY_LINEAGE
    return named


def put_parents(db: Database, events: Sequence[Changes]) -> None:
    """Write which jobs were named above the jobs of these events, and when."""
    times: dict[tuple[int, int], tuple[int, int]] = {}
    jobs: dict[int, Node] = {}
    for item in events:
        if item.parent is not None:
            key, when = item.parent.key, item.event_time
            first, last = times.get((item.owner, key), (when, when))
            times[item.owner, key] = min(first, when), max(last, when)
            jobs[key] = item.parent
    if not times:
        return
    _put_roots(db, events)
    put_nodes(db, jobs, dict.fromkeys(jobs, BY_EVENT))
    db.executemany(
        """
        INSERT INTO job_parent VALUES (?, ?, ?, ?) ON CONFLICT (job, parent) DO UPDATE
        SET first_time = least(job_parent.first_time, excluded.first_time),
            last_time = greatest(job_parent.last_time, excluded.last_time)
        """,
        [(*pair, *told) for pair, told in times.items()],
    )


def _put_roots(db: Database, events: Sequence[Changes]) -> None:
    """Note which jobs are roots above the parents that are named."""
    first: dict[tuple[int, int], int] = {}
    jobs: dict[int, Node] = {}
    for item in events:
        if item.parent is not None and item.root is not None:
            pair = item.parent.key, item.root.key
            first[pair] = min(item.event_time, first.get(pair, item.event_time))
            jobs[item.root.key] = item.root
    if not first:
        return
    put_nodes(db, jobs, dict.fromkeys(jobs, BY_EVENT))
    db.executemany(
        "INSERT INTO job_root VALUES (?, ?, ?) ON CONFLICT (job, root) DO UPDATE"
        " SET first_time = least(job_root.first_time, excluded.first_time)",
        [(*pair, time) for pair, time in first.items()],
    )
