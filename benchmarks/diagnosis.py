"""Diagnosis on a graph of 100,000 nodes whose tables all have a past: the whole answer and its parts.

"trace" is the way to the sources alone, "upstream" our answer to that question about the same node, "answer"
all of `diagnose_metric`: trace, past, facts and suspects.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from graph import nodes, open_store
from graph.ingest import ingest
from graph.queries import diagnose_metric, upstream
from graph.queries.diagnosis.tracing import trace
from graph.queries.draft import Draft
from graph.store import LineageStore

LAYERS, FIELDS, RUNS = 12, 12, 12
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_PRODUCER = {"_producer": "https://example.com/bench", "_schemaURL": "https://example.com/facet"}
_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


def _table(layer: int, place: int) -> nodes.Node:
    return nodes.dataset("bench", f"layer{layer}.table{place}")


def _column(layer: int, place: int, column: int) -> nodes.Node:
    return nodes.field("bench", f"layer{layer}.table{place}", f"column{column}")


def load(path: Path, width: int) -> int:
    """Take in layers of tables, each with a job and its daily runs, and return how many nodes there are."""
    pick = random.Random(width)
    with closing(open_store(path)) as store:
        for layer in range(LAYERS):
            ingest(store, _runs_of(layer, width, pick))
        held = store.counts()
    return held.datasets + held.fields + held.jobs


def _runs_of(layer: int, width: int, pick: random.Random) -> Iterator[bytes]:
    for place in range(width):
        sources = sorted({pick.randrange(width) for _ in range(pick.randint(1, 2))}) if layer else []
        output = _output(layer, place, sources, pick)
        for day in range(RUNS):
            began = _FIRST_DAY + timedelta(days=day, seconds=pick.randrange(8_640))
            ended = began + timedelta(seconds=pick.randrange(50, 60))
            run = str(UUID(int=pick.getrandbits(128), version=4))
            counted = {"outputStatistics": {**_PRODUCER, "rowCount": pick.randrange(900, 1100)}}
            for type_, at in (("START", began), ("COMPLETE", ended)):
                event = {
                    "eventType": type_,
                    "eventTime": at.isoformat(),
                    "producer": _PRODUCER["_producer"],
                    "schemaURL": _EVENT,
                    "run": {"runId": run},
                    "job": {"namespace": "bench", "name": f"job{layer}.{place}"},
                    "inputs": [_named(layer - 1, source) for source in sources],
                    "outputs": [output | {"outputFacets": counted}] if type_ == "COMPLETE" else [],
                }
                yield json.dumps(event).encode()


def _output(layer: int, place: int, sources: list[int], pick: random.Random) -> dict[str, Any]:
    schema = {**_PRODUCER, "fields": [{"name": f"column{n}", "type": "INTEGER"} for n in range(FIELDS)]}
    made = {
        f"column{n}": {
            "inputFields": [
                {**_named(layer - 1, source), "field": f"column{pick.randrange(FIELDS)}"}
                for source in sources
            ]
        }
        for n in range(FIELDS)
    }
    facets = {"schema": schema} | ({"columnLineage": {**_PRODUCER, "fields": made}} if sources else {})
    return {**_named(layer, place), "facets": facets}


def _named(layer: int, place: int) -> dict[str, Any]:
    return {"namespace": "bench", "name": f"layer{layer}.table{place}"}


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
