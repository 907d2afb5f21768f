"""A store that took the events of some jobs answers like the plain lists of their edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.nodes import dataset, field
from graph.queries import columns, downstream, impact, path, upstream

Build = Callable[..., Any]

names = st.lists(st.integers(0, 5), max_size=3, unique=True)
jobs_shapes = st.lists(
    st.tuples(names, names, st.sampled_from(["DIRECT", "INDIRECT", "", None])), min_size=1, max_size=6
)


@given(jobs_shapes, st.none() | st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_store_and_lists_answer_alike(
    listed_graph: Build,
    stored_graph: Build,
    job_of: Build,
    shapes: list[tuple[list[int], list[int], str | None]],
    depth: int | None,
) -> None:
    """On any graph, with column lineage known or not."""
    jobs = []
    for number, (reads, writes, type_) in enumerate(shapes):
        sources = [f"d{each}" for each in reads if each not in writes]
        targets = [f"d{each}" for each in writes]
        known = type_ is not None and sources
        columns_of = {f"{target}.x": {f"{source}.x": type_ for source in sources} for target in targets}
        jobs.append(job_of(f"j{number}", sources, targets, columns_of if known else {}))
    lists = listed_graph(jobs)
    with stored_graph(jobs) as store:
        for node in sorted(lists.known.values()):
            for ask in (upstream, downstream, impact):
                assert ask(store, node, depth=depth) == ask(lists, node, depth=depth)
        for name in {each for job in jobs for each in (*job.reads, *job.writes)}:
            there = dataset("ns", name)
            assert columns(store, there, depth=depth) == columns(lists, there, depth=depth)
            for end in lists.known.values():
                if end.type == there.type or end == field("ns", end.name, "x"):
                    assert path(store, there, end) == path(lists, there, end)
