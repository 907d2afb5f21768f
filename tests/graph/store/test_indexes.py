"""Questions look up what they need by an index, in stores of many events, on each of the engines."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from made_events import put, run_event, run_id
from yardstick import million_additions

from graph.ingest import as_of
from graph.ingest.batch import understand
from graph.nodes import dataset, job
from graph.queries import queries, runs, upstream
from graph.records import RunState
from graph.store import LineageStore

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
JOBS = 1_000
LARGE = (
    "event",
    "run",
    "run_id",
    "job_run",
    "query",
    "query_run",
    "form",
    "form_entity",
    "node",
    "edge",
    "artifact",
)
NOON = "1767225600000000000 + CAST(i AS BIGINT) * 1000000000"
MADE = "WITH RECURSIVE n (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"


def fill(store: LineageStore, rows: int) -> None:
    """Have as many further events, each of a run of its own, of a thousand jobs, of two queries each."""
    put(
        store,
        *(
            run_event(f"r{n}", "COMPLETE", n, job=f"job {n}", inputs=[f"in {n}"], outputs=[f"out {n}"])
            for n in range(JOBS)
        ),
    )
    db: Any = store._db  # type: ignore[attr-defined]
    keys = [(n, job("ns", f"job {n}").key) for n in range(JOBS)]
    forms = dict(db.execute("SELECT owner, number FROM form").fetchall())
    shapes = dict(db.execute("SELECT job, shapes FROM job_run").fetchall())
    with db.transaction():
        db.execute("CREATE TEMPORARY TABLE of_job (number BIGINT, job BIGINT, form BIGINT, shapes BIGINT)")
        db.executemany(
            "INSERT INTO of_job VALUES (?, ?, ?, ?)", [(n, key, forms[key], shapes[key]) for n, key in keys]
        )
        of_job = f"FROM n JOIN of_job AS o ON o.number = i % {JOBS}"
        for said in (
            f"event SELECT i, {NOON}, o.form, i, (SELECT rest FROM event WHERE seq = 1) {of_job}",
            "run_id SELECT i, i, (SELECT id FROM run_id WHERE number = 1) FROM n",
            f"run SELECT i, o.job, {NOON}, CASE WHEN i % 1000 = 7 THEN 3 ELSE 1 END, NULL, 1, {NOON}, 0,"
            f" NULL, NULL, NULL, NULL, NULL, NULL {of_job}",
            f"job_run SELECT o.job, {NOON}, i, 1, 1, o.shapes {of_job}",
            "node (key, type, namespace, name, reversed, named)"
            " SELECT i, 3, 'ns', 'other ' || i, '' || i, 1 FROM n",
            "query SELECT i, i % 1000, 's', 'e', 'f' || (i % 5000), NULL, 0, 'op ' || (i % 200),"
            " NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM n WHERE i <= 21000",
            f"artifact SELECT i, 1, 1, i % 20000, (SELECT id FROM run_id WHERE number = 1), {NOON},"
            " (SELECT id FROM run_id WHERE number = 1) FROM n",
            f"query_run SELECT 1001 + i % 20000, i, {NOON}, {NOON}, 1, 0, 0, 5, 5, 1, 1, 1 FROM n",
        ):
            db.execute(f"{MADE} INSERT INTO {said}", {"rows": rows})
        db.execute("UPDATE log_end SET seq = ?, run = ?", (rows, rows))
        db.execute("DROP TABLE of_job")
    if store.location.startswith("postgresql"):
        with db.transaction():  # what the server does by itself after a while
            db.execute("ANALYZE")


DATASET = dataset("ns", "out 7").key
QUESTIONS: dict[str, Callable[[LineageStore, datetime], object]] = {
    "an artifact by its id": lambda store, since: upstream(store, "dataset:ns:out 7").nodes[0],
    "an artifact by the hash of its content": lambda store, since: store.artifacts(
        f"table-sha256:{'0' * 64}"
    ),
    "when an artifact was heard of": lambda store, since: store.last_heard([DATASET]),
    "the latest runs of the jobs that write an artifact": lambda store, since: store.job_runs(
        store.writers([DATASET])[DATASET], until=BEGIN + timedelta(days=1), limit=10
    ),
    "a run by its id": lambda store, since: store.run_saying(run_id("r7"), understand),
    "the runs of an operation": lambda store, since: runs(store, "job 7", limit=20)[0],
    "the latest runs": lambda store, since: runs(store, limit=20)[0],
    "the latest failed runs": lambda store, since: runs(store, states=[RunState.FAIL], limit=20)[0],
    "the queries of an operation": lambda store, since: queries(store, operation="op 7")[0],
    "the queries since a time": lambda store, since: queries(store, since=since)[0],
    "how many runs there were in an hour": lambda store, since: store.count_runs(
        since=since, until=since + timedelta(hours=1)
    ),
    "the versions of an artifact": lambda store, since: store.dataset_versions(DATASET, limit=10),
    "the versions of an operation": lambda store, since: store.job_versions(job("ns", "job 7").key),
    "what a run used": lambda store, since: store.run_details([run_id("r7")]),
    "what stands above a run": lambda store, since: store.runs_above([run_id("r7")]),
    "what stands under a run": lambda store, since: store.runs_below(run_id("r7")),
    "whether an artifact is dropped": lambda store, since: store.dropped([DATASET]),
    "an artifact as of a time": lambda store, since: upstream(
        as_of(store, BEGIN + timedelta(hours=1)), "dataset:ns:out 7"
    ),
}
"""Answers by name; the time is an hour before the last event."""


class Watching:
    """A database that remembers what was asked of it."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.asked: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def execute(self, sql: str, values: Any = ()) -> Any:
        self.asked[sql] = values
        return self.db.execute(sql, values)


def read_whole(store: LineageStore, asked: dict[str, Any]) -> list[str]:
    """Return the lines of plans that read one of the large tables from one end to the other."""
    db: Any = store._db  # type: ignore[attr-defined]
    found = []
    for sql, values in asked.items():
        if store.location.startswith("postgresql"):
            lines = [line for (line,) in db.execute(f"EXPLAIN {sql}", values)]
            whole = re.compile(rf"Seq Scan on (?:{'|'.join(LARGE)})\b")
        else:
            lines = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            names = re.findall(rf"\b({'|'.join(LARGE)})\b(?: AS (\w+))?", sql)
            aliases = sorted({alias or name for name, alias in names})
            # The latest rows of an ordered index are looked up as well: as many as a page has.
            page = "(?! USING INDEX)" if "LIMIT" in sql else ""
            whole = re.compile(rf"SCAN (?:{'|'.join(aliases) or 'nothing'})\b(?! VIRTUAL){page}")
        found += [f"{line.strip()}: {' '.join(sql.split())}" for line in lines if whole.search(line)]
    return found


def an_hour_before(rows: int) -> datetime:
    return BEGIN + timedelta(seconds=rows) - timedelta(hours=1)


def asked_by(store: LineageStore, question: Callable[[LineageStore], object]) -> dict[str, Any]:
    db = store._db  # type: ignore[attr-defined]
    watching = Watching(db)
    store._db = watching  # type: ignore[attr-defined]
    try:
        assert question(store) is not None
    finally:
        store._db = db  # type: ignore[attr-defined]
    return watching.asked


def test_what_the_questions_of_the_command_look_up_has_an_index(store: LineageStore) -> None:
    """PV-27: by artifact, operation and time: no plan reads a table of events, runs or queries whole."""
    fill(store, 50_000)
    for name, question in QUESTIONS.items():
        asked = asked_by(store, lambda each, ask=question: ask(each, an_hour_before(50_000)))  # type: ignore[misc]
        assert asked, name
        assert read_whole(store, asked) == [], name


def test_a_plan_that_reads_everything_is_noticed(store: LineageStore) -> None:
    """PV-27: the test above can fail."""
    fill(store, 20_000)
    assert read_whole(store, {"SELECT count(*) FROM event AS e WHERE e.event_time > ?": (0,)})
    assert read_whole(store, {"SELECT count(*) FROM run WHERE error IS NOT NULL": ()})


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(100_000, marks=pytest.mark.slow),
        pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_many_events_make_no_look_up_slow(store: LineageStore, rows: int) -> None:
    """PV-27: the same questions to many events: each in a tenth of a second."""
    fill(store, rows)
    took = {}
    for name, question in QUESTIONS.items():
        times = []
        for _ in range(5):
            began = time.perf_counter()
            question(store, an_hour_before(rows))
            times.append(time.perf_counter() - began)
        took[name] = min(times)
    print({name: f"{seconds * 1000:.1f} ms" for name, seconds in took.items()})
    bound = max(0.1, 2 * million_additions())
    assert {name: seconds for name, seconds in took.items() if seconds > bound} == {}
