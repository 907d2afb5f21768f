"""Lineage and column lineage over HTTP: `lineage serve` as a process of its own on a SQLite file.

The store has a day of `made_events`: 1,000 or 10,000 jobs, each with a START and a COMPLETE, their schemas,
column lineage and SQL. Asked is by depth from jobs and datasets all over the graph, in turns: for at most 500
nodes, for as many as an answer has where nothing is said (2,000), and for all. "p50" and "p99" are the
milliseconds until the last byte of the answer is here, "CPU" the median of what the server used for one.

The first answer of each table lineage without a cut is compared with a plain walk over what was taken in.
Beside it the lineage query of Marquez's shape on PostgreSQL, for the same jobs: its query alone, without its
server and without the query for each job's runs that follows there.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from benchmarks import made_graph, marquez_walk, postgresql
from benchmarks.made_events import days
from benchmarks.made_graph import Graph
from benchmarks.made_world import Job, world
from graph import nodes, open_store
from graph.ingest import derive, index, ingest

SIZES = (1_000, 10_000)
QUICK_SIZES = (200,)
DEPTHS = (2, 5, 20)
WHOLE = 200_000
LIMITS: dict[str, int | None] = {"at most 500": 500, "as it is": None, "all": WHOLE}
ASKED = 10
"""From so many jobs and datasets."""

SECONDS = 15.0
"""How long a question is repeated."""

PATIENCE = 60
"""How many seconds the query of the peer may take."""


def main(quick: bool) -> None:
    """Print a table for each size."""
    with tempfile.TemporaryDirectory() as name, postgresql.running() as server:
        for count in QUICK_SIZES if quick else SIZES:
            path = Path(name) / f"{count}.db"
            made = fill(path, count)
            print(f"\n{count:,} jobs, {path.stat().st_size / 1e6:,.0f} MB")
            ask(path, made, 1.0 if quick else SECONDS)
            if server is not None:
                _ask_peer(server, made)


def fill(path: Path, count: int) -> list[Job]:
    """Take in a day of events, read their SQL, and return the jobs."""
    with closing(open_store(path)) as store:
        for events in days(count, 1):
            counts = ingest(store, events)
            assert counts.accepted == len(events), store.dead_letters(limit=1)
        derive(store)
        index(store)
    return world(count, random.Random(1))  # as `days` makes it


def ask(path: Path, made: Sequence[Job], seconds: float) -> None:
    """Print what each question costs a server over the store."""
    from served import serving  # of the tests, as is the PostgreSQL

    pick = random.Random(2)
    inner = [job for job in made if 2 <= job.layer <= 6]
    jobs = pick.sample(inner, min(ASKED, len(inner)))
    hops = Hops(made)
    with serving("--store", str(path)) as served:
        client = Client(served.url, served.process.pid)
        print(f"  {'':<38}{'nodes':>8}{'KB':>9}{'p50':>10}{'p99':>10}{'CPU':>10}{'asked':>7}")
        for depth in DEPTHS:
            for told, limit in LIMITS.items():
                asked = [lineage_path(job, depth, limit) for job in jobs]
                expected = hops.within(jobs[0], depth) if limit == WHOLE else None
                _row(f"lineage, depth {depth}, {told}", client, asked, seconds, expected)
        for depth in DEPTHS:
            for told, limit in LIMITS.items():
                asked = [columns_path(job, depth, limit) for job in jobs]
                _row(f"columns, depth {depth}, {told}", client, asked, seconds)


def lineage_path(job: Job, depth: int, limit: int | None) -> str:
    """Return the request for the lineage of a job."""
    return _path("lineage", nodes.job("production", job.name).id, depth, limit)


def columns_path(job: Job, depth: int, limit: int | None) -> str:
    """Return the request for the column lineage, either way, of what a job writes."""
    made = nodes.dataset(job.outputs[0].namespace, job.outputs[0].name)
    return _path("column-lineage", made.id, depth, limit) + "&withDownstream=true"


def _path(kind: str, node_id: str, depth: int, limit: int | None) -> str:
    most = "" if limit is None else f"&limit={limit}"
    return f"/api/v1/{kind}?nodeId={quote(node_id, safe='')}&depth={depth}{most}"


class Client:
    """Asks a server, over a connection for each question, and tells the CPU time of its process."""

    def __init__(self, url: str, process: int) -> None:
        self._address = urlsplit(url).netloc
        self._threads = Path(f"/proc/{process}/task")

    def get(self, path: str) -> bytes:
        """Return the body of an answer, which must be a 200."""
        with closing(http.client.HTTPConnection(self._address)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        assert answer.status == 200, body[:1000]
        return body

    def cpu(self) -> float:
        """Return the milliseconds that the server's threads have used."""
        ran = (file.read_text().split()[0] for file in self._threads.glob("*/schedstat"))
        return sum(map(int, ran)) / 1e6


@dataclass(frozen=True, slots=True)
class Hops:
    """The jobs that read and write each dataset, to walk over what was taken in."""

    jobs: dict[str, list[Job]]

    def __init__(self, made: Sequence[Job]) -> None:
        found = defaultdict(list)
        for job in made:
            for table in (*job.inputs, *job.outputs):
                found[table.name].append(job)
        object.__setattr__(self, "jobs", dict(found))

    def within(self, start: Job, depth: int) -> int:
        """Return how many jobs and datasets there are within so many jobs, either way."""
        jobs, tables, ahead = {start.name}, set[str](), [start]
        for hop in range(depth + 1):
            near = {table.name for job in ahead for table in (*job.inputs, *job.outputs)} - tables
            tables |= near
            if hop == depth or not near:
                break
            ahead = [job for name in near for job in self.jobs[name] if job.name not in jobs]
            jobs |= {job.name for job in ahead}
        return len(jobs) + len(tables)


def _row(
    label: str, client: Client, paths: Sequence[str], seconds: float, expected: int | None = None
) -> None:
    client.get(paths[-1])  # a server has answered before
    walls, spent, sizes, counts = [], [], [], []
    began = time.perf_counter()
    for turn in range(1000):
        if turn >= 3 and time.perf_counter() - began > seconds:
            break
        cpu, wall = client.cpu(), time.perf_counter()
        body = client.get(paths[turn % len(paths)])
        walls.append((time.perf_counter() - wall) * 1000)
        spent.append(client.cpu() - cpu)
        sizes.append(len(body) / 1000)
        if turn < len(paths):
            counts.append(_checked(body, expected if turn == 0 else None))
    at = partial(_at, walls)
    middle = statistics.median
    told = (middle(counts), middle(sizes), at(50), at(99), middle(spent), len(walls))
    print("  {:<38}{:>8,.0f}{:>9,.0f}{:>10,.1f}{:>10,.1f}{:>10,.1f}{:>7}".format(label, *told), flush=True)


def _checked(body: bytes, expected: int | None) -> int:
    """Return how many nodes an answer has."""
    answer = json.loads(body)
    found = len(answer["graph"])
    assert expected is None or found == expected, f"{found} nodes, not {expected}"
    return found


def _at(times: Sequence[float], percent: int) -> float:
    return sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]


def _ask_peer(server: postgresql.Server, made: Sequence[Job]) -> None:
    """Print what the query of Marquez's shape takes, from one of the jobs."""
    pick = random.Random(2)
    inner = [job for job in made if 2 <= job.layer <= 6]
    start = nodes.job("production", pick.sample(inner, min(ASKED, len(inner)))[0].name).key
    with marquez_walk.walking(server, _graph_of(made), PATIENCE) as walk:
        for depth in DEPTHS:
            label = f"Marquez's query alone, depth {depth}"
            cost = _cost(partial(walk, start, depth), server)
            if cost is None:
                print(f"  {label:<38}{'more than ' + format(PATIENCE * 1000, ',') + ' ms':>37}", flush=True)
                break
            jobs, wall, cpu = cost
            print(f"  {label:<38}{jobs:>8,}{'jobs':>9}{wall:>10,.1f}{'':>10}{cpu:>10,.1f}", flush=True)


def _cost(query: Callable[[], int | None], server: postgresql.Server) -> tuple[int, float, float] | None:
    """Return the jobs that a query found, its wall time and its CPU; None where it takes too long."""
    cpu, wall = server.cpu(), time.perf_counter()
    found = query()
    wall, cpu = time.perf_counter() - wall, server.cpu() - cpu
    return None if found is None else (found, wall * 1000, cpu * 1000)


def _graph_of(made: Sequence[Job]) -> Graph:
    """Return jobs and datasets as the peer takes them."""
    graph = Graph("a day")
    for job in made:
        inputs, outputs = (
            [made_graph.add_dataset(graph, table.name, table.namespace) for table in side]
            for side in (job.inputs, job.outputs)
        )
        for output in outputs:
            made_graph.add_job(graph, job.name, inputs, output)
    return graph
