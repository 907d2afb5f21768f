"""Diagnosis on a graph of 100,000 nodes whose tables all have a past: the whole answer and its parts.

"trace" is the way to the sources alone, "upstream" our answer to that question about the same node, "answer"
all of `diagnose_metric`: trace, past, facts and suspects.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from graph import nodes, open_store
from graph.queries import diagnose_metric, upstream
from graph.queries.diagnosis.tracing import trace
from graph.queries.draft import Draft
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store.history import Observed
from graph.store.runs import run_key

LAYERS, FIELDS, RUNS = 12, 12, 12
DAY = 86_400 * 10**9
_LISTED = 1


def _table(layer: int, place: int) -> nodes.Node:
    return nodes.dataset("bench", f"layer{layer}.table{place}")


def _column(layer: int, place: int, column: int) -> nodes.Node:
    return nodes.field("bench", f"layer{layer}.table{place}", f"column{column}")


def load(path: Path, width: int) -> int:
    """Write layers of tables, each with a job and its daily runs, and return how many nodes there are."""
    open_store(path).close()
    pick = random.Random(width)
    with sqlite3.connect(path) as database:
        count = 0
        for layer in range(LAYERS):
            for place in range(width):
                sources = sorted({pick.randrange(width) for _ in range(pick.randint(1, 2))}) if layer else []
                count += _load_table(database, pick, layer, place, sources)
        database.execute("INSERT INTO latest VALUES (0, ?)", ((RUNS + 1) * DAY,))
    database.close()
    return count


def _load_table(
    database: sqlite3.Connection, pick: random.Random, layer: int, place: int, sources: list[int]
) -> int:
    table, job = _table(layer, place), nodes.job("bench", f"job{layer}.{place}")
    columns = [_column(layer, place, number) for number in range(FIELDS)]
    database.executemany(
        "INSERT INTO node (key, type, namespace, name, reversed, named) VALUES (?, ?, ?, ?, ?, 1)",
        [(n.key, type_, n.namespace, n.name, n.name[::-1]) for n, type_ in ((table, 1), (job, 3))],
    )
    database.executemany(
        "INSERT INTO node (key, type, dataset, field, named) VALUES (?, 2, ?, ?, 2)",
        [(column.key, table.key, column.field) for column in columns],
    )
    edges = {(int(EdgeKind.WRITES), job.key, table.key)}
    for source in sources:
        edges.add((int(EdgeKind.FEEDS), _table(layer - 1, source).key, table.key))
        for column in columns:
            origin = _column(layer - 1, source, pick.randrange(FIELDS))
            edges.add((int(EdgeKind.FIELD), origin.key, column.key))
    database.executemany(
        "INSERT INTO edge (kind, source, target, owner, transformation, origin)"
        " SELECT ?, s.number, t.number, o.number, 0, 0 FROM node AS s, node AS t, node AS o"
        " WHERE s.key = ? AND t.key = ? AND o.key = ?",
        [(*edge, job.key) for edge in edges],
    )
    shape = job.key
    database.execute("INSERT INTO shape (key, owner, waiting) VALUES (?, ?, 0)", (shape, job.key))
    database.execute("INSERT INTO shape_set VALUES (?, ?)", (shape, shape))
    database.execute(
        "INSERT INTO shape_edge VALUES (?, ?, ?, ?, ?, 0, 0)",
        (shape, _LISTED, int(EdgeKind.WRITES), job.key, table.key),
    )
    _load_runs(database, pick, table.key, job.key)
    return 2 + len(columns)


def _load_runs(database: sqlite3.Connection, pick: random.Random, table: int, job: int) -> None:
    rows = []
    for day in range(1, RUNS + 1):
        begin = day * DAY + pick.randrange(DAY // 10)
        run_id = f"{job}-{day}"
        rows.append((run_key(run_id), run_id, begin, begin + pick.randrange(50, 60) * 10**9))
    database.executemany(
        "INSERT INTO run (key, run_id, job, job_time, first_time, state, started_at, ended_at,"
        " is_window)"
        f" VALUES (?, ?, {job}, 0, ?, 'COMPLETE', ?, ?, 0)",
        [(key, run_id, begin, begin, end) for key, run_id, begin, end in rows],
    )
    database.executemany(
        f"INSERT INTO job_run VALUES (?, {job}, ?, ?, 1, 1, {job})",
        [(key, key, begin) for key, _, begin, _ in rows],
    )
    database.executemany(
        f"INSERT INTO observation VALUES (?, {table}, {int(Observed.STATISTICS)}, ?, ?)",
        [(key, end, f"[{pick.randrange(900, 1100)},null]".encode()) for key, _, _, end in rows],
    )


def _traced(store: LineageStore, node: nodes.Node) -> object:
    return trace(store, Draft(), [node])


def milliseconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the median wall time of some work."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main(quick: bool) -> None:
    """Print a row for each node that is asked about."""
    width, repeats = (60, 3) if quick else (600, 7)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "lineage.db"
        total = load(path, width)
        store = open_store(path)
        print(f"\n{total:,} nodes, {LAYERS * width * RUNS:,} runs, {path.stat().st_size / 1e6:.0f} MB")
        print(f"  {'from':<26}{'tables':>8}{'trace ms':>10}{'upstream ms':>13}{'answer ms':>11}{'ratio':>7}")
        for layer in (2, 4, 8, LAYERS - 1):
            for label, node in (("a field", _column(layer, 1, 1)), ("a table", _table(layer, 1))):
                found = diagnose_metric(store, node)
                assert found.datasets, "nothing was traced"
                bare = milliseconds(partial(_traced, store, node), repeats)
                peer = milliseconds(partial(upstream, store, node), repeats)
                ours = milliseconds(partial(diagnose_metric, store, node), repeats)
                row = f"  {f'{label} of layer {layer}':<26}{len(found.datasets):>8}{bare:>10.1f}{peer:>13.1f}"
                print(f"{row}{ours:>11.1f}{ours / peer:>7.1f}")
        store.close()
