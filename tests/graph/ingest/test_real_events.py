"""Real events of Airflow, dbt and Marquez: accepted once, in any order, in pieces of any size."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from made_events import FIXTURES, dump
from seeds import seeds

from graph import open_store
from graph.ingest import IngestCounts, derive, index, ingest, rebuild
from graph.records import EdgeKind
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


ALL = ("airflow", "dbt", "marquez", "marquez_seed", "ol_integration_flink", "ol_integration_spark")
TEMPLATES = "ol_integration_"


def filled(line: bytes) -> bytes:
    """Return an event of a template: with a time, a producer and a run of its own where it has none."""
    event = json.loads(line)
    digest = hashlib.sha256(line).digest()
    if "${" in event.get("eventTime", "${"):
        event["eventTime"] = f"2026-01-01T00:{digest[0] % 60:02}:{digest[1] % 60:02}Z"
    event.setdefault("producer", "https://example.com/template")
    if "run" in event:
        event["run"]["runId"] = str(uuid.UUID(bytes=digest[:16]))
    return json.dumps(event).encode()


def all_events(events: Path, *, raw: bool = False) -> list[bytes]:
    """Return all captured events, those that are templates filled or as they are."""
    found = []
    for name in ALL:
        read = lines(events / f"{name}.jsonl")
        found += read if raw or not name.startswith(TEMPLATES) else [filled(line) for line in read]
    return found


def graph_of(place: str | Path, sent: Sequence[bytes], random: Random | None) -> Any:
    """Return what a fresh store shows that took these events, in any order and pieces of any size."""
    left = list(sent)
    if random is not None:
        random.shuffle(left)
    with closing(open_store(place)) as store:
        while left:
            piece = len(left) if random is None else random.randint(1, 40)
            ingest(store, left[:piece], batch=500 if random is None else random.randint(1, 40))
            del left[:piece]
            if random is not None and random.random() < 0.3:
                derive(store)
        derive(store)
        found = seen(store)
        rebuild(store)
        derive(store)
        assert seen(store) == found, "a rebuild gives the identical graph"
        assert as_json(body for _, body in store.bodies(limit=10_000)) <= as_json(sent)
    return found


@cache
def graph_in_order(sent: tuple[bytes, ...]) -> Any:
    """Return what a fresh store shows that took these events in one piece."""
    return graph_of(":memory:", sent, None)


WORDS = re.compile(r"[a-z]{3,}")


def seen(store: LineageStore) -> dict[str, Any]:
    """Return all that questions can see, and what is found by words of names."""
    index(store)
    shown = dump(store)
    words = sorted({word for node in shown["nodes"].values() for word in WORDS.findall(node.label.lower())})
    shown["found"] = {word: store.search(word, limit=10_000) for word in words[::20]}
    return shown


def as_json(bodies: Iterable[bytes]) -> set[str]:
    return {json.dumps(json.loads(body), sort_keys=True) for body in bodies if body.startswith(b"{")}


@pytest.mark.parametrize("seed", seeds(1, 10))
def test_any_order_of_what_real_producers_sent_gives_one_graph(place: str, seed: int) -> None:
    """PV-13: any order, with SQL read at any moment in between, and a rebuild, on both engines."""
    sent = lines(*sorted(FIXTURES.glob("*.jsonl")))
    expected = graph_in_order(tuple(sent))
    assert graph_of(place, sent, Random(seed)) == expected
    assert len(expected["edges"][EdgeKind.FEEDS]) > 10
    assert len(expected["edges"][EdgeKind.FIELD]) > 20


@pytest.mark.parametrize("raw", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["filled", "raw"])
@pytest.mark.parametrize("seed", seeds(1, 10))
def test_any_order_of_all_captured_events_gives_one_graph(
    place: str, shared: Path, seed: int, raw: bool
) -> None:
    """PV-13: all 167 events, those of templates filled or as they are, on both engines."""
    sent = all_events(shared / "events", raw=raw)
    assert len(sent) == 167
    assert graph_of(place, sent, Random(seed)) == graph_in_order(tuple(sent))


def test_of_all_captured_events_what_names_nothing_is_rejected(store: LineageStore, shared: Path) -> None:
    """Templates may leave out names, which nothing can fill; as they are most have no time either."""
    filled_in, raw = (all_events(shared / "events", raw=raw) for raw in (False, True))
    assert ingest(store, filled_in) == IngestCounts(accepted=152, duplicate=3, rejected=12)
    assert reasons(store) == {"job.name is missing", "inputs[0].name is missing"}
    assert ingest(store, raw) == IngestCounts(accepted=1, duplicate=108, rejected=58)
    assert reasons(store) == {
        "job.name is missing",
        "inputs[0].name is missing",
        "run.runId is missing",
        "eventTime is missing",
        'eventTime "..." is not a time between 1678 and 2262 such as 2026-01-31T12:00:00Z',
    }


def reasons(store: LineageStore) -> set[str]:
    found = {reason for letter in store.dead_letters(limit=200) for reason in letter.reasons}
    return {reason.replace("${json-unit.any-string}", "...") for reason in found}


def test_a_store_says_how_much_it_holds(store: LineageStore) -> None:
    ingest(store, [*lines(FIXTURES / "airflow.jsonl"), b"no event"])
    counts = store.counts()
    assert (counts.events, counts.runs, counts.jobs, counts.dead_letters) == (39, 19, 18, 1)
    assert counts.underived == 7
    assert counts.last_ingest is not None
