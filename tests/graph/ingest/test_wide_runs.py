"""A run that lists very many inputs and outputs: what it lists is kept, and not joined each with each."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from itertools import product
from random import Random
from typing import Any

import pytest
from made_events import dump, put, run_event

from graph.ingest import as_of, derive, ingest, rebuild
from graph.nodes import Node
from graph.records import EdgeKind
from graph.store import LineageReader, LineageStore, projection

Listed = dict[str, tuple[set[str], set[str]]]
"""By job what its run lists in all its events."""


def feeds(store: LineageReader) -> set[tuple[str, str, str]]:
    edges = list(store.edges(EdgeKind.FEEDS))
    names: dict[int, Node] = store.nodes({key for e in edges for key in (e.source, e.target, e.job) if key})
    return {
        (names[e.job].name, names[e.source].name, names[e.target].name) for e in edges if e.job is not None
    }


def some_runs(random: Random) -> tuple[list[dict[str, Any]], Listed]:
    """Return events of six runs that each name a few datasets, and what these come to; one lists many."""
    four, two = {"i0", "i1", "i2", "i3"}, {"o0", "o1"}
    events = [run_event("wide", "START", 0, job="wide", inputs=four)]
    events.append(run_event("wide", "COMPLETE", 1, job="wide", outputs=two))
    listed: Listed = {"wide": (four, two)}
    for number in range(5):
        job = f"job{number}"
        inputs, outputs = listed.setdefault(job, (set(), set()))
        for place in range(random.randint(1, 5)):
            ins = {f"i{random.randint(0, 4)}" for _ in range(random.randint(0, 2))}
            outs = {f"o{random.randint(0, 4)}" for _ in range(random.randint(0, 2))}
            inputs |= ins
            outputs |= outs
            kind = random.choice(["START", "RUNNING", "COMPLETE", "OTHER"])
            events.append(run_event(job, kind, place, job=job, inputs=sorted(ins), outputs=sorted(outs)))
    return events, listed


@pytest.mark.parametrize("seed", range(6))
def test_what_a_run_lists_is_joined_up_to_a_bound_in_any_order(
    store: LineageStore, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever order the events come in, in whatever batches, and taken in again."""
    monkeypatch.setattr(projection, "MOST_PAIRS", 6)
    random = Random(seed)
    events, listed = some_runs(random)
    wide = {job for job, (inputs, outputs) in listed.items() if len(inputs) * len(outputs) > 6}
    expected = {(job, *pair) for job, both in listed.items() if job not in wide for pair in product(*both)}

    shuffled = [json.dumps(one).encode() for one in random.sample(events, len(events))]
    ingest(store, shuffled, batch=random.randint(1, 9))
    derive(store)
    before = dump(store)

    assert feeds(store) == expected
    rebuild(store)
    derive(store)
    assert dump(store) == before
    read = store.nodes({edge.source for edge in store.edges(EdgeKind.READS)})
    assert {node.name for node in read.values()} == set().union(*(inputs for inputs, _ in listed.values()))
    assert "wide" in wide
    assert expected


def test_the_bound_is_met_and_crossed(store: LineageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of the time when the run had listed less, it was joined."""
    monkeypatch.setattr(projection, "MOST_PAIRS", 6)
    put(store, run_event("r", "START", 0, inputs=["a", "b", "c"], outputs=["x", "y"]))
    assert len(feeds(store)) == 6

    put(store, run_event("r", "COMPLETE", 60, inputs=["d"]))

    assert feeds(store) == set()
    assert len(list(store.edges(EdgeKind.READS))) == 4
    then = datetime.fromisoformat(run_event("r", "START", 30)["eventTime"]).astimezone(UTC)
    assert len(feeds(as_of(store, then))) == 6


def test_a_run_of_a_million_pairs_takes_no_time(store: LineageStore) -> None:
    ends = [[f"{kind}{number}" for number in range(1000)] for kind in "io"]
    began = time.process_time()
    put(store, run_event("r", "START", 0, inputs=ends[0]), run_event("r", "COMPLETE", 1, outputs=ends[1]))
    seconds = time.process_time() - began

    assert (store.counts().edges, len(feeds(store))) == (2000, 0)
    assert seconds < 3
