"""The lineage query of Marquez's shape beside ours, on the same jobs and datasets in one PostgreSQL.

The shape is that of a walk over jobs which share a dataset, whichever way: each call gathers what every job
reads and writes into arrays, joins by their overlap, which no index helps, and a row is new again at every
depth. Ours answers "upstream" and "downstream" to the same depth, and does the same undirected walk in the
way `lineage serve` does it for Marquez's clients: its jobs have to be the same. All is CPU time, of the
server and of this process together: neighbours on the machine count in neither side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from benchmarks import made_graph
from benchmarks.made_graph import Graph
from benchmarks.postgresql import Server
from graph import open_store
from graph.nodes import Node
from graph.queries import downstream, upstream
from graph.records import EdgeKind
from graph.store import LineageStore

if TYPE_CHECKING:
    import psycopg

TABLES = """
CREATE TABLE jobs (uuid uuid PRIMARY KEY, name text NOT NULL, hidden boolean NOT NULL DEFAULT false);
CREATE TABLE job_versions_io_mapping (job_uuid uuid, dataset_uuid uuid, io_type text,
    is_current_job_version boolean, PRIMARY KEY (job_uuid, dataset_uuid, io_type));
CREATE INDEX ON job_versions_io_mapping (dataset_uuid);
"""
QUERY = """
WITH RECURSIVE touched AS (
    SELECT m.job_uuid, array_agg(DISTINCT m.dataset_uuid) AS datasets
    FROM job_versions_io_mapping m JOIN jobs j ON j.uuid = m.job_uuid
    WHERE m.is_current_job_version AND NOT j.hidden
    GROUP BY m.job_uuid
), walked (job_uuid, datasets, depth) AS (
    SELECT job_uuid, datasets, 0 FROM touched WHERE job_uuid = %s
    UNION
    SELECT t.job_uuid, t.datasets, w.depth + 1
    FROM touched t JOIN walked w ON t.datasets && w.datasets AND t.job_uuid <> w.job_uuid
    WHERE w.depth < %s
)
SELECT job_uuid, min(depth) FROM walked GROUP BY job_uuid
"""
DEPTHS = (1, 2, 3, 5, 20)
PATIENCE_SECONDS = 600
_ALL = 2**31


def compare(server: Server, graph: Graph, with_ours: bool, deepest: int) -> None:
    """Print what each takes by depth, from a job of the middle of the graph."""
    with _loaded(server, graph, PATIENCE_SECONDS) as connection:
        store = _store(server, graph) if with_ours else None
        print(f"\nMarquez's shape on PostgreSQL: {len(graph.jobs):,} jobs; ms of CPU, server and client")
        print(f"  {'depth':<8}{'jobs':>8}{'its query':>12}", end="")
        print(f"{'same walk':>12}{'ratio':>9}{'up + down':>12}{'ratio':>9}")
        job = _middle_job(graph)
        for depth in (depth for depth in DEPTHS if depth <= deepest):
            _row(server, connection, store, graph.jobs[job], job, depth)
        if store is not None:
            store.close()


@contextmanager
def walking(server: Server, graph: Graph, patience: int) -> Iterator[Callable[[int, int], int | None]]:
    """Give what asks the query for a job, by its key, and a depth, and returns how many jobs it finds.

    None where it takes longer than `patience` seconds.
    """
    import psycopg

    with _loaded(server, graph, patience) as connection:

        def ask(job: int, depth: int) -> int | None:
            try:
                return len(connection.execute(QUERY, (UUID(int=job), depth)).fetchall())
            except psycopg.errors.QueryCanceled:
                return None

        yield ask


@contextmanager
def _loaded(server: Server, graph: Graph, patience: int) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database that has the graph, until it is dropped."""
    import psycopg

    with psycopg.connect(server.new_database("marquez_walk"), autocommit=True) as connection:
        _load(connection, graph)
        connection.execute(f"SET statement_timeout = '{patience}s'".encode())
        yield connection
    server.drop_database("marquez_walk")


def _store(server: Server, graph: Graph) -> LineageStore:
    url = server.new_database("walked")
    made_graph.load_postgresql(url, graph)
    return open_store(url)


def _load(connection: psycopg.Connection[Any], graph: Graph) -> None:
    connection.execute(TABLES.encode())
    with connection.cursor().copy("COPY jobs (uuid, name) FROM STDIN") as copy:
        for key, node in graph.jobs.items():
            copy.write_row((UUID(int=key), node.name))
    pairs = [
        (job, dataset, side)
        for side, kind in (("INPUT", EdgeKind.READS), ("OUTPUT", EdgeKind.WRITES))
        for source, targets in graph.below[kind].items()
        for target in targets
        for job, dataset in [(target, source) if side == "INPUT" else (source, target)]
    ]
    with connection.cursor().copy("COPY job_versions_io_mapping FROM STDIN") as copy:
        for job, dataset, side in pairs:
            copy.write_row((UUID(int=job), UUID(int=dataset), side, True))
    connection.execute("VACUUM ANALYZE")


def _middle_job(graph: Graph) -> int:
    made = [
        (dataset, job) for dataset, job in graph.made_by.items() if dataset in graph.below[EdgeKind.FEEDS]
    ]
    return made[len(made) // 2][1]


def _row(
    server: Server,
    connection: psycopg.Connection[Any],
    store: LineageStore | None,
    node: Node,
    job: int,
    depth: int,
) -> None:
    asked = (UUID(int=job), depth)
    theirs, rows = _milliseconds(server, lambda: connection.execute(QUERY, asked).fetchall(), 3)
    line = f"  {depth:<8}{len(rows):>8,}{theirs:>12,.1f}"
    if store is not None:
        walk, jobs = _milliseconds(server, lambda: _same_walk(store, job, depth), 30)
        assert jobs == {each.int for each, _ in rows}, "the walks differ"
        ours, _ = _milliseconds(
            server, lambda: (upstream(store, node, depth=depth), downstream(store, node, depth=depth)), 30
        )
        line += f"{walk:>12,.2f}{theirs / walk:>8,.0f}x{ours:>12,.2f}{theirs / ours:>8,.0f}x"
    print(line, flush=True)


def _same_walk(store: LineageStore, job: int, depth: int) -> set[int]:
    """Return the jobs that share datasets with the job, or with others on the way.

    Other than the query it also gets their names, their datasets, and which job reads and writes what.
    """
    found = store.catalog.neighbourhood(job, depth=depth, limit=_ALL, counted=_ALL)
    return set(found.jobs)


def _milliseconds(server: Server, work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the mean CPU time and the last answer; what takes longer than ten seconds is done once."""
    answer = work()  # which plans and reads what the next have ready
    done, used, began = 0, server.cpu() + time.process_time(), time.perf_counter()
    while done < repeats and time.perf_counter() - began < 10:
        answer = work()
        done += 1
    return (server.cpu() + time.process_time() - used) / done * 1000, answer
