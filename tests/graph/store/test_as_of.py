"""The graph as of an earlier time is the graph of the events up to it, whenever they arrived."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from made_events import dataset, dump, feeds, put, run_event, schema
from random_events import some_event
from seeds import seeds

from graph import open_store
from graph.errors import InvalidQueryError
from graph.ingest import as_of, derive, ingest
from graph.ingest.prune import prune
from graph.queries import runs
from graph.records import RunState
from graph.store.base import LineageReader, LineageStore
from graph.store.retention import Policy

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400


def day(number: int) -> datetime:
    """Return the end of a day."""
    return BEGIN + timedelta(days=number)


def time_of(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["eventTime"])


def shown(reader: LineageReader) -> dict[str, Any]:
    """Return what questions can see, but how much the store holds today.

    How often queries ran is known as of the latest event of a run alone.
    """
    found = dump(reader)
    del found["queries"], found["counts"]
    return found


def without_schemas(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event whose SQL is read with the same columns at all times: with none."""
    listed = [*(event.get("inputs") or ()), *(event.get("outputs") or ())]
    for one in listed:
        one.get("facets", {}).pop("schema", None)
    return event


@pytest.mark.parametrize("seed", seeds(5, 12, 40))
def test_as_of_shows_what_a_store_shows_that_had_the_events_until_then_alone(seed: int) -> None:
    """Late events, ties, windows of services and runs that go on after the time are among them."""
    random = Random(seed)
    events = [some_event(random) for _ in range(60)]
    if seed % 2:
        events = [without_schemas(event) for event in events]
    bodies = [json.dumps(event).encode() for event in events]
    times = [BEGIN + timedelta(seconds=s) for s in (-1, 0, 2, 3, 5)] + [
        BEGIN + timedelta(days=n) for n in (1, 9)
    ]
    with closing(open_store(":memory:")) as store:
        ingest(store, random.sample(bodies, len(bodies)))
        if seed % 2:
            derive(store)
        for time in times:
            then = shown(as_of(store, time))
            until = [body for event, body in zip(events, bodies, strict=True) if time_of(event) <= time]
            with closing(open_store(":memory:")) as fresh:
                ingest(fresh, until)
                if seed % 2:
                    derive(fresh)
                wanted = shown(fresh)
            for what, value in wanted.items():
                assert then[what] == value, (what, time)


def load(number: int, source: str, target: str, *, hour: int = 1) -> list[dict[str, Any]]:
    """Return the events of a run on a day (from 1)."""
    start = (number - 1) * DAY + hour * 3600
    ends = {"inputs": [source], "outputs": [target]}
    return [
        run_event(f"{source}{target}{number}", "START", start, job=f"load {target}", **ends),
        run_event(f"{source}{target}{number}", "COMPLETE", start + 60, job=f"load {target}", **ends),
    ]


def test_as_of_a_day_is_the_same_on_that_day_and_later_once_late_events_are_in(store: LineageStore) -> None:
    on_time = [event for number in (1, 2, 3) for event in load(number, "a", "b")]
    late = load(2, "x", "b", hour=2)
    put(store, *on_time)
    asked_on_time = feeds(store)
    assert asked_on_time == {"a -> b"}
    put(store, *late)
    on_day_3, asked_on_day_3 = feeds(as_of(store, day(3))), shown(store)
    assert on_day_3 == {"a -> b", "x -> b"}
    put(store, *[event for number in range(4, 18) for event in load(number, "y", "b")], *load(9, "b", "c"))
    assert feeds(store) == {"y -> b", "b -> c"}
    assert shown(as_of(store, day(3))) == asked_on_day_3
    assert feeds(as_of(store, day(1))) == {"a -> b"}
    assert feeds(as_of(store, BEGIN)) == set()


def test_a_run_is_what_its_events_until_then_say(store: LineageStore) -> None:
    start = run_event("r", "START", 10, inputs=["a"], outputs=["b"])
    end = run_event("r", "FAIL", 20, inputs=["a"], outputs=["b"])
    put(store, end, start)
    then = as_of(store, BEGIN + timedelta(seconds=15))
    assert [run.state for run in runs(then)[0]] == [RunState.RUNNING]
    assert [run.state for run in runs(then, states=[RunState.FAIL])[0]] == []
    assert [run.state for run in runs(then, "job")[0]] == [RunState.RUNNING]
    assert then.count_runs(since=BEGIN, until=day(1)) == {RunState.RUNNING: 1}
    assert feeds(then) == {"a -> b"}
    assert feeds(store) == set()


def test_a_schema_is_the_one_that_was_said_last_by_then(store: LineageStore) -> None:
    def said(run: str, time: int, *columns: str) -> dict[str, Any]:
        return run_event(run, "COMPLETE", time, outputs=[dataset("t", schema=schema(*columns))])

    # The first schema is said again after the second one.
    put(store, said("one", 10, "x"), said("two", 20, "x", "y"), said("three", 30, "x"))
    table = store.named("t", ["DATASET"])[0]  # type: ignore[list-item]
    for time, columns in ((10, ["x"]), (15, ["x"]), (20, ["x", "y"]), (29, ["x", "y"]), (30, ["x"])):
        then = as_of(store, BEGIN + timedelta(seconds=time))
        assert [field.field for field in then.fields(table)] == columns, time
    assert as_of(store, BEGIN).lookup(table) is None


def test_a_facet_that_each_run_measures_is_that_of_the_last_run_by_then(store: LineageStore) -> None:
    for number in range(1, 5):
        made = {**dataset("t"), "outputFacets": {"outputStatistics": {"rowCount": number}}}
        put(store, run_event(f"r{number}", "COMPLETE", number * 10, outputs=[made]))
    key = store.named("t", ["DATASET"])[0].key  # type: ignore[list-item]
    then = as_of(store, BEGIN + timedelta(seconds=25))
    assert then.facets([key], "outputStatistics")[key]["rowCount"] == 2
    assert store.facets([key], "outputStatistics")[key]["rowCount"] == 4


def test_a_time_before_the_horizon_is_refused_and_so_is_one_without_a_zone(store: LineageStore) -> None:
    put(store, *[event for number in range(1, 31) for event in load(number, "a", "b")])
    with pytest.raises(InvalidQueryError, match="no time zone"):
        as_of(store, BEGIN.replace(tzinfo=None))
    assert feeds(as_of(store, day(2))) == {"a -> b"}
    prune(store, Policy(before=day(25)))
    with pytest.raises(InvalidQueryError, match=r"as of 2026-01-03.*events before 2026-01-26.*were removed"):
        as_of(store, day(2))
    assert feeds(as_of(store, day(25))) == {"a -> b"}
