"""Graphs for the benchmarks of questions, as rows written straight into the tables of a store.

`layered()` is a warehouse: most datasets feed a few others, some feed hundreds, one feeds nearly all; each
dataset but the sources is written by one job out of two to four others, and each of its columns is made from
one column of every input.
"""

from __future__ import annotations

import random
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from graph import nodes, open_store
from graph.nodes import Node
from graph.records import EdgeKind, Origin, Transformation
from graph.store.changes import transformation_key

LAYERS, COLUMNS, INPUTS = 12, 20, (2, 3, 4)
EDGES_OF_A_JOB = 62
IDENTITY = Transformation("DIRECT", "IDENTITY")
NAMESPACE = "postgres://warehouse:5432"
NODE = "node (number, key, type, namespace, name, reversed, dataset, field, named)"
EDGE = "edge (source, kind, target, owner, transformation, origin)"

Row = tuple[int | str | None, ...]


@dataclass
class Graph:
    """Nodes by name, and the targets of each node by kind of edge."""

    name: str
    datasets: dict[int, Node] = field(default_factory=dict)
    fields: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By key: the dataset's key and the field's name."""
    jobs: dict[int, Node] = field(default_factory=dict)
    made_by: dict[int, int] = field(default_factory=dict)
    """By dataset: the job that writes it."""
    below: dict[EdgeKind, dict[int, array[int]]] = field(default_factory=dict)

    def link(self, kind: EdgeKind, source: int, target: int) -> None:
        """Add an edge, once."""
        targets = self.below.setdefault(kind, {}).setdefault(source, array("q"))
        if target not in targets[-INPUTS[-1] :]:
            targets.append(target)

    def field_node(self, key: int) -> Node:
        """Return the node of a field."""
        dataset, name = self.fields[key]
        return nodes.field(self.datasets[dataset].namespace, self.datasets[dataset].name, name)

    def node(self, key: int) -> Node:
        """Return the node of a dataset or field."""
        return self.datasets.get(key) or self.field_node(key)

    def reach(self, start: int, kind: EdgeKind, most: int | None = None) -> int:
        """Return how many nodes can be reached, the start counted; beyond `most` it stops counting."""
        below, seen, ahead = self.below.get(kind, {}), {start}, [start]
        while ahead and (most is None or len(seen) <= most):
            new = [key for near in ahead for key in below.get(near, ())]
            ahead = list(set(new) - seen)
            seen.update(ahead)
        return len(seen)

    def numbers(self) -> dict[int, int]:
        """Return the numbers of nodes by key: a dataset, its fields and its job follow each other."""
        fields = defaultdict(list)
        for key, (dataset, _) in self.fields.items():
            fields[dataset].append(key)
        near = [key for one in self.datasets for key in (one, *fields[one], self.made_by.get(one, one))]
        nodes = dict.fromkeys([*near, *self.jobs])
        return {key: number for number, key in enumerate(nodes, 1)}

    def node_rows(self) -> list[Row]:
        """Return the rows of the table of nodes."""
        numbers = self.numbers()
        rows: list[Row] = []
        for type_, known in ((1, self.datasets), (3, self.jobs)):
            for key, node in known.items():
                names = (node.namespace, node.name, node.name[::-1])
                rows.append((numbers[key], key, type_, *names, None, None, 1))
        for key, (dataset, name) in self.fields.items():
            rows.append((numbers[key], key, 2, None, None, None, dataset, name, 7))
        return sorted(rows)

    def edge_rows(self) -> list[tuple[int, int, int, int, int, int]]:
        """Return the rows of the table of edges; the only transformation has the number 1."""
        numbers = self.numbers()
        rows = []
        for kind, below in self.below.items():
            label = (1, int(Origin.COLUMN_FACET)) if kind is EdgeKind.FIELD else (0, 0)
            for source, targets in below.items():
                for target in targets:
                    owner = self._job_of(kind, source, target)
                    rows.append((numbers[source], int(kind), numbers[target], numbers[owner], *label))
        return sorted(rows)

    def _job_of(self, kind: EdgeKind, source: int, target: int) -> int:
        """Return the job that makes an edge."""
        if kind is EdgeKind.FIELD:
            return self.made_by[self.fields[target][0]]
        if kind is EdgeKind.FEEDS:
            return self.made_by[target]
        return target if kind is EdgeKind.READS else source

    def size(self, *kinds: EdgeKind) -> int:
        """Return how many edges there are, of some kinds or in all."""
        wanted = kinds or tuple(self.below)
        return sum(len(targets) for kind in wanted for targets in self.below.get(kind, {}).values())


def layered(total: int) -> Graph:
    """Return a warehouse of about `total` edges between jobs and datasets and between fields."""
    pick = random.Random(total)
    count = max(LAYERS, total // EDGES_OF_A_JOB)
    graph = Graph(f"layered, {total:,}")
    layers = [[add_dataset(graph, f"raw.source_{n}") for n in range(max(4, count // 5))]]
    columns = {key: _add_fields(graph, key) for key in layers[0]}
    hubs = [layers[0][:1]]
    for place in range(count):
        layer = 1 + place * (LAYERS - 1) // count
        if layer == len(layers):
            layers.append([])
            hubs.append([])
        inputs = _inputs(layer, layers, hubs, pick)
        target = add_dataset(graph, f"layer_{layer}.table_{place}")
        columns[target] = _add_fields(graph, target)
        layers[layer].append(target)
        if len(hubs[layer]) < max(1, count // 1600):
            hubs[layer].append(target)
        add_job(graph, f"pipeline_{place // 20}.build_{place}", inputs, target)
        for column, made in enumerate(columns[target]):
            for each in inputs:
                taken = column if pick.random() < 0.5 else pick.randrange(COLUMNS)
                graph.link(EdgeKind.FIELD, columns[each][taken], made)
    return graph


def _inputs(layer: int, layers: list[list[int]], hubs: list[list[int]], pick: random.Random) -> list[int]:
    """Choose inputs: datasets of the layer below, hubs of the three below, the root and other sources."""
    chosen: set[int] = set()
    wanted = pick.choice(INPUTS)
    while len(chosen) < wanted:
        way = pick.random()
        if way < 0.33:
            chosen.add(pick.choice(layers[layer - 1]))
        elif way < 0.53:
            near = [hub for each in hubs[max(1, layer - 3) : layer] for hub in each]
            chosen.add(pick.choice(near or hubs[0]))
        elif way < 0.6:
            chosen.add(hubs[0][0])
        else:
            chosen.add(pick.choice(layers[0]))
    return sorted(chosen)


def add_dataset(graph: Graph, name: str, namespace: str = NAMESPACE) -> int:
    """Add a dataset and return its key."""
    node = nodes.dataset(namespace, name)
    graph.datasets[key := node.key] = node
    return key


def _add_fields(graph: Graph, dataset: int) -> list[int]:
    keys = []
    for number in range(COLUMNS):
        key = nodes.field(NAMESPACE, graph.datasets[dataset].name, name := f"column_{number}").key
        graph.fields[key] = (dataset, name)
        keys.append(key)
    return keys


def add_job(graph: Graph, name: str, inputs: Iterable[int], output: int) -> None:
    """Add a job that makes a dataset from others."""
    node = nodes.job("production", name)
    graph.jobs[job := node.key] = node
    graph.made_by[output] = job
    graph.link(EdgeKind.WRITES, job, output)
    for each in inputs:
        graph.link(EdgeKind.READS, each, job)
        graph.link(EdgeKind.FEEDS, each, output)


def of_feeds(name: str, feeds: Iterable[tuple[int, int]]) -> Graph:
    """Return a graph of datasets without fields, given the numbers of sources and targets."""
    graph = Graph(name)
    for source, target in feeds:
        ends = [add_dataset(graph, f"table_{number}") for number in (source, target)]
        add_job(graph, f"build_{source}_{target}", ends[:1], ends[1])
    return graph


def load_sqlite(path: Path, graph: Graph) -> None:
    """Write a graph into a new store in a file."""
    open_store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -1000000")
        database.execute("BEGIN")
        database.executemany(f"INSERT INTO {NODE} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", graph.node_rows())
        database.executemany(f"INSERT INTO {EDGE} VALUES (?, ?, ?, ?, ?, ?)", graph.edge_rows())
        database.execute("INSERT INTO transformation VALUES (?, ?, ?, ?, ?, ?)", _TRANSFORMATION)
        database.execute("COMMIT")


_TRANSFORMATION = (1, transformation_key(IDENTITY), IDENTITY.type, IDENTITY.subtype, "", 0)


def load_postgresql(url: str, graph: Graph) -> None:
    """Write a graph into a new store in an empty database, and have its statistics taken."""
    import psycopg

    open_store(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        for table, rows in ((NODE, graph.node_rows()), (EDGE, graph.edge_rows())):
            with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        values = ", ".join(["%s"] * 6)
        connection.execute(f"INSERT INTO transformation VALUES ({values})".encode(), _TRANSFORMATION)
        connection.execute("VACUUM ANALYZE")
