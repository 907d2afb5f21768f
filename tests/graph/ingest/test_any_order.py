"""Random events full of ties and contradictions: whatever order they arrive in, the store is the same."""

from __future__ import annotations

import json
from contextlib import closing
from random import Random

import pytest
from made_events import dump
from random_events import some_event
from seeds import seeds

from graph import open_store
from graph.ingest import derive, ingest


@pytest.mark.parametrize("seed", seeds(5, 16, 100))
def test_any_order_gives_the_same_store(seed: int) -> None:
    """PV-13: nothing depends on what came first, in which batch, or when SQL was read."""
    random = Random(seed)
    events = [json.dumps(some_event(random)).encode() for _ in range(60)]
    dumps = []
    for _ in range(3):
        waiting = random.sample(events, len(events))
        with closing(open_store(":memory:")) as store:
            while waiting:
                piece = random.randint(1, 30)
                ingest(store, waiting[:piece], batch=random.randint(1, 20))
                del waiting[:piece]
                if random.random() < 0.3:
                    derive(store)
            derive(store)
            dumps.append(dump(store))
    assert dumps[0] == dumps[1] == dumps[2]
    assert len(dumps[0]["runs"]) > 5
    assert dumps[0]["tests"]
    assert dumps[0]["versions"]
    assert dumps[0]["queries"]
    assert any(written.rows for run in dumps[0]["history"] for written in run.wrote.values())
