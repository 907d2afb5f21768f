"""A process that ingests is killed at any moment: what it had acknowledged is there, once, and whole."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from altered_logs import findings_of
from ingesting import Started, ingest_batches, start
from made_events import FIXTURES, dump

from graph import open_store
from graph.ingest import IngestCounts, derive, ingest, rebuild
from graph.store import LineageStore

LINES = [
    line for name in ("airflow", "dbt") for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
]
BATCH = 4

Fresh = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    """Give a function that returns where an empty store is, or nothing yet."""
    numbers = count()
    if request.param == "sqlite":
        return lambda: str(tmp_path / f"lineage{next(numbers)}.db")
    made: Fresh = request.getfixturevalue("fresh_postgresql")
    emptied: Fresh = request.getfixturevalue("emptied_postgresql")
    return lambda: made() if next(numbers) % 20 == 1 else emptied()  # to make one takes long


@cache
def everything() -> dict[str, Any]:
    with closing(open_store(":memory:")) as store:
        ingest(store, LINES)
        derive(store)
        return dump(store)


def steps_of(place: str) -> list[float]:
    """Return how long each step takes in a process that is not killed: each batch, and to read SQL."""
    started = start(ingest_batches, place, LINES, BATCH)
    assert started.told.recv() == 0
    times = [time.monotonic()]
    while started.told.recv() != "done":
        times.append(time.monotonic())
    times.append(time.monotonic())
    started.kill()
    return [after - before for before, after in pairwise(times)]


def killed_in(started: Started, step: int, seconds: float) -> int | None:
    """Kill a process so long after it began a step; return what it acknowledged, None when that was all."""
    told = [started.told.recv() for _ in range(step + 1)]
    time.sleep(seconds)
    told += started.kill()
    return None if told[-1] == "done" else int(told[-1])


def check(store: LineageStore, acknowledged: int) -> int:
    """Check a store that was left behind and complete it; return how many events it had kept."""
    store.apply([])  # when it is our turn to write, a server is done with what the process had asked for
    kept = store.counts().events
    assert acknowledged <= kept <= acknowledged + BATCH
    assert kept % BATCH == 0 or kept == len(LINES), "a batch was kept in part"
    assert [json.loads(body) for _, body in store.bodies()] == list(map(json.loads, LINES[:kept]))
    assert findings_of(store) == [], "the chain was kept in part"
    derive(store)
    before = dump(store)
    rebuild(store)
    derive(store)
    assert dump(store) == before, "the projection is not that of the log"
    assert ingest(store, LINES) == IngestCounts(accepted=len(LINES) - kept, duplicate=kept)
    derive(store)
    assert dump(store) == everything()
    return kept


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param(15, marks=pytest.mark.slow),
        pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_a_process_killed_at_any_moment_leaves_what_it_acknowledged_once_and_whole(
    fresh: Fresh, moments: int
) -> None:
    """PV-13: crash between write and acknowledgement; ingesting everything again completes the rest."""
    random = Random(moments)
    steps_of(fresh())  # the first process loads what the others have at once
    steps = steps_of(fresh())
    found: list[int] = []
    while len(found) < moments:
        step, place = random.randrange(len(steps)), fresh()
        started = start(ingest_batches, place, LINES, BATCH)
        acknowledged = killed_in(started, step, random.random() * steps[step])
        if acknowledged is not None:
            with closing(open_store(place)) as store:
                found.append(check(store, acknowledged))
    assert len(set(found)) >= min(moments, len(steps)) // 3, "the moments are all the same"
