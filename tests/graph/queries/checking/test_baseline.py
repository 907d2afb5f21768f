"""What is not as usual, and what nothing is said of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from made_events import dataset, put, run_event, schema

from graph import open_store
from graph.ingest import as_of
from graph.queries.checking import Baseline, Kind, Sensitivity, check_baseline
from graph.store import LineageStore

BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store() -> Iterator[LineageStore]:
    with closing(open_store(":memory:")) as opened:
        yield opened


def runs(job: str, day: int, **keys: Any) -> list[dict[str, Any]]:
    """Return the events of a run of five minutes at six in the morning of a day."""
    start, word = BEGIN + day * DAY, f"{job} {day}"
    end = start + timedelta(minutes=5)
    shared = {"job": job, "inputs": ["in"], **keys}
    return [
        run_event(word, "START", start.isoformat(), **{**shared, "outputs": []}),
        run_event(word, "COMPLETE", end.isoformat(), **shared),
    ]


def put_days(store: LineageStore, days: range, job: str = "load", **keys: Any) -> None:
    put(store, *(event for day in days for event in runs(job, day, **{"outputs": ["out"], **keys})))


def checked(store: Any, day: float, since: float = 1, how: Sensitivity = Sensitivity.DEFAULT) -> Baseline:
    now = BEGIN + day * DAY
    return check_baseline(store, since=now - since * DAY, now=now, sensitivity=how)


def told(found: Baseline) -> list[tuple[str, str | None, str | None]]:
    return [
        (each.kind.value, each.node and each.node.label, each.other and each.other.label)
        for each in found.findings
    ]


def rows(count: int | None) -> dict[str, Any]:
    return {**dataset("out"), "outputFacets": {"outputStatistics": {"rowCount": count}}}


def test_without_enough_history_nothing_is_said(store: LineageStore) -> None:
    """PV-28: seven completed runs in fourteen days come first; what is not known is no finding."""
    put_days(store, range(13))
    put(store, *runs("load", 13, inputs=["in", "secret"], outputs=["out"]))

    found = checked(store, 13.5)

    assert found.findings == ()
    assert [(each.node.name, each.runs) for each in found.learning] == [("load", 14)]
    put_days(store, range(14, 15))
    put(store, *runs("load", 15, inputs=["in", "other"], outputs=["out"]))
    found = checked(store, 15.5, how=Sensitivity.HIGH)
    assert (told(found), found.learning) == ([("new-edge", "load", "other")], ())


def test_what_a_job_newly_reads_or_no_longer_writes_is_told(store: LineageStore) -> None:
    """PV-28: edges that were never there, and edges that were always there."""
    put_days(store, range(20), outputs=["out", "copy"])
    put(store, *runs("load", 20, inputs=["in", "secret"], outputs=["out"]))

    assert told(checked(store, 20.5)) == [("missing-edge", "load", "copy"), ("new-edge", "load", "secret")]
    assert told(checked(store, 20.5, since=0.1)) == []


def test_a_reader_that_never_was_there_is_told(store: LineageStore) -> None:
    """PV-28: also where its run failed, as it may have read all the same."""
    put_days(store, range(20))
    start = (BEGIN + 20 * DAY).isoformat()
    put(
        store,
        *runs("load", 20, outputs=["out"]),
        run_event("x", "FAIL", start, job="stranger", inputs=["out"]),
    )

    assert told(checked(store, 20.5)) == [("new-reader", "out", "stranger")]


def test_a_schema_that_changes_is_told(store: LineageStore) -> None:
    """PV-28: with what became of it."""
    put_days(store, range(20), outputs=[dataset("out", schema=schema("a", "b"))])
    put_days(store, range(20, 21), outputs=[dataset("out", schema=schema("a", "c"))])

    (found,) = checked(store, 20.5).findings
    assert (found.kind, found.message) == (Kind.SCHEMA, "the schema of out is another: c is new, b is gone")


def test_volumes_that_shift_are_told_and_unknown_ones_are_not_nothing(store: LineageStore) -> None:
    """PV-28: zero rows are few, rows that are not told are not known."""
    put_days(store, range(20), outputs=[rows(1_000)])
    put_days(store, range(20, 21), outputs=[dataset("out")])
    assert told(checked(store, 20.5)) == []
    put_days(store, range(21, 22), outputs=[rows(0)])
    (found,) = checked(store, 21.5).findings
    assert (found.kind, found.expected, found.found) == (Kind.VOLUME, "1 000 rows", "0 rows")


def test_a_duration_that_shifts_is_told(store: LineageStore) -> None:
    """PV-28: seconds from start to end."""
    put_days(store, range(20))
    start, end = BEGIN + 20 * DAY, BEGIN + 20 * DAY + timedelta(hours=1)
    shared: dict[str, Any] = {"job": "load", "inputs": ["in"], "outputs": ["out"]}
    put(store, run_event("l", "START", start.isoformat(), **shared))
    assert told(checked(store, 20.5)) == []
    put(store, run_event("l", "COMPLETE", end.isoformat(), **shared))

    (found,) = checked(store, 20.5).findings
    assert (found.kind, found.expected, found.found) == (Kind.DURATION, "300 s", "3 600 s")


def test_a_run_that_does_not_come_is_told_until_the_job_counts_as_retired(store: LineageStore) -> None:
    """PV-28: by the clock, and only as long as somebody may do something about it."""
    put_days(store, range(20))
    put_days(store, range(40), job="other")

    assert told(checked(store, 20.4)) == []
    assert told(checked(store, 21)) == [("missing-run", "load", None)]
    assert told(checked(store, 25)) == [("missing-run", "load", None)]
    assert told(checked(store, 39)) == []


def test_where_nothing_comes_any_more_that_is_one_finding(store: LineageStore) -> None:
    """PV-28: a scheduler that stands still is no fault of each of its jobs."""
    put_days(store, range(20))
    put_days(store, range(20), job="other")

    (found,) = checked(store, 22).findings
    assert (found.kind, found.node) == (Kind.MISSING_RUN, None)
    assert found.message.startswith("none of 2 jobs that should have has completed since 2026-03-21T06:05:00")


def test_mapped_runs_under_one_parent_count_together(store: LineageStore) -> None:
    """Each reads a part; that the others do not read it is no missing edge."""
    events = []
    for day in range(21):
        for part in range(3):
            time = (BEGIN + day * DAY + timedelta(minutes=part)).isoformat()
            inputs = [f"part{part}"]
            events.append(run_event(f"{day} {part}", "COMPLETE", time, inputs=inputs, parent=f"dag {day}"))
    put(store, *events)

    assert told(checked(store, 20.5)) == []


def test_the_answer_as_of_a_time_is_the_one_that_was_given_then(store: LineageStore) -> None:
    """PV-28: what came later changes nothing."""
    put_days(store, range(20))
    put_days(store, range(20, 21), inputs=["in", "secret"])
    then = told(checked(store, 20.5))
    put_days(store, range(21, 30), inputs=["in", "secret"])

    assert told(checked(as_of(store, BEGIN + 20.5 * DAY), 20.5)) == then == [("new-edge", "load", "secret")]


def test_an_empty_store_has_nothing_to_tell(store: LineageStore) -> None:
    assert checked(store, 1) == Baseline((), (), 0)


def test_findings_are_json(store: LineageStore) -> None:
    put_days(store, range(20))
    found = checked(store, 25)
    assert json.loads(json.dumps([each.as_json() for each in found.findings]))[0]["kind"] == "missing-run"
