"""Closures on large graphs and awkward ones: the store, our whole answer, and plain networkx beside it.

"store" is the recursive query alone, "answer" all of `downstream(store, node)`, "networkx" is
`nx.descendants` on a graph that is already loaded ("load" says what that loading costs).
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import networkx as nx

from graph import nodes, open_store
from graph.queries import downstream, upstream
from graph.records import Direction, EdgeKind

LAYERS, FIELDS = 12, 12
Edges = list[tuple[EdgeKind, nodes.Node, nodes.Node]]


def layered(total: int) -> Edges:
    """Return a warehouse of about `total` edges: layers of datasets, some of them hubs, with their fields."""
    pick = random.Random(total)
    width = max(2, total // (20 * LAYERS))
    edges: Edges = []
    for layer in range(1, LAYERS):
        for place in range(width):
            sources = {0 if pick.random() < 0.1 else pick.randrange(width) for _ in range(pick.randint(1, 3))}
            for source in sources:
                edges.append((EdgeKind.FEEDS, _table(layer - 1, source), _table(layer, place)))
            for column in range(FIELDS):
                for source in pick.sample(sorted(sources), k=pick.randint(1, len(sources))):
                    origin = _column(layer - 1, source, pick.randrange(FIELDS))
                    edges.append((EdgeKind.FIELD, origin, _column(layer, place, column)))
    return edges


def _table(layer: int, place: int) -> nodes.Node:
    return nodes.dataset("bench", f"layer{layer}.table{place}")


def _column(layer: int, place: int, column: int) -> nodes.Node:
    return nodes.field("bench", f"layer{layer}.table{place}", f"column{column}")


def chain(length: int) -> Edges:
    """Return one dataset behind another."""
    return [(EdgeKind.FEEDS, _table(n, 0), _table(n + 1, 0)) for n in range(length)]


def cycle(length: int) -> Edges:
    """Return a chain whose end feeds its beginning."""
    return [*chain(length), (EdgeKind.FEEDS, _table(length, 0), _table(0, 0))]


def ladder(steps: int) -> Edges:
    """Return pairs of datasets, each fed by both of the pair before: 2^steps paths."""
    rungs = [(n, a, b) for n in range(steps) for a in (0, 1) for b in (0, 1)]
    return [(EdgeKind.FEEDS, _table(n, a), _table(n + 1, b)) for n, a, b in rungs]


def load(path: Path, edges: Edges) -> None:
    """Write a graph straight into the tables of a new store; ingest is measured elsewhere."""
    open_store(path).close()
    job = nodes.job("bench", "job")
    ends = {node for _, source, target in edges for node in (source, target)}
    tables = {nodes.dataset(node.namespace, node.name) for node in ends}
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO node (key, type, namespace, name, reversed) VALUES (?, ?, ?, ?, ?)",
            [
                *((node.key, 1, node.namespace, node.name, node.name[::-1]) for node in tables),
                (job.key, 3, job.namespace, job.name, job.name[::-1]),
            ],
        )
        database.executemany(
            "INSERT INTO node (key, type, dataset, field) VALUES (?, 2, ?, ?)",
            ((n.key, nodes.dataset(n.namespace, n.name).key, n.field) for n in ends if n.field is not None),
        )
        database.executemany(
            "INSERT INTO edge (kind, source, target, owner, transformation) VALUES (?, ?, ?, ?, 0)",
            sorted((int(kind), source.key, target.key, job.key) for kind, source, target in edges),
        )
    database.close()


def milliseconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the median wall time of some work."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def measure(
    folder: Path, name: str, edges: Edges, starts: Iterable[tuple[str, nodes.Node]], repeats: int
) -> None:
    """Load a graph, ask from each start, and print a row a question."""
    path = folder / f"{name}.db"
    load(path, edges)
    graph: nx.DiGraph[int] = nx.DiGraph()
    seconds = milliseconds(lambda: graph.add_edges_from((a.key, b.key) for _, a, b in edges), 1) / 1000
    size = path.stat().st_size / len(edges)
    print(f"\n{name}: {len(edges):,} edges, {size:.0f} bytes an edge, load {seconds:.2f} s")
    print(f"  {'from':<22}{'reached':>9}{'store ms':>11}{'answer ms':>11}{'networkx ms':>13}{'ratio':>8}")
    store = open_store(path)
    for label, node in starts:
        kind = EdgeKind.FIELD if node.field is not None else EdgeKind.FEEDS
        expected = nx.descendants(graph, node.key) | {node.key}
        answer = downstream(store, node)
        reached = {one.node.key for one in answer.nodes if one.node.type is node.type}
        assert reached == expected, f"{label}: {len(reached)} nodes, networkx finds {len(expected)}"
        ours = milliseconds(lambda node=node: downstream(store, node), repeats)
        bare = milliseconds(lambda n=node, k=kind: store.closure([n.key], k, Direction.DOWNSTREAM), repeats)
        peer = milliseconds(lambda node=node: nx.descendants(graph, node.key), repeats)
        print(f"  {label:<22}{len(reached):>9,}{bare:>11.2f}{ours:>11.2f}{peer:>13.2f}{ours / peer:>8.1f}")
    back = upstream(store, edges[-1][2])
    print(f"  upstream of {edges[-1][2].label}: {len(back.nodes):,} nodes")
    store.close()


def main(quick: bool) -> None:
    """Print the table for each graph."""
    repeats = 3 if quick else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = [("the first", _table(0, 0))]
        measure(folder, "cycle", cycle(1000), one, repeats)
        measure(folder, "ladder", ladder(22), one, repeats)
        measure(folder, "chain", chain(100_000), one, min(repeats, 3))
        for total in (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000):
            middle = LAYERS // 2
            starts = [
                ("a typical dataset", _table(middle, 1)),
                ("a typical field", _column(middle, 1, 1)),
                ("a hub dataset", _table(middle, 0)),
                ("a hub field", _column(middle, 0, 1)),
                ("the root hub", _table(0, 0)),
                ("a root field", _column(0, 0, 1)),
            ]
            measure(folder, f"layered-{total}", layered(total), starts, repeats)
