"""A process that dies before it can tell that a batch was kept, or before it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from made_events import FIXTURES, dump, dump_of

from graph import open_store
from graph.ingest import IngestCounts, ingest

LINES = [
    line for name in ("airflow", "dbt") for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
]
BATCH = 8

DYING = f"""
import os, signal, sys
from graph import open_store
from graph.ingest import ingest
from graph.store import _writing

where, file, moment = sys.argv[1:]
store = open_store(where)
if moment == "kept":
    whole, count = store.apply, iter(range(100))
    def dying(batch):
        outcomes = whole(batch)
        if next(count) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes
    store.apply = dying
else:
    last, count = _writing.bring_back, iter(range(100))
    def dying(*values):
        last(*values)
        if next(count) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    _writing.bring_back = dying
ingest(store, open(file, "rb").read().splitlines(), batch={BATCH})
"""


@pytest.mark.parametrize(("moment", "batches"), [("kept", 3), ("written, not yet kept", 2)])
def test_a_crash_around_the_commit_neither_loses_nor_doubles(
    place: str, tmp_path: Path, moment: str, batches: int
) -> None:
    """PV-13: killed behind the commit and before anybody is told of it, or just before the commit."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(LINES))
    died = subprocess.run([sys.executable, "-c", DYING, place, str(file), moment], check=False)
    assert died.returncode == -signal.SIGKILL

    with closing(open_store(place)) as store:
        store.apply([])  # when it is our turn to write, a server is done with what the process had asked for
        kept = batches * BATCH
        assert [json.loads(body) for _, body in store.bodies()] == [json.loads(line) for line in LINES[:kept]]
        assert dump(store) == dump_of(LINES[:kept])
        assert ingest(store, LINES) == IngestCounts(accepted=len(LINES) - kept, duplicate=kept)
        assert ingest(store, LINES) == IngestCounts(duplicate=len(LINES))
        assert store.counts().events == len(LINES)
        assert dump(store) == dump_of(LINES)
