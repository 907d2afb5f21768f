"""Very many runs: at the same time, and one after the other."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections import defaultdict
from typing import Any

import psutil
import pytest

from lineage import current_run, events, track_lineage
from lineage.tracking import termination

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@track_lineage(name="outer", inputs="s3://lake/in/{number}", outputs="s3://lake/out/{number}")
async def outer(number: int) -> int:
    await asyncio.sleep(0.001 * (number % 7))
    found = await inner(number)
    await asyncio.sleep(0)
    current_run().tag("number", str(number))
    return found


@track_lineage(name="inner")
async def inner(number: int) -> int:
    current_run().tag("number", str(number))
    await asyncio.sleep(0.001 * (number % 3))
    return number


def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo the check of every event against the schemas, which keeps them all."""
    from lineage.encoding import encode
    from lineage.events import run_events

    monkeypatch.setattr(run_events, "encode", encode)


def collected(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    unchecked(monkeypatch)
    monkeypatch.setattr(events.sources, "deliver", lambda body, run_id: found.append(json.loads(body)))
    return found


def tag(event: dict[str, Any]) -> str:
    value: str = event["run"]["facets"]["tags"]["tags"][0]["value"]
    return value


def check(found: list[dict[str, Any]], count: int) -> None:
    """Each run has one START and one COMPLETE, with its own datasets and tags, and its own parent."""
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in found:
        by_run[event["run"]["runId"]].append(event)
    assert len(by_run) == 2 * count
    outer_runs = {}
    for run_id, (start, complete) in by_run.items():
        assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
        if start["job"]["name"] == "outer":
            outer_runs[run_id] = tag(complete)
            assert start["inputs"][0]["name"] == f"in/{tag(complete)}"
            assert complete["outputs"][0]["name"] == f"out/{tag(complete)}"
    assert sorted(map(int, outer_runs.values())) == list(range(count))
    for _, complete in by_run.values():
        if complete["job"]["name"] == "inner":
            parent = complete["run"]["facets"]["parent"]["run"]["runId"]
            assert outer_runs[parent] == tag(complete)


def test_5_000_concurrent_tasks_mix_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = collected(monkeypatch)

    async def main() -> list[int]:
        return await asyncio.gather(*(outer(number) for number in range(5000)))

    assert asyncio.run(main()) == list(range(5000))
    check(found, 5000)
    assert not termination._open_runs


def test_64_threads_mix_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = collected(monkeypatch)

    def work(first: int) -> None:
        for number in range(first, 1280, 64):
            asyncio.run(outer(number))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(found, 1280)
    assert not termination._open_runs


@pytest.mark.parametrize("runs", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_memory_stays_flat_over_very_many_runs(monkeypatch: pytest.MonkeyPatch, runs: int) -> None:
    monkeypatch.setattr(events.sources, "deliver", lambda body, run_id: None)
    unchecked(monkeypatch)

    @track_lineage(inputs="s3://lake/in/{number}", outputs="s3://lake/out")
    def work(number: int) -> None:
        current_run().sql(f"insert into t{number} select a from s where b = {number}", dialect="postgres")

    def resident(first: int, last: int) -> int:
        for number in range(first, last):
            work(number)
        gc.collect()
        return psutil.Process().memory_info().rss

    warm = resident(0, 20_000)
    assert resident(20_000, 20_000 + runs) - warm < 8 << 20
