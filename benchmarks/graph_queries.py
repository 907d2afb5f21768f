"""Questions to graphs of 10,000 to 5,000,000 edges, from ordinary nodes, hubs and the root, on both stores.

"store" is what the question needs of the store alone, a recursive query or a walk by levels with its edges as
records; "answer" all of `graph.queries`: names, jobs, the walk on networkx, the order. Milliseconds of wall
time and, as "CPU", the median of this process's own and of what PostgreSQL's serves it with, which neighbours
on the machine disturb less. Graphs are written straight into the tables: by events 5,000,000 edges would take
hours. Typical nodes are 200 different ones of a middle
layer that feed others, the hub is the one whose answer has about 14,000 nodes at 1,000,000 edges, and the
root feeds nearly everything. What is reached is compared with a plain walk over the edges that were loaded.
The lineage query of Marquez's shape is asked beside ours.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import made_graph, marquez_walk, postgresql
from benchmarks.made_graph import Graph, layered
from graph import open_store
from graph.nodes import Node, NodeType
from graph.queries import downstream, impact, path, upstream
from graph.queries.answer import Answer
from graph.records import Direction, EdgeKind
from graph.store import LineageStore

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
QUICK_SIZES = (10_000, 100_000)
WALKED = 100_000
"""The edges of the graph that Marquez's shape is asked about: 1,600 jobs."""

HUB = 0.014
"""The part of the graph that a hub reaches: nodes of the answer for each edge."""

TYPICAL = 200
SECONDS = 10.0
"""How long a question is repeated, beyond the first time."""

LARGEST = 100_000
"""From nodes that reach more only the store's part is measured: such answers are not for people."""

UP, DOWN = Direction.UPSTREAM, Direction.DOWNSTREAM
Ask = Callable[[LineageStore, Node], Any]
T = TypeVar("T")


def main(quick: bool) -> None:
    """Print a table for each graph on each store."""
    with tempfile.TemporaryDirectory() as name, postgresql.running() as server:
        ours = server if server is not None and postgresql.takes_postgresql(server) else None
        for graph in (_cycle(1000), _ladder(22), _chain(10_000 if quick else 100_000)):
            _ask_awkward(Path(name), graph)
        for total in QUICK_SIZES if quick else SIZES:
            graph = layered(total)
            starts = _starts(graph)
            gc.collect()
            gc.freeze()  # what holds the graph here is no part of what a program that asks has in memory
            _ask_sqlite(Path(name), graph, starts, quick)
            if ours is not None:
                _ask_postgresql(ours, graph, starts, quick)
            if server is not None and total == WALKED:
                marquez_walk.compare(server, graph, ours is not None, 5 if quick else 20)
            gc.unfreeze()


def _feeds(name: str, pairs: Sequence[tuple[int, int]]) -> Graph:
    return made_graph.of_feeds(name, pairs)


def _chain(length: int) -> Graph:
    return _feeds("one behind another", [(n, n + 1) for n in range(length)])


def _cycle(length: int) -> Graph:
    return _feeds("a circle", [(n, (n + 1) % length) for n in range(length)])


def _ladder(steps: int) -> Graph:
    rungs = [(2 * n + a, 2 * n + 2 + b) for n in range(steps) for a in (0, 1) for b in (0, 1)]
    return _feeds(f"a ladder of 2^{steps} paths", rungs)


def _ask_awkward(folder: Path, graph: Graph) -> None:
    location = folder / "awkward.db"
    made_graph.load_sqlite(location, graph)
    start = next(iter(graph.datasets.values()))
    with closing(open_store(location)) as store:
        turns = [_spend(partial(downstream, store, start)) for _ in range(3)]
    answer = turns[0][1]
    _check(graph, start, answer)
    location.unlink()
    middle = _at([spent.wall for spent, _ in turns], 50)
    print(f"  {graph.name:<28}{len(answer.nodes):>9,} nodes{middle:>10,.1f} ms")


def _starts(graph: Graph) -> dict[str, list[Node]]:
    """Return the nodes that are asked about: datasets and fields, typical ones, a hub and the root."""
    pick = random.Random(1)
    feeds, fields = graph.below[EdgeKind.FEEDS], graph.below[EdgeKind.FIELD]
    middle = [
        key for key, node in graph.datasets.items() if node.name.startswith("layer_5.") and key in feeds
    ]
    widest = sorted(feeds, key=lambda key: -len(feeds[key]))[:40]
    inside, wide = set(middle), set(widest[1:20])
    inner = [key for key, (dataset, _) in graph.fields.items() if dataset in inside and key in fields]
    of_widest = [key for key, (dataset, _) in graph.fields.items() if dataset in wide]
    of_root = [key for key, (dataset, _) in graph.fields.items() if dataset == widest[0]]
    wanted = int(HUB * graph.size())
    hub = min(widest[1:], key=lambda key: abs(2 * graph.reach(key, EdgeKind.FEEDS) - wanted))
    hub_field = min(of_widest, key=lambda key: abs(graph.reach(key, EdgeKind.FIELD, 2 * wanted) - wanted))
    root_field = max(of_root, key=lambda key: len(fields.get(key, ())))
    keys = {
        "typical": pick.sample(middle, min(TYPICAL, len(middle))),
        "typical field": pick.sample(inner, min(TYPICAL, len(inner))),
        "hub": [hub],
        "hub field": [hub_field],
        "root": [widest[0]],
        "root field": [root_field],
    }
    return {label: [graph.node(key) for key in chosen] for label, chosen in keys.items()}


def _ask_sqlite(folder: Path, graph: Graph, starts: dict[str, list[Node]], quick: bool) -> None:
    location = folder / "lineage.db"
    began = time.perf_counter()
    made_graph.load_sqlite(location, graph)
    taken, size = time.perf_counter() - began, location.stat().st_size / graph.size()
    print(
        f"\n{graph.name} edges on SQLite: {_told(graph)}, {size:.0f} bytes an edge, loaded in {taken:.0f} s"
    )
    with closing(open_store(location)) as store:
        _ask_all(store, graph, starts, quick)
    location.unlink()


def _ask_postgresql(
    server: postgresql.Server, graph: Graph, starts: dict[str, list[Node]], quick: bool
) -> None:
    url = server.new_database("graph")
    began = time.perf_counter()
    made_graph.load_postgresql(url, graph)
    taken = time.perf_counter() - began
    print(f"\n{graph.name} edges on PostgreSQL: {_told(graph)}, loaded in {taken:.0f} s")
    with closing(open_store(url)) as store:
        _ask_all(store, graph, starts, quick, server.cpu_of_connection("graph"))
    server.drop_database("graph")


def _told(graph: Graph) -> str:
    fields = graph.size(EdgeKind.FIELD)
    held = len(graph.datasets) + len(graph.fields) + len(graph.jobs)
    return f"{graph.size():,} edges, {fields:,} between fields; {held:,} nodes, {len(graph.jobs):,} jobs"


def _no_server() -> float:
    return 0.0


def _ask_all(
    store: LineageStore,
    graph: Graph,
    starts: dict[str, list[Node]],
    quick: bool,
    server: Callable[[], float] = _no_server,
) -> None:
    print(f"  {'':<32}{'nodes':>9}{'store p50':>11}{'p99':>9}{'answer p50':>12}{'p99':>9}", end="")
    print(f"{'store CPU':>11}{'answer CPU':>12}{'asked':>7}")
    for label, found in starts.items():
        kind = _kind(found[0])
        questions: dict[str, tuple[Ask, Ask]] = {
            "downstream": (_closure(kind, DOWN), downstream),
            "upstream": (_closure(kind, UP), upstream),
            "3 hops downstream": (_closure(kind, DOWN, 3), partial(downstream, depth=3)),
            "impact": (_of_impact(kind), impact),
        }
        if graph.reach(found[0].key, kind, LARGEST) <= LARGEST:
            answer = downstream(store, found[0])
            _check(graph, found[0], answer)
            far = _farthest(answer, found[0])
            questions["path"] = (_closure(kind, DOWN), partial(_path_to, far))
        for question, asks in questions.items():
            nodes = found[:1] if question == "path" else found
            _row(f"{question}, {label}", store, graph, nodes, asks, quick, server)


def _kind(node: Node) -> EdgeKind:
    return EdgeKind.FIELD if node.type is NodeType.FIELD else EdgeKind.FEEDS


def _path_to(target: Node, store: LineageStore, source: Node) -> Answer:
    return path(store, source, target)


def _closure(kind: EdgeKind, direction: Direction, depth: int | None = None) -> Ask:
    return lambda store, node: store.closure([node.key], kind, direction, depth)


def _of_impact(kind: EdgeKind) -> Ask:
    """Return what an impact needs at least: what the node reaches, and what its fields reach."""
    if kind is EdgeKind.FIELD:
        return _closure(kind, DOWN)

    def ask(store: LineageStore, node: Node) -> None:
        store.closure([node.key], EdgeKind.FEEDS, DOWN)
        store.closure([each.key for each in store.fields(node)], EdgeKind.FIELD, DOWN)

    return ask


def _farthest(answer: Answer, start: Node) -> Node:
    """Return a node of the same type as far away as there is one."""
    reached = [each for each in answer.nodes if each.node.type is start.type]
    return max(reached, key=lambda each: each.distance).node


def _row(
    label: str,
    store: LineageStore,
    graph: Graph,
    starts: Sequence[Node],
    asks: tuple[Ask, Ask],
    quick: bool,
    server: Callable[[], float],
) -> None:
    bare, whole = asks
    kind = _kind(starts[0])
    # An impact gives the fields of all that is reached.
    most = LARGEST // made_graph.COLUMNS if whole is impact and kind is EdgeKind.FEEDS else LARGEST
    least = len(starts) if len(starts) > 1 else 3 if quick else 20
    turns = [starts[turn % len(starts)] for turn in range(least)]
    in_store: list[Spent] = []
    in_all: list[Spent] = []
    counts = []
    began = time.perf_counter()
    for node in turns:
        in_store.append(_spend(partial(bare, store, node), server)[0])
        if graph.reach(node.key, kind, most) <= most:
            spent, answer = _spend(partial(whole, store, node), server)
            in_all.append(spent)
            counts.append(len(answer.nodes))
            del answer  # which takes time too, and not that of the next
        if time.perf_counter() - began > SECONDS:
            break
    figures = [
        _at([spent.wall for spent in each], percent) for each in (in_store, in_all) for percent in (50, 99)
    ]
    figures += [_at([spent.cpu for spent in each], 50) for each in (in_store, in_all)]
    a, b, c, d, e, f = (f"{figure:,.2f}" if figure < 100 else f"{figure:,.0f}" for figure in figures)
    nodes = f"{statistics.median_low(counts):,}" if counts else "too many"
    print(f"  {label:<32}{nodes:>9}{a:>11}{b:>9}{c:>12}{d:>9}{e:>11}{f:>12}{len(in_store):>7}", flush=True)


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of wall time and of CPU."""

    wall: float
    cpu: float


def _spend(work: Callable[[], T], server: Callable[[], float] = _no_server) -> tuple[Spent, T]:
    of_server, cpu, wall = server(), time.process_time(), time.perf_counter()
    answer = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Spent(wall * 1000, (cpu + server() - of_server) * 1000), answer


def _at(times: Sequence[float], percent: int) -> float:
    """Return a percentile: the least time that so many in a hundred do not exceed; NaN of none."""
    if not times:
        return math.nan
    return sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]


def _check(graph: Graph, start: Node, answer: Answer) -> None:
    """Compare what was reached with a walk over what was loaded."""
    reached = sum(each.node.type is start.type for each in answer.nodes)
    expected = graph.reach(start.key, _kind(start))
    assert reached == expected, f"{start.label} reaches {reached} nodes, not {expected}"
