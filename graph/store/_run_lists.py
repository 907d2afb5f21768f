"""Runs of jobs page by page, and what the events of a run say together. They take an open database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from graph.store._log import LogReader
from graph.store._other_names import stands_for
from graph.store._reading import moment
from graph.store._run_reading import record_of
from graph.store._run_rows import COLUMNS, run_of
from graph.store.catalog import ListedRun, ListedRuns, RunTold, Used
from graph.store.database import Database
from graph.store.form_facets import dataset_node
from graph.store.log_format import run_id_of, run_key
from graph.store.texts import may_have_nul, without_nul
from lineage.event_id import parse_time

_EVER = 2**63 - 1
_JOINED = """
    JOIN run_id AS i ON i.number = r.number JOIN node AS n ON n.key = r.job
    LEFT JOIN run_id AS p ON p.number = r.parent
"""
_SHOWN = f"i.id, n.namespace, n.name, p.id, {COLUMNS}"


def runs_of(db: Database, job: int, limit: int, offset: int) -> ListedRuns:
    """See `Catalog.runs_of`."""
    of_job = "job_run AS j CROSS JOIN run AS r ON r.number = j.run AND r.job = j.job"
    (total,) = db.execute(f"SELECT count(*) FROM {of_job} WHERE j.job = ?", (job,)).fetchone()
    rows = db.execute(
        f"SELECT {_SHOWN} FROM {of_job} {_JOINED} WHERE j.job = ?"
        " ORDER BY j.first_time DESC, j.run DESC LIMIT ? OFFSET ?",
        (job, limit, offset),
    )
    return ListedRuns([_listed(row) for row in rows.fetchall()], total)


def latest_runs(db: Database, jobs: Collection[int], limit: int) -> dict[int, list[ListedRun]]:
    """See `Catalog.latest_runs`."""
    rows = db.execute(
        f"""
        SELECT {_SHOWN} FROM each_key(:keys) AS k
        CROSS JOIN job_run AS j ON j.job = k.value AND (j.first_time, j.run) IN (
            SELECT x.first_time, x.run FROM job_run AS x JOIN run AS y ON y.number = x.run AND y.job = x.job
            WHERE x.job = k.value ORDER BY x.first_time DESC, x.run DESC LIMIT :limit)
        CROSS JOIN run AS r ON r.number = j.run {_JOINED}
        ORDER BY j.first_time DESC, j.run DESC
        """,
        {"keys": list(set(jobs)), "limit": limit},
    )
    found: dict[int, list[ListedRun]] = defaultdict(list)
    for row in rows.fetchall():
        listed = _listed(row)
        found[listed.record.job_key].append(listed)
    return dict(found)


def run(db: Database, run_id: str) -> ListedRun | None:
    """See `Catalog.run`."""
    row = db.execute(
        f"SELECT {_SHOWN} FROM run_id AS a CROSS JOIN run AS r ON r.number = a.number {_JOINED}"
        " WHERE a.key = ?",
        (run_key(run_id),),
    ).fetchone()
    return None if row is None else _listed(row)


def _listed(row: tuple[Any, ...]) -> ListedRun:
    kept, namespace, name, parent = row[:4]
    found = run_of(row[4:])
    parent_id = None if parent is None else run_id_of(bytes(parent))
    began = moment(found.first_time)
    assert began is not None, "every run has a first event"
    return ListedRun(record_of(found, run_id_of(bytes(kept)), (namespace, name), parent_id), began)


def told(db: Database, log: LogReader, run_ids: Collection[str]) -> dict[str, RunTold]:
    """See `Catalog.told`."""
    rows = db.execute(
        "SELECT r.number, r.id FROM each_key(?) AS k CROSS JOIN run_id AS r ON r.key = k.value",
        (list({run_key(run_id) for run_id in run_ids}),),
    )
    numbers = {number: run_id_of(bytes(kept)) for number, kept in rows}
    events: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for _, body in log.bodies_of(list(numbers), _EVER):
        event = msgspec.json.decode(body)
        event = without_nul(event) if may_have_nul(body) else event
        events[event["run"]["runId"]].append(event)
    found = {run_id: _told(sorted(of_run, key=_time)) for run_id, of_run in events.items()}
    keys = {used.dataset for one in found.values() for used in (*one.inputs, *one.outputs)}
    stands = stands_for(db, keys)
    return {run_id: _under_one_name(one, stands) for run_id, one in found.items()}


def _time(event: Mapping[str, Any]) -> int:
    return parse_time(event["eventTime"]) or 0


def _told(events: Iterable[Mapping[str, Any]]) -> RunTold:
    types: set[str] = set()
    run_facets: dict[str, Any] = {}
    job_facets: dict[str, Any] = {}
    used: dict[str, dict[int, tuple[dict[str, Any], dict[str, Any]]]] = {"inputs": {}, "outputs": {}}
    for event in events:
        if isinstance(kind := event.get("eventType"), str):
            types.add(kind.upper())
        _take(run_facets, event["run"].get("facets"))
        _take(job_facets, event["job"].get("facets"))
        for key, extra in (("inputs", "inputFacets"), ("outputs", "outputFacets")):
            for one in event.get(key) or ():
                dataset, _ = dataset_node(one["namespace"], one["name"])
                facets = used[key].setdefault(dataset, ({}, {}))
                _take(facets[0], one.get("facets"))
                _take(facets[1], one.get(extra))
    inputs, outputs = (
        tuple(Used(dataset, *facets) for dataset, facets in used[key].items())
        for key in ("inputs", "outputs")
    )
    return RunTold(frozenset(types), run_facets, job_facets, inputs, outputs)


def _take(known: dict[str, Any], facets: Any) -> None:
    """Take in the facets of one event: each is replaced whole, and gone where it says so."""
    for name, facet in (facets or {}).items():
        if not isinstance(facet, dict):
            continue
        if facet.get("_deleted") is True:
            known.pop(name, None)
        else:
            known[name] = facet


def _under_one_name(one: RunTold, stands: Mapping[int, int]) -> RunTold:
    def renamed(each: tuple[Used, ...]) -> tuple[Used, ...]:
        return tuple(
            {
                stands.get(used.dataset, used.dataset): Used(
                    stands.get(used.dataset, used.dataset), used.facets, used.extra
                )
                for used in each
            }.values()
        )

    return RunTold(one.types, one.run, one.job, renamed(one.inputs), renamed(one.outputs))
