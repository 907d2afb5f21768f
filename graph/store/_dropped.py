"""Which datasets are dropped: the last that counting events say of them is DROP.

Whoever names a dataset as output later, or describes it in a DatasetEvent, brings it back: unless the run
failed or was stopped, and of the run that dropped it only with another state change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from graph.records import RunState
from graph.store._log import LogReader
from graph.store._other_names import names_of
from graph.store._past_runs import PastRun
from graph.store._projecting import LATEST_TIME
from graph.store._reading import moment
from graph.store._writers import Known
from graph.store.changes import Role
from graph.store.database import Database
from graph.store.runs import STATES

COUNTING = f"({STATES.index(RunState.RUNNING)}, {STATES.index(RunState.COMPLETE)})"
"""The states of runs of which it counts what they wrote."""

WRITING = f"({int(Role.OUTPUT)}, {int(Role.DATASET)})"
"""The roles in which an event says that a dataset is there."""

_DROP = "DROP"


def dropped_now(db: Database, datasets: Collection[int]) -> dict[int, datetime]:
    """See `LineageReader.dropped`."""
    if db.execute("SELECT 1 FROM dropped LIMIT 1").fetchone() is None:
        return {}
    rows = db.execute(
        "SELECT d.dataset, d.event_time FROM each_key(?) AS k CROSS JOIN dropped AS d ON d.dataset = k.value",
        (list(set(datasets)),),
    )
    return {dataset: at for dataset, time in rows if (at := moment(time)) is not None}


def dropped_then(known: Known, log: LogReader, datasets: Collection[int]) -> dict[int, datetime]:
    """Return it as of the time that is known."""
    found = work_out(known, log, datasets)
    return {dataset: at for dataset, time in found.items() if (at := moment(time)) is not None}


def work_out(known: Known, log: LogReader, datasets: Collection[int]) -> dict[int, int]:
    """Return when those of the datasets that are dropped were dropped last."""
    names = names_of(known.db, datasets)
    said: dict[int, list[tuple[int, int]]] = {}
    for name, time, run in _counting_drops(known, names):
        said.setdefault(names[name], []).append((time, run))
    own: dict[int, list[int]] = {dataset: [] for dataset in said}
    for name, dataset in names.items():
        if dataset in own:
            own[dataset].append(name)
    found = {}
    for dataset, drops in said.items():
        last = max(time for time, _ in drops)
        if not _is_back(known, log, own[dataset], last, {run for _, run in drops}):
            found[dataset] = last
    return found


def _counting_drops(known: Known, names: Iterable[int]) -> list[tuple[int, int, int]]:
    """Return name, time and run of what dropped these datasets, without runs that failed or were stopped."""
    rows = known.db.execute(
        f"""
        SELECT d.dataset, d.event_time, d.run, r.state, {LATEST_TIME} FROM each_key(:names) AS k
        CROSS JOIN drop_said AS d ON d.dataset = k.value AND d.event_time <= :until
        LEFT JOIN run AS r ON r.number = d.run
        """,
        {"names": list(names), "until": known.until},
    ).fetchall()
    states = {run: STATES[state] for _, _, run, state, _ in rows if state is not None}
    if known.past is not None:
        later = [run for _, _, run, _, latest in rows if latest is not None and latest > known.until]
        states |= {past.run.number: past.run.state for past in known.past.as_they_were(later)}
    counting = {RunState.RUNNING, RunState.COMPLETE}
    return [(name, time, run) for name, time, run, *_ in rows if not run or states[run] in counting]


@dataclass(frozen=True, slots=True)
class _Writing:
    """A form, by number and key, that names the dataset as written; `explicit`: it tells a state change."""

    form: int
    key: int
    owner: int
    explicit: bool


def _is_back(
    known: Known, log: LogReader, names: Collection[int], since: int, droppers: Collection[int]
) -> bool:
    writing = [
        one
        for role, one in _written_since(known, log, names, since)
        if role is Role.OUTPUT or _described(known, one, since)
    ]
    if any(one.owner < 0 for one in writing):
        return True
    return any(
        _written_by_runs(known, one, since, droppers) or _written_by_crossing(known, one, since, droppers)
        for one in writing
    )


def _written_since(
    known: Known, log: LogReader, names: Collection[int], since: int
) -> list[tuple[Role, _Writing]]:
    """Return the forms that may have been said since then and do not say that the dataset is dropped."""
    rows = known.db.execute(
        "SELECT m.entity, m.role, f.number, f.key, f.owner FROM each_key(?) AS k"
        f" CROSS JOIN form_entity AS m ON m.entity = k.value AND m.role IN {WRITING}"
        " CROSS JOIN form AS f ON f.number = m.form AND f.last_time > ? AND f.first_time <= ?",
        (list(names), since, known.until),
    ).fetchall()
    found = []
    for name, role, form, key, owner in rows:
        change = _change_in(log, form, name)
        if change != _DROP:
            found.append((Role(role), _Writing(form, key, owner, change is not None)))
    return found


def _change_in(log: LogReader, form: int, dataset: int) -> str | None:
    content = log.facets_in(form).get((dataset, "lifecycleStateChange"))
    if content is None:
        return None
    facet = msgspec.json.decode(log.contents({content})[content])
    change = facet.get("lifecycleStateChange") if isinstance(facet, dict) else None
    return change if isinstance(change, str) else None


def _described(known: Known, one: _Writing, since: int) -> bool:
    """Tell whether a DatasetEvent of the form came since then."""
    row = known.db.execute(
        "SELECT 1 FROM event WHERE form = ? AND run IS NULL AND event_time > ? AND event_time <= ? LIMIT 1",
        (one.form, since, known.until),
    ).fetchone()
    return row is not None


def _written_by_runs(known: Known, one: _Writing, since: int, droppers: Collection[int]) -> bool:
    """Tell whether a run that is now what it was then named the dataset as output since then."""
    # Nearly always it began since then; only else runs that are older are looked at.
    for began in ("j.first_time > :since", "j.first_time <= :since"):
        rows = known.db.execute(
            f"""
            SELECT e.run FROM job_run AS j
            CROSS JOIN run AS r ON r.number = j.run AND {LATEST_TIME} > :since AND {LATEST_TIME} <= :until
            CROSS JOIN event AS e ON e.run = j.run AND e.form = :form AND e.event_time > :since
            WHERE j.job = :owner AND j.claims_outputs = 1 AND {began}
            """,
            {"since": since, "until": known.until, "form": one.form, "owner": one.owner},
        )
        if any(one.explicit or run not in droppers for (run,) in rows):
            return True
    return False


def _written_by_crossing(known: Known, one: _Writing, since: int, droppers: Collection[int]) -> bool:
    if known.past is None:
        return False
    return any(
        past.run.claims_outputs
        and (one.explicit or past.run.number not in droppers)
        and _says(past, one.key, since)
        for past in known.past.crossing([one.owner])
    )


def _says(past: PastRun, key: int, since: int) -> bool:
    return any(item.form.key == key and item.event_time > since for item in past.events)
