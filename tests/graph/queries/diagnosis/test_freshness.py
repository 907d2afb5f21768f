"""When each source was last updated, and whether that is late; what is not known is said so."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from made_events import at, put, run_event

from graph import open_store
from graph.errors import InvalidQueryError
from graph.queries import diagnose_metric
from graph.queries.diagnosis import Diagnosis, Kind
from graph.store import LineageStore

HOUR = 3600


def moment(seconds: int) -> datetime:
    return datetime.fromisoformat(at(seconds))


def loads(hours: int, *, job: str = "load", table: str = "raw") -> list[dict[str, Any]]:
    """Return an hourly job that begins at hour 0 and writes a table five minutes past each hour."""
    return [
        run_event(f"{job}{hour}", "COMPLETE", hour * HOUR + 300, job=job, outputs=[table])
        for hour in range(hours)
    ]


def mart() -> dict[str, Any]:
    return run_event("mart", "COMPLETE", 100, job="build", inputs=["raw", "external"], outputs=["mart"])


def facts(found: Diagnosis, name: str) -> Any:
    return next(facts for node, facts in found.datasets.items() if node.name == name)


def test_each_source_has_the_time_of_its_last_good_write_and_unknown_is_not_old(store: LineageStore) -> None:
    """DD-16: of the dataset of a column; a source that nothing writes has no time, and says so."""
    put(store, mart(), *loads(3))
    found = diagnose_metric(store, "mart")
    assert facts(found, "raw").updated == moment(2 * HOUR + 300)
    assert facts(found, "raw").age == timedelta(0)
    assert facts(found, "external").updated is None
    assert facts(found, "external").late is None
    assert facts(found, "external").unknown[0] == (
        "nothing in the store writes it, so its freshness is not known"
    )
    shown = {node["id"]: node.get("facts") for node in found.as_json()["nodes"]}
    assert shown["dataset:ns:raw"]["lastUpdate"] == "2026-01-01T02:05:00.000Z"
    assert shown["dataset:ns:external"]["lastUpdate"] is None


def test_a_failed_run_is_no_update(store: LineageStore) -> None:
    """DD-16: what a failed or stopped run names as output was not written."""
    put(store, mart(), *loads(2))
    put(store, run_event("f", "FAIL", 5 * HOUR, job="load", outputs=["raw"]))
    put(store, run_event("a", "ABORT", 6 * HOUR, job="load", outputs=["raw"]))
    assert facts(diagnose_metric(store, "mart"), "raw").updated == moment(HOUR + 300)


def test_a_source_is_late_by_its_own_rhythm(store: LineageStore) -> None:
    """DD-16: an hourly table is late when it is well over an hour old, and not before."""
    put(store, mart(), *loads(8))
    last = moment(7 * HOUR + 300)
    fresh = diagnose_metric(store, "mart", now=last + timedelta(minutes=80))
    assert facts(fresh, "raw").late is False
    assert fresh.findings == ()
    stale = diagnose_metric(store, "mart", now=last + timedelta(hours=3))
    assert [(each.kind, each.node.name) for each in stale.findings] == [(Kind.STALE, "raw")]
    assert stale.findings[0].data["usualIntervalSeconds"] == HOUR
    assert stale.findings[0].data["missed"] == 3
    assert stale.findings[0].since == last + timedelta(hours=1)


def test_with_few_writes_the_rhythm_is_unknown_and_nothing_is_late(store: LineageStore) -> None:
    put(store, mart(), *loads(5))
    found = diagnose_metric(store, "mart", now=moment(20 * 86400))
    assert found.findings == ()
    assert facts(found, "raw").rhythm is None
    assert "its rhythm is not known (5 writes in the store)" in facts(found, "raw").unknown


def test_a_gap_that_was_there_twice_is_not_late_when_it_comes_again(store: LineageStore) -> None:
    """A job that rests at weekends is not late on a Sunday."""
    days = [day for day in range(16) if day % 7 < 5]
    put(store, *(run_event(f"d{day}", "COMPLETE", day * 86400, outputs=["raw"]) for day in days))
    rested = diagnose_metric(store, "raw", now=moment(15 * 86400) + timedelta(days=2, hours=20))
    assert rested.findings == ()
    assert [each.kind for each in diagnose_metric(store, "raw", now=moment(20 * 86400)).findings] == [
        Kind.STALE
    ]


def test_mapped_runs_under_one_parent_are_one_write(store: LineageStore) -> None:
    """Ten runs a minute apart each hour make an hourly table, not one of every minute."""
    parts = [(hour, part) for hour in range(8) for part in range(10)]
    put(
        store,
        *(
            run_event(f"{h}.{part}", "COMPLETE", h * HOUR + 60 * part, outputs=["raw"], parent=f"dag{h}")
            for h, part in parts
        ),
    )
    found = diagnose_metric(store, "raw", now=moment(7 * HOUR + 540) + timedelta(minutes=70))
    assert facts(found, "raw").rhythm.usual == timedelta(hours=1)
    assert found.findings == ()


def test_now_is_the_latest_event_unless_given_and_later_events_are_left_out(store: LineageStore) -> None:
    put(store, mart(), *loads(8))
    assert diagnose_metric(store, "mart").at == moment(7 * HOUR + 300)
    early = diagnose_metric(store, "mart", now=moment(3 * HOUR))
    assert facts(early, "raw").updated == moment(2 * HOUR + 300)
    with pytest.raises(InvalidQueryError, match="zone"):
        diagnose_metric(store, "mart", now=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_run_that_ended_later_was_still_running(store: LineageStore) -> None:
    put(store, mart(), *loads(2))
    put(store, run_event("x", "START", 3 * HOUR, job="load", outputs=["raw"]))
    put(store, run_event("x", "FAIL", 4 * HOUR, job="load", outputs=["raw"]))
    before = diagnose_metric(store, "mart", now=moment(3 * HOUR + 60))
    assert before.findings == ()
    assert [each.kind for each in diagnose_metric(store, "mart").findings] == [Kind.FAILED_RUN]


def test_the_answer_depends_on_the_events_and_not_on_their_order() -> None:
    """DD-16: a late event changes the answer to what it would have been."""
    events = [mart(), *loads(8), run_event("f", "FAIL", 9 * HOUR, job="load", outputs=["raw"])]
    answers = []
    for seed in range(4):
        random.Random(seed).shuffle(events)
        store = open_store(":memory:")
        put(store, *events[:5])
        put(store, *events[5:])
        answers.append(diagnose_metric(store, "mart", now=datetime(2026, 1, 1, 12, tzinfo=UTC)).as_json())
        store.close()
    assert answers[0]["findings"]
    assert all(answer == answers[0] for answer in answers)
