"""What processes do that use one store at once: they write events, or ask and follow the log."""

from __future__ import annotations

import json
import time
from contextlib import closing
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from made_events import run_event, schema

from graph import open_store
from graph.ingest import derive, ingest
from graph.nodes import dataset
from graph.queries import upstream
from graph.records import Direction, EdgeKind

JOBS = 12
STATEMENT = "INSERT INTO s.target (x, y) SELECT x, z FROM s.source"


def made(writer: int, number: int) -> bytes:
    """Return an event of a writer. Whatever comes first, a job feeds its left and its right alike."""
    job = number % JOBS
    moving = [f"source{(number // 300 + job) % 40}", f"of{writer}"]
    outputs = [
        {"namespace": "ns", "name": f"{side}{job}", "facets": {"schema": schema("x", *"yz"[number % 2])}}
        for side in ("left", "right")
    ]
    facets = {"sql": {"query": STATEMENT}} if job == 0 else {}
    event = run_event(
        f"{writer}-{number}", "COMPLETE", number, job=f"job{job}", inputs=moving, outputs=outputs,
        job_facets=facets,
    )  # fmt: skip
    return json.dumps(event).encode()


def write(telling: Connection, place: str, writer: int, first: int, seed: int) -> None:
    """Send events in batches until told to stop: tell what is sent before, and what is kept after each."""
    random = Random(seed)
    with closing(open_store(place)) as store:
        while not telling.poll():
            end = first + random.randint(1, 30)
            telling.send(("sent", first, end))
            counts = ingest(store, [made(writer, number) for number in range(first, end)])
            telling.send(("kept", first, end))
            assert counts.rejected == 0
            first = end
            if random.random() < 0.05:
                derive(store)
            time.sleep(random.random() * 0.15)
    telling.recv()


def read(telling: Connection, place: str, seed: int) -> None:
    """Ask until told to stop and follow the log to its end then; tell the runs in the order of the log."""
    random, at, followed = Random(seed), 0, []
    last_count = asked = 0
    with closing(open_store(place, read_only=True)) as store:
        stopping = False
        while True:
            stopping = stopping or telling.poll()
            page = store.bodies(after=at, limit=random.choice([1, 10, 500]))
            for number, body in page:
                assert number == at + 1, f"event {at + 1} was passed over: {number} came"
                at = number
                followed.append(json.loads(body)["run"]["runId"])
            if stopping and not page:
                break
            if not stopping:
                last_count = check(store, random.randrange(JOBS), last_count)
                asked += 1
                time.sleep(0.02)
    telling.recv()
    telling.send((asked, followed))


def check(store: Any, job: int, last_count: int) -> int:
    """Check answers while others write; return how many events there are."""
    ends = {side: dataset("ns", f"{side}{job}").key for side in ("left", "right")}
    edges = store.closure(ends.values(), EdgeKind.FEEDS, Direction.UPSTREAM)
    of = {side: {edge.source for edge in edges if edge.target == key} for side, key in ends.items()}
    assert of["left"] == of["right"], "one answer, of two moments"
    if of["left"]:
        with store.snapshot():
            left, right = (answered(store, f"{side}{job}") for side in ("left", "right"))
        assert left == right, "two answers of a snapshot, of two moments"
    count: int = store.counts().events
    assert count >= last_count
    return count


def answered(store: Any, name: str) -> set[tuple[str, tuple[str, ...]]]:
    """Return what feeds a dataset, and by which jobs."""
    answer = upstream(store, ["ns", name])
    assert {node.node for node in answer.nodes} >= {end for edge in answer.edges for end in edge[:2]}
    return {
        (edge.source.name, tuple(job.name for job in edge.jobs))
        for edge in answer.edges
        if edge.kind is EdgeKind.FEEDS
    }
