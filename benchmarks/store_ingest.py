"""What it costs to take in an event: SQLite (synchronous FULL) and PostgreSQL, by events a commit.

The events of one day of 1,000 jobs go into a store that has the days before ("known": the steady state), or
into an empty one ("cold": every job is new). A batch of 1 is one commit an event. The peer on PostgreSQL is a
write of Marquez's shape into a database that has the days before too. CPU is that of this process and, behind
the plus, of all processes of the server. Both engines wait for the disk at each commit.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import postgresql
from benchmarks.made_events import JOBS, days
from benchmarks.marquez_shape import MarquezShape
from benchmarks.postgresql import Server
from graph import open_store
from graph.ingest import ingest

BATCHES = (1, 10, 64, 256)
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds an event."""

    own: float
    server: float
    wall: float

    @property
    def cpu(self) -> float:
        return self.own + self.server


Costs = dict[str, list[Cost]]
"""The cost in each round, by what was measured."""


def main(quick: bool) -> None:
    """Print a table for each engine, and the ratios that count."""
    jobs, rounds = (100, 1) if quick else (JOBS, ROUNDS)
    made = list(days(jobs, 1 + rounds))
    print(f"  {len(made[0]):,} events of {jobs:,} jobs a round, {rounds} rounds; microseconds an event")
    with tempfile.TemporaryDirectory() as name:
        _show("SQLite, synchronous FULL", costs := _on_sqlite(Path(name), made))
        _show_ratio(costs, "known, 1 a commit", "known, 256 a commit", "3 x by CPU, 6 x by wall")
        _show_ratio(costs, "cold, 1 a commit", "cold, 256 a commit")
    with postgresql.running(fsync=True) as server:
        if server is None:
            return
        costs = _on_postgresql(server, made) if postgresql.takes_postgresql(server) else defaultdict(list)
        peer = f"Marquez's shape, {_of_marquez_shape(server, made, costs):.1f} statements"
    _show("PostgreSQL", costs)
    if len(costs) > 1:
        _show_ratio(costs, "known, 1 a commit", "known, 256 a commit")
        _show_ratio(costs, peer, "known, 256 a commit", "40 x by CPU")


def _measure(work: Callable[[], object], events: int, server: Server | None = None) -> Cost:
    if server is not None:
        server.settle()
    before = server.cpu() if server is not None else 0.0
    own, wall = time.process_time(), time.perf_counter()
    work()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    of_server = server.cpu() - before if server is not None else 0.0
    return Cost(*(part / events * 1e6 for part in (own, of_server, wall)))


def _take_in(
    location: str | Path, events: list[bytes], batch: int = BATCHES[-1], server: Server | None = None
) -> Cost:
    """Ingest events into a store that is open already and return what that cost."""
    with closing(open_store(location)) as store:
        cost = _measure(partial(ingest, store, events, batch=batch), len(events), server)
        assert store.counts().events >= len(events), store.dead_letters(limit=1)
    return cost


def _turns(made: list[list[bytes]]) -> Iterator[tuple[int, list[bytes], int]]:
    """Yield each round's number and events with each batch size, the sizes in turns."""
    for turn, events in enumerate(made[1:]):
        for batch in BATCHES:
            yield turn, events, batch


def _on_sqlite(folder: Path, made: list[list[bytes]]) -> Costs:
    costs: Costs = defaultdict(list)
    base = folder / "known.db"
    _take_in(base, made[0])
    latest = 0
    for turn, events, batch in _turns(made):
        if turn > latest:
            _take_in(base, made[latest := turn])
        for kind in ("known", "cold"):
            path = folder / f"{kind}-{turn}-{batch}.db"
            if kind == "known":
                shutil.copy(base, path)
            else:
                open_store(path).close()
            costs[f"{kind}, {batch} a commit"].append(_take_in(path, events, batch))
            path.unlink()
    return costs


def _on_postgresql(server: Server, made: list[list[bytes]]) -> Costs:
    costs: Costs = defaultdict(list)
    empty, base = server.new_database("cold"), server.new_database("known")
    open_store(empty).close()
    _take_in(base, made[0])
    latest = 0
    for turn, events, batch in _turns(made):
        if turn > latest:
            _take_in(base, made[latest := turn])
        for kind in ("known", "cold"):
            url = server.new_database("measured", like=kind)
            costs[f"{kind}, {batch} a commit"].append(_take_in(url, events, batch, server))
            server.drop_database("measured")
    return costs


def _of_marquez_shape(server: Server, made: list[list[bytes]], costs: Costs) -> float:
    """Add the peer's costs, of the rounds after the first day, and return its statements an event."""
    import psycopg

    with psycopg.connect(server.new_database("marquez_shape"), autocommit=True) as connection:
        peer = MarquezShape(connection)
        peer.create()

        def write(events: list[bytes]) -> None:
            for event in events:
                peer.write(event)

        write(made[0])
        measured = [_measure(partial(write, events), len(events), server) for events in made[1:]]
        total = sum(map(len, made))
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    each = peer.statements / total
    costs[f"Marquez's shape, {each:.1f} statements"] = measured
    if row is not None:
        print(f"  Marquez's shape takes {row[0] / total:,.0f} bytes an event, after {total:,} events")
    return each


def _show(engine: str, costs: Costs) -> None:
    print(
        f"\n{engine}\n  {'':<36}{'CPU':>8}{'own + server':>16}{'wall':>9}{'wall from - to':>18}{'per s':>9}"
    )
    for name, each in costs.items():
        middle = _median(each)
        walls = [cost.wall for cost in each]
        parts = f"{middle.own:,.0f} + {middle.server:,.0f}"
        spread, speed = f"{min(walls):,.0f} - {max(walls):,.0f}", 1e6 / middle.wall
        print(f"  {name:<36}{middle.cpu:>8,.0f}{parts:>16}{middle.wall:>9,.0f}{spread:>18}{speed:>9,.0f}")


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, part) for cost in costs) for part in Cost.__slots__))


def _show_ratio(costs: Costs, slow: str, fast: str, goal: str = "") -> None:
    one, other = _median(costs[slow]), _median(costs[fast])
    wanted = f" (goal: {goal})" if goal else ""
    cpu, wall = one.cpu / other.cpu, one.wall / other.wall
    print(f"  {fast} over {slow}: {cpu:.1f} x by CPU, {wall:.1f} x by wall{wanted}")
