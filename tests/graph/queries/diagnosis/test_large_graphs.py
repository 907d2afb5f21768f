"""A trace on any graph is what plain lists give, and costs a fixed number of questions to the store."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import networkx as nx
import pytest
from made_events import dataset, put, run_event

from graph import open_store
from graph.queries import diagnose_metric
from graph.store import LineageStore


@pytest.fixture
def store() -> Iterator[LineageStore]:
    opened = open_store(":memory:")
    yield opened
    opened.close()


class Counted:
    """A reader that counts the questions it is asked."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return getattr(self.reader, name)


def told_columns(target: str, sources: list[str]) -> dict[str, Any]:
    inputs = [{"namespace": "ns", "name": source, "field": "x"} for source in sources]
    return dataset(target, columnLineage={"fields": {"x": {"inputFields": inputs}}})


@pytest.mark.parametrize("seed", range(25))
def test_on_a_random_graph_the_way_is_that_of_plain_lists(store: LineageStore, seed: int) -> None:
    """DD-26: with cycles, and jobs of which column lineage is known, unknown or leaves out a source."""
    pick = random.Random(seed)
    names = [f"t{number}" for number in range(12)]
    steps: nx.DiGraph[str] = nx.DiGraph()
    feeds: nx.DiGraph[str] = nx.DiGraph()
    steps.add_nodes_from(names)
    feeds.add_nodes_from(names)
    known = {}
    for place, target in enumerate(names):
        sources = pick.sample([name for name in names if name != target], pick.randint(0, 3))
        known[target] = pick.sample(sources, pick.randint(0, len(sources))) if pick.random() < 0.7 else []
        output = told_columns(target, known[target]) if known[target] else dataset(target)
        put(
            store, run_event(target, "COMPLETE", place, job=f"job_{target}", inputs=sources, outputs=[output])
        )
        feeds.add_edges_from((target, source) for source in sources)
    asked = pick.choice([name for name in names if known[name]])
    whole: set[str] = set()
    ahead = [(asked, False)]
    seen = set()
    while ahead:
        name, is_whole = ahead.pop()
        if (name, is_whole) in seen:
            continue
        seen.add((name, is_whole))
        whole |= {name} if is_whole else set()
        by_fields = bool(known[name]) and not is_whole
        for source in known[name] if by_fields else feeds.successors(name):
            steps.add_edge(name, source)
            ahead.append((source, not by_fields))
    expected = nx.single_source_shortest_path_length(steps, asked)
    found = diagnose_metric(store, (asked, "x"))
    distance = {e.node.name: e.distance for e in found.answer.nodes if e.node.type.value == "DATASET"}
    assert distance == dict(expected)


def test_the_number_of_questions_does_not_grow_with_the_graph(store: LineageStore) -> None:
    """DD-26: facts are fetched for the whole way at once, not one by one."""
    length, asked = 120, {}
    events = [
        run_event(f"r{n}.{day}", "COMPLETE", n + 1000 * day, job=f"j{n}", inputs=[f"t{n}"],
                  outputs=[told_columns(f"t{n + 1}", [f"t{n}"])])
        for n in range(length) for day in range(8)
    ]  # fmt: skip
    put(store, *events)
    for far in (4, length):
        for name in (f"t{far}", (f"t{far}", "x")):
            counted = Counted(store)
            found = diagnose_metric(counted, name)  # type: ignore[arg-type]
            assert len(found.datasets) == far + 1
            asked[far, name == f"t{far}"] = counted.asked
    assert asked[4, True] == asked[length, True]
    assert asked[4, False] == asked[length, False]
    assert sum(asked[length, False].values()) < 50
