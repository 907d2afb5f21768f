"""Writers, readers and followers in processes of their own, and kills: nothing is lost, doubled or mixed."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

import psycopg
import pytest
from altered_logs import findings_of
from ingesting import Started, start
from made_events import dump, run_id
from using_one_store import read, write

from graph import open_store
from graph.ingest import derive, rebuild


@dataclass
class Writer:
    """A writer that is started again after a kill, and what it told."""

    place: str
    number: int
    kept: set[int] = field(default_factory=set)
    in_flight: set[int] = field(default_factory=set)
    kills: int = 0
    started: Started | None = None

    def begin(self) -> None:
        """Start it: every second time it sends again what was in flight when it was killed."""
        done = self.kept if self.kills % 2 else self.kept | self.in_flight
        first = max(done, default=-1) + 1
        self.started = start(write, self.place, self.number, first, 100 * self.number + self.kills)

    def hear(self, told: tuple[str, int, int]) -> None:
        """Note what it told."""
        (self.kept if told[0] == "kept" else self.in_flight).update(range(*told[1:]))

    def kill(self) -> None:
        assert self.started is not None
        for told in self.started.kill():
            self.hear(told)
        self.kills += 1


def run_them(place: str, seconds: float, between_kills: float) -> tuple[list[Writer], list[Any]]:
    """Run two writers, killed and started again in turn, and four readers; return what they told."""
    open_store(place).close()
    writers = [Writer(place, number) for number in (1, 2)]
    for writer in writers:
        writer.begin()
    readers = [start(read, place, seed) for seed in range(4)]
    end = time.monotonic() + seconds
    next_kill = time.monotonic() + between_kills
    while (now := time.monotonic()) < end:
        hear(writers, min(end, next_kill) - now)
        assert all(reader.process.is_alive() for reader in readers), "a reader failed"
        if now >= next_kill:
            next_kill += between_kills
            victim = min(writers, key=lambda writer: writer.kills)
            victim.kill()
            victim.begin()
    for writer in writers:
        assert writer.started is not None
        writer.started.told.send("stop")
        for told in ended(writer.started):
            writer.hear(told)
    for reader in readers:
        reader.told.send("stop")
    return writers, [ended(reader)[-1] for reader in readers]


def hear(writers: list[Writer], seconds: float) -> None:
    by_pipe = {writer.started.told: writer for writer in writers if writer.started is not None}
    for told in wait(list(by_pipe), max(0, seconds)):
        by_pipe[told].hear(told.recv())  # type: ignore[union-attr, index]


def ended(started: Started) -> list[Any]:
    """Wait for a process to end by itself; return what it told last."""
    found = []
    try:
        while True:
            found.append(started.told.recv())
    except EOFError:
        started.process.join()
    assert started.process.exitcode == 0, "a process failed"
    return found


@pytest.mark.parametrize(
    ("seconds", "between_kills"),
    [
        pytest.param(20, 4, marks=pytest.mark.slow),
        pytest.param(120, 10, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_writers_of_which_one_is_killed_and_readers_at_once_lose_and_mix_nothing(
    place: str, seconds: float, between_kills: float
) -> None:
    """PV-13: every acknowledged event once, nothing else but what was in flight; followers miss nothing."""
    writers, told = run_them(place, seconds, between_kills)
    assert sum(writer.kills for writer in writers) > seconds / between_kills / 3
    with closing(open_store(place)) as store:
        in_order = [json.loads(body)["run"]["runId"] for _, body in store.bodies(limit=1_000_000)]
        assert all(followed == in_order for _, followed in told), "a follower saw another log"
        assert min(asked for asked, _ in told) > 0
        found = Counter(in_order)
        assert set(found.values()) == {1}, "an event is kept twice"
        for writer in writers:
            acknowledged, perhaps = (
                {run_id(f"{writer.number}-{number}") for number in numbers}
                for numbers in (writer.kept, writer.in_flight)
            )
            assert acknowledged <= found.keys(), "an acknowledged event is lost"
            for run in perhaps:
                del found[run]
        assert not found, "an event nobody sent"
        assert findings_of(store) == []
        derive(store)
        before = dump(store)
        rebuild(store)
        derive(store)
        assert dump(store) == before
    assert deadlocks(place) == 0


def deadlocks(place: str) -> int:
    """Return how many deadlocks the server has found; files have none."""
    if "://" not in place:
        return 0
    with psycopg.connect(place, autocommit=True) as connection:
        row = connection.execute("SELECT sum(deadlocks) FROM pg_stat_database").fetchone()
    assert row is not None
    return int(row[0])
