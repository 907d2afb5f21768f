"""Whatever the backend does, the host does not wait and no event is lost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from receiver import Receiver

from graph import open_store
from graph.ingest import ingest
from lineage.config import configure
from lineage.transport import enqueue, flush, shutdown

EMITS = 300


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        shutdown(0)


def event(number: int) -> bytes:
    return json.dumps(
        {
            "eventType": "COMPLETE",
            "eventTime": f"2026-01-01T10:{number // 60:02}:{number % 60:02}.000Z",
            "producer": "https://example.com/producer",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": f"01941f29-7c00-7000-8000-{number:012}"},
            "job": {"namespace": "shop", "name": f"job {number % 7}"},
            "inputs": [{"namespace": "s3://lake", "name": "raw/orders"}],
            "outputs": [{"namespace": "s3://lake", "name": f"silver/orders {number % 7}"}],
        }
    ).encode()


def emit_all() -> list[float]:
    seconds = []
    for number in range(EMITS):
        body = event(number)
        start = time.perf_counter()
        enqueue(body, f"run {number}")
        seconds.append(time.perf_counter() - start)
    return seconds


@pytest.mark.parametrize(
    "mode",
    [
        "refused",
        "hanging",
        "500",
        "slow",
        "503 once",
        "late",
        pytest.param("no batch", marks=pytest.mark.slow),
        "ok",
    ],
)
def test_a_backend_in_trouble_delays_nobody_and_loses_nothing(
    backend: Receiver, mode: str, tmp_path: Path
) -> None:
    """PV-34, PV-38: nobody waits, events are spooled and later delivered, exactly once in our store."""
    place = str(tmp_path / "lineage.db")

    def store(bodies: list[bytes]) -> None:
        with closing(open_store(place)) as opened:
            ingest(opened, bodies)

    backend.store = store
    configure(destination={"type": "http", "url": backend.url, "timeout": 0.3})
    backend.mode, backend.patience = mode, 0.3
    if mode == "refused":
        backend.down()

    seconds = emit_all()
    time.sleep(0.3)
    if mode == "refused":
        backend.up()
    backend.mode = "no batch" if mode == "no batch" else "ok"

    assert statistics.median(seconds) < 0.01
    assert sum(seconds) < 5, "no emit waited for a timeout of the backend"
    deadline = time.monotonic() + 30
    while not flush(5):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert backend.distinct == {
        json.dumps(json.loads(event(number)), sort_keys=True).encode() for number in range(EMITS)
    }
    with closing(open_store(place)) as opened:
        assert opened.counts().events == EMITS


PROGRAM = """
import sys, time
from lineage.config import configure
from lineage.transport import enqueue
import requests, openlineage.client.transport.http
configure(destination={"type": "http", "url": sys.argv[1]}, outbox=sys.argv[2])
enqueue(b'{"n": 1}', None)
time.sleep(float(sys.argv[3]))
import atexit
started = time.perf_counter()
# Registered last, so called first; the one below was registered before any of ours.
atexit.register(lambda: globals().__setitem__("started", time.perf_counter()))
"""

FIRST = """
import atexit, time
atexit.register(lambda: print(time.perf_counter() - started))
"""


@pytest.mark.parametrize(
    ("mode", "running", "least", "most"),
    [
        ("refused", 0.6, 0.0, 0.8),  # the last attempt failed: nothing to wait for
        ("500", 0.6, 0.0, 0.8),
        ("hanging", 0.3, 0.5, 3.0),  # the first attempt is under way: a second at most
        ("ok", 0.0, 0.0, 3.0),
    ],
)
def test_a_process_ends_at_once_when_the_backend_is_down(
    backend: Receiver, tmp_path: Path, mode: str, running: float, least: float, most: float
) -> None:
    backend.mode = mode
    if mode == "refused":
        backend.down()

    result = subprocess.run(
        [sys.executable, "-c", FIRST + PROGRAM, backend.url, str(tmp_path), str(running)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert least <= float(result.stdout) <= most
    assert len(backend.events) == (1 if mode == "ok" else 0)
    assert result.stderr == ""
