"""What events say was dropped, as rows. Every function needs the transaction that writes a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from graph.records import RunState
from graph.store._dropped import work_out
from graph.store._log import LogReader
from graph.store._other_names import names_of, stands_for
from graph.store._writers import Known
from graph.store.changes import Changes, Role
from graph.store.database import Database
from graph.store.runs import STATES

_FAILED = f"({STATES.index(RunState.ABORT)}, {STATES.index(RunState.FAIL)})"


def failed_runs(db: Database, runs: Collection[int]) -> set[int]:
    """Return those of the runs that are known to have failed or to have been stopped."""
    if not _any_drops(db):
        return set()
    rows = db.execute(
        f"SELECT r.number FROM each_key(?) AS k CROSS JOIN run AS r ON r.number = k.value"
        f" AND r.state IN {_FAILED}",
        (list(runs),),
    )
    return {number for (number,) in rows}


def _any_drops(db: Database) -> bool:
    return db.execute("SELECT 1 FROM drop_said LIMIT 1").fetchone() is not None


def settle_drops(
    db: Database,
    log: LogReader,
    batch: Sequence[Changes],
    numbers: Mapping[str, int],
    failed_before: Collection[int],
    renamed: Collection[int],
) -> None:
    """Note what these events drop and bring back.

    `failed_before` are the runs of the batch that had failed until then, `renamed` the datasets of which
    another name stands for them now.
    """
    said = note_drops(db, batch, numbers)
    if not said and not _any_drops(db):
        return
    touched = said | set(renamed) | _named_again(db, batch)
    touched |= _of_ended_runs(db, batch, numbers, failed_before)
    if touched:
        _settle(db, log, touched)


def note_drops(db: Database, batch: Sequence[Changes], numbers: Mapping[str, int]) -> set[int]:
    """Keep what these events say was dropped; return the datasets."""
    rows = []
    for item in batch:
        run = 0 if item.run is None else numbers[item.run.run_id]
        rows += [(dataset, item.event_time, run) for dataset in item.form.drops]
    db.executemany("INSERT INTO drop_said VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
    return {row[0] for row in rows}


def settle_all_drops(db: Database, log: LogReader, others: Collection[int]) -> None:
    """Work out again what is dropped, of these datasets and all that anything is said of."""
    rows = db.execute("SELECT dataset FROM drop_said UNION SELECT dataset FROM dropped").fetchall()
    if rows:
        _settle(db, log, {*others, *(dataset for (dataset,) in rows)})


def _named_again(db: Database, batch: Sequence[Changes]) -> set[int]:
    """Return the dropped datasets that these events name as written."""
    named = {
        one.entity for item in batch for one in item.form.mentions if one.role in (Role.OUTPUT, Role.DATASET)
    }
    named |= set(stands_for(db, named).values())
    rows = db.execute(
        "SELECT d.dataset FROM each_key(?) AS k CROSS JOIN dropped AS d ON d.dataset = k.value",
        (list(named),),
    )
    return {dataset for (dataset,) in rows}


def _of_ended_runs(
    db: Database, batch: Sequence[Changes], numbers: Mapping[str, int], failed_before: Collection[int]
) -> set[int]:
    """Return the datasets that runs dropped, or may have brought back, which fail now or fail no more."""
    ended: dict[int, int] = {}
    for item in batch:
        if item.run is None:
            continue
        number = numbers[item.run.run_id]
        if item.run.event_type in ("FAIL", "ABORT") or number in failed_before:
            ended[number] = item.owner
    if not ended:
        return set()
    rows = db.execute(
        "SELECT d.dataset FROM each_key(?) AS k CROSS JOIN drop_said AS d ON d.run = k.value",
        (list(ended),),
    ).fetchall()
    dropped = [dataset for (dataset,) in db.execute("SELECT DISTINCT dataset FROM drop_said")]
    stands = stands_for(db, dropped)
    rows += db.execute(
        "SELECT DISTINCT m.entity FROM each_key(:names) AS k CROSS JOIN form_entity AS m"
        f" ON m.entity = k.value AND m.role = {int(Role.OUTPUT)} CROSS JOIN form AS f ON f.number = m.form"
        " WHERE f.owner IN (SELECT value FROM each_key(:jobs) AS o)",
        {
            "names": list(names_of(db, {stands.get(each, each) for each in dropped})),
            "jobs": list(set(ended.values())),
        },
    ).fetchall()
    return {dataset for (dataset,) in rows}


def _settle(db: Database, log: LogReader, touched: Collection[int]) -> None:
    names = stands_for(db, touched)
    standing = {names.get(key, key) for key in touched}
    were = dict(
        db.execute(
            "SELECT d.dataset, d.event_time FROM each_key(?) AS k"
            " CROSS JOIN dropped AS d ON d.dataset = k.value",
            (list({*touched, *standing}),),
        ).fetchall()
    )
    are = work_out(Known(db), log, standing)
    gone = [(key,) for key, time in were.items() if are.get(key) != time]
    db.executemany("DELETE FROM dropped WHERE dataset = ?", gone)
    new = [(key, time) for key, time in are.items() if were.get(key) != time]
    db.executemany("INSERT INTO dropped VALUES (?, ?)", new)
