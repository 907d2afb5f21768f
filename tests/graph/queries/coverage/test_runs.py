"""Runs without an end, and failed runs without a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from made_events import dataset_event, put, run_event, run_id

from graph.errors import InvalidQueryError
from graph.queries import Check, CheckResult, check_coverage
from graph.store import LineageStore

DAY = 86_400
ERROR = {"errorMessage": {"message": "disk full", "programmingLanguage": "PYTHON"}}


def checked(store: LineageStore, check: Check, **asked: Any) -> CheckResult:
    (result,) = check_coverage(store, [check], **asked)
    return result


def found(result: CheckResult) -> set[str]:
    return {each.run_id or each.where for each in result.findings}


def test_a_run_that_was_silent_for_long_without_an_end_is_found(store: LineageStore) -> None:
    """DD-17: every run has its end, or is listed; one that still may end is not judged."""
    put(
        store,
        run_event("ended", "START", 0),
        run_event("ended", "COMPLETE", 60),
        run_event("failed", "FAIL", 60, job="other"),
        run_event("stopped", "ABORT", 60),
        run_event("lost", "START", 10, job="loader"),
        run_event("going", "START", 4 * DAY),
        run_event("alive", "START", 20),
        run_event("alive", "RUNNING", 4 * DAY + 5),
    )

    result = checked(store, Check.RUN_ENDS)

    assert (result.total, result.missing) == (4, 1)
    (lost,) = result.findings
    assert lost.run_id == run_id("lost")
    assert lost.where == "loader"
    assert lost.since == datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert found(checked(store, Check.RUN_ENDS, unfinished_after=timedelta(days=30))) == set()


def test_an_end_that_arrives_late_takes_the_finding_away(store: LineageStore) -> None:
    """DD-17: nothing is written about a run without an end, so nothing has to be undone."""
    put(store, run_event("late", "START", 0), run_event("last", "COMPLETE", 5 * DAY))
    assert found(checked(store, Check.RUN_ENDS)) == {run_id("late")}

    put(store, run_event("late", "COMPLETE", 30))

    assert found(checked(store, Check.RUN_ENDS)) == set()


@pytest.mark.parametrize(
    "facet",
    [
        {"processingType": "STREAMING", "integration": "FLINK"},
        {"processingType": "BATCH", "integration": "X", "jobType": "service"},
    ],
)
def test_what_runs_for_ever_needs_no_end(store: LineageStore, facet: dict[str, str]) -> None:
    put(
        store,
        run_event("stream", "START", 0, job="stream", job_facets={"jobType": facet}),
        run_event("batch", "START", 1, job="batch"),
        run_event("last", "COMPLETE", 9 * DAY),
    )

    assert found(checked(store, Check.RUN_ENDS)) == {run_id("batch")}


def test_only_runs_that_began_in_the_asked_time_are_judged(store: LineageStore) -> None:
    put(
        store,
        run_event("before", "START", 0),
        run_event("within", "START", 10 * DAY),
        run_event("after", "START", 25 * DAY),
        run_event("last", "COMPLETE", 25 * DAY),
    )
    asked = {"as_of": datetime(2026, 1, 15, tzinfo=UTC), "since": timedelta(days=7)}

    result = checked(store, Check.RUN_ENDS, **asked)

    assert found(result) == {run_id("within")}
    assert result.total == 1


def test_a_failed_run_without_an_error_message_is_found(store: LineageStore) -> None:
    """DD-23: every failed run says why, or is listed."""
    put(
        store,
        run_event("told", "FAIL", 0, run_facets=ERROR),
        run_event("untold", "FAIL", 1, job="silent"),
        run_event("empty", "FAIL", 2, run_facets={"errorMessage": {"message": " "}}),
        run_event("broken", "FAIL", 3, run_facets={"errorMessage": {"text": "no message"}}),
        run_event("good", "COMPLETE", 4),
        run_event("stopped", "ABORT", 5),
    )

    result = checked(store, Check.ERROR_CONTEXT)

    assert found(result) == {run_id("untold"), run_id("empty"), run_id("broken")}
    assert (result.total, result.missing) == (4, 3)
    assert result.share == pytest.approx(0.25)


def test_where_nothing_ended_or_failed_there_is_nothing_to_judge(store: LineageStore) -> None:
    put(store, dataset_event(0, "a"))

    for check in (Check.RUN_ENDS, Check.ERROR_CONTEXT):
        result = checked(store, check)
        assert result.skipped
        assert result.share is None
        assert not result.fails()


def test_more_runs_than_a_page_are_all_looked_at(
    store: LineageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.queries.coverage.runs._PAGE", 3)
    put(store, *(run_event(f"lost {n}", "START", n % 2) for n in range(8)))
    put(store, run_event("last", "COMPLETE", 5 * DAY))

    assert found(checked(store, Check.RUN_ENDS)) == {run_id(f"lost {n}") for n in range(8)}


def test_an_empty_store_fails_and_rejected_events_count_as_missing(store: LineageStore) -> None:
    """DD-20: events are kept in the store; one that is not is told of."""
    from graph.ingest import ingest

    assert checked(store, Check.EVENTS).fails()

    put(store, *(run_event("run", "RUNNING", n) for n in range(3)))
    assert not checked(store, Check.EVENTS).fails()

    ingest(store, [b'{"no": "event"}'])
    result = checked(store, Check.EVENTS)
    assert (result.total, result.missing) == (4, 1)
    assert result.fails()
    assert not result.fails(0.75)


def test_a_time_that_lies_ahead_is_refused(store: LineageStore) -> None:
    with pytest.raises(InvalidQueryError, match="older_than"):
        check_coverage(store, older_than=timedelta(days=-1))
