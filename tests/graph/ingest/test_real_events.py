"""Real events of Airflow, dbt and Marquez: accepted once, in any order, in pieces of any size."""

from __future__ import annotations

import json
import random
from contextlib import closing
from pathlib import Path

import pytest
from made_events import FIXTURES, dump

from graph import open_store
from graph.ingest import IngestCounts, derive, ingest
from graph.store import LineageStore

KEPT = ("airflow", "dbt")


def lines(*paths: Path) -> list[bytes]:
    return [line for path in paths for line in path.read_bytes().splitlines()]


def fixtures() -> list[bytes]:
    return lines(*(FIXTURES / f"{name}.jsonl" for name in KEPT))


@pytest.mark.parametrize(("name", "events"), [("airflow", 39), ("dbt", 20)])
def test_every_event_of_a_real_producer_is_accepted(store: LineageStore, name: str, events: int) -> None:
    """PV-12: all events are in one store, exactly as they were sent."""
    sent = lines(FIXTURES / f"{name}.jsonl")
    assert ingest(store, sent) == IngestCounts(accepted=events)
    assert [json.loads(body) for _, body in store.bodies()] == list(map(json.loads, sent))
    assert store.dead_letters() == []


def test_the_seed_of_marquez_is_accepted_beside_the_others(store: LineageStore, shared: Path) -> None:
    """PV-12: the events of three producers are in one store."""
    sent = [*fixtures(), *lines(shared / "events" / "marquez_seed.jsonl")]
    assert ingest(store, sent) == IngestCounts(accepted=85)


def test_what_marquez_tolerates_is_accepted_and_one_instant_written_twice_is_one_event(
    store: LineageStore, shared: Path
) -> None:
    """PV-13: lines 15 and 16 differ only in the zone of the same instant."""
    sent = lines(shared / "events" / "marquez.jsonl")
    assert len(sent) == 23
    assert ingest(store, sent) == IngestCounts(accepted=22, duplicate=1)
    assert [json.loads(body) for _, body in store.bodies()] == [
        json.loads(line) for number, line in enumerate(sent, 1) if number != 16
    ]


def test_ingesting_again_changes_nothing(store: LineageStore) -> None:
    """PV-13: re-sending all events leaves every row as it was."""
    sent = fixtures()
    ingest(store, sent)
    derive(store)
    before, counts = dump(store), store.counts()
    assert ingest(store, sent) == IngestCounts(duplicate=59)
    assert derive(store).shapes == 0
    assert dump(store) == before
    assert store.counts() == counts


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_events_and_the_size_of_batches_make_no_difference(
    tmp_path: Path, shared: Path, seed: int
) -> None:
    """PV-13: any order, with SQL read at any moment in between, gives the identical graph."""
    sent = [
        *fixtures(),
        *lines(shared / "events" / "marquez_seed.jsonl", shared / "events" / "marquez.jsonl"),
    ]
    with closing(open_store(tmp_path / "straight.db")) as straight:
        ingest(straight, sent)
        derive(straight)
        expected = dump(straight)
    random.seed(seed)
    random.shuffle(sent)
    with closing(open_store(tmp_path / "shuffled.db")) as shuffled:
        while sent:
            piece = random.randint(1, 40)
            ingest(shuffled, sent[:piece], batch=random.randint(1, 10))
            del sent[:piece]
            if random.random() < 0.3:
                derive(shuffled)
        derive(shuffled)
        assert dump(shuffled) == expected


def test_a_store_says_how_much_it_holds(store: LineageStore) -> None:
    ingest(store, [*lines(FIXTURES / "airflow.jsonl"), b"no event"])
    counts = store.counts()
    assert (counts.events, counts.runs, counts.jobs, counts.dead_letters) == (39, 19, 18, 1)
    assert counts.underived == 7
    assert counts.last_ingest is not None
