"""A decorated function while its backend is in trouble: it is as it was, and its events arrive later."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from receiver import Receiver

from graph import open_store
from graph.ingest import ingest
from lineage import configure, flush, shutdown, track_lineage

RUNS = 100


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
        shutdown(0)


@pytest.mark.parametrize("mode", ["refused", "hanging", "500", "slow"])
def test_result_exception_and_duration_are_the_functions_own(
    backend: Receiver, mode: str, tmp_path: Path
) -> None:
    """DD-07: with the backend down or in trouble the function is as it was, and each event arrives once."""
    place = str(tmp_path / "lineage.db")

    def store(bodies: list[bytes]) -> None:
        with closing(open_store(place)) as opened:
            ingest(opened, bodies)

    backend.store = store
    configure(destination={"type": "http", "url": backend.url, "timeout": 0.3})
    backend.mode, backend.patience = mode, 0.3
    if mode == "refused":
        backend.down()

    error = ValueError("the host's own")

    @track_lineage(inputs="s3://lake/raw/{number}", outputs="s3://lake/silver", name="load")
    def load(number: int) -> int:
        if number % 10 == 0:
            raise error
        return number

    seconds = []
    for number in range(RUNS):
        start = time.perf_counter()
        if number % 10 == 0:
            with pytest.raises(ValueError, match="the host's own") as raised:
                load(number)
            assert raised.value is error
        else:
            assert load(number) == number
        seconds.append(time.perf_counter() - start)

    # The official client waits for 9 to 39 seconds here; what it is to the millisecond is measured elsewhere.
    assert statistics.median(seconds) < 0.05
    if mode == "refused":
        backend.up()
    backend.mode = "ok"
    deadline = time.monotonic() + 60
    while not flush(5) and time.monotonic() < deadline:
        time.sleep(0.1)

    with closing(open_store(place)) as opened:
        states = [json.loads(body)["eventType"] for _, body in opened.bodies()]
    assert sorted(states) == ["COMPLETE"] * 90 + ["FAIL"] * 10 + ["START"] * 100
