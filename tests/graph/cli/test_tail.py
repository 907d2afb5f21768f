"""`lineage tail`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_events import dataset_event, job_event, run_event
from served import running

from graph import open_store
from graph.api import ServerSettings, create_app
from graph.ingest import ingest

Lineage = Callable[..., Any]
TAIL = [sys.executable, "-u", "-c", "from graph.cli import main; main()", "tail"]


@pytest.fixture
def log(lineage: Lineage) -> None:
    events = [
        run_event("1", "START", 0, job="load", inputs=["raw.orders"], outputs=[]),
        run_event("1", "COMPLETE", 60, job="load", inputs=["raw.orders"], outputs=["clean.orders"]),
        run_event("2", "FAIL", 61, job="build", inputs=["clean.orders"], outputs=["mart"]),
        job_event(62, job="declared"),
        dataset_event(63, "clean.orders"),
        run_event("3", "ABORT", 64, job="load"),
    ]
    assert lineage("ingest", "-", input="\n".join(map(json.dumps, events))).code == 0


def shown(lineage: Lineage, *arguments: str) -> list[int]:
    said = lineage("tail", "--after", "0", "--no-follow", *arguments)
    assert said.code == 0, said.err
    return [int(line.split()[0]) for line in said.out.splitlines()]


@pytest.mark.usefixtures("log")
def test_events_are_shown_a_line_each_with_their_numbers(lineage: Lineage) -> None:
    """PV-31: what came, when, about what."""
    lines = lineage("tail", "--after", "0", "--no-follow").out.splitlines()

    assert lines[1] == "2  2026-01-01T00:01:00.000Z  COMPLETE  load  raw.orders -> clean.orders"
    assert lines[3] == "4  2026-01-01T00:01:02.000Z  JobEvent  declared"
    assert lines[4] == "5  2026-01-01T00:01:03.000Z  DatasetEvent  clean.orders"
    assert shown(lineage, "--after", "4") == [5, 6]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--job", "load"], [1, 2, 6]),
        (["--job", "lo*", "--job", "ns/build"], [1, 2, 3, 6]),
        (["--job", "job:ns:load"], [1, 2, 6]),
        (["--job", "oad"], []),
        (["--dataset", "orders"], [1, 2, 3, 5]),
        (["--dataset", "clean.orders"], [2, 3, 5]),
        (["--dataset", "mart", "--state", "complete"], []),
        (["--state", "fail", "--state", "ABORT"], [3, 6]),
        (["--job", "load", "--dataset", "raw.*", "--state", "complete"], [2]),
    ],
)
def test_events_are_filtered(lineage: Lineage, arguments: list[str], numbers: list[int]) -> None:
    """PV-31: by job, dataset and state; what is given twice may be either, what differs has to be all."""
    assert shown(lineage, *arguments) == numbers


@pytest.mark.usefixtures("log")
def test_events_are_lines_of_a_structured_log(lineage: Lineage) -> None:
    """PV-30: one JSON object a line, with time, level, message and what an aggregator looks for."""
    lines = list(map(json.loads, lineage("tail", "--after", "0", "--no-follow", "--json").out.splitlines()))

    assert [line["level"] for line in lines] == ["info", "info", "error", "info", "info", "warning"]
    assert lines[1] == {
        "time": "2026-01-01T00:01:00.000Z",
        "level": "info",
        "logger": "lineage.events",
        "message": "COMPLETE load",
        "number": 2,
        "eventType": "COMPLETE",
        "job": "job:ns:load",
        "runId": lines[0]["runId"],
        "inputs": ["dataset:ns:raw.orders"],
        "outputs": ["dataset:ns:clean.orders"],
    }


@pytest.mark.usefixtures("log")
def test_a_store_that_cannot_be_written_is_told_of(lineage: Lineage, tmp_path: Path) -> None:
    """PV-31: to look on changes nothing."""
    location = tmp_path / "kept" / "store.db"
    location.parent.mkdir()
    with closing(open_store(location)) as store:
        ingest(store, [json.dumps(run_event("1", "COMPLETE", 0)).encode()])
    location.chmod(0o400)
    location.parent.chmod(0o500)
    try:
        assert shown(lineage, "--store", str(location)) == [1]
    finally:
        location.parent.chmod(0o700)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--no-follow"], 2, "say where to begin: --after NUMBER"),
        (["--state", "done"], 2, "'done' is none of"),
        (["--store", "/nowhere/store.db"], 3, "there is no such file"),
        (["--store", "http://127.0.0.1:9"], 3, "cannot be reached"),
        (["--store", "http://127.0.0.1:9", "--after", "1", "--no-follow"], 2, "a server is followed"),
    ],
)
def test_wrong_usage_says_what_to_do(lineage: Lineage, arguments: list[str], code: int, said: str) -> None:
    found = lineage("tail", *arguments)
    assert (found.code, said in " ".join(found.err.split())) == (code, True), found.err


@pytest.mark.parametrize(
    "served", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["store", "server"]
)
def test_what_comes_is_told_until_it_is_interrupted(tmp_path: Path, served: bool) -> None:
    """PV-31: a store and a server alike; Ctrl-C ends it well, and the last number leads on."""
    location = str(tmp_path / "store.db")
    with closing(open_store(location)) as store:
        ingest(store, [json.dumps(run_event("old", "COMPLETE", 0, job="old")).encode()])
    if not served:
        _follow(location, location)
        return
    with running(create_app(ServerSettings(location, access=False)), location) as server:
        _follow(location, server.url)


def _follow(location: str, asked: str) -> None:
    following = subprocess.Popen(
        [*TAIL, "--after", "0", "--store", asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert following.stdout is not None
    assert following.stderr is not None
    with following, closing(open_store(location)) as store:
        assert " old" in following.stdout.readline()
        ingest(store, [json.dumps(run_event("new", "COMPLETE", 1, job="new")).encode()])
        assert following.stdout.readline() == "2  2026-01-01T00:00:01.000Z  COMPLETE  new\n"
        following.send_signal(signal.SIGINT)
        assert (following.wait(20), following.stderr.read()) == (0, "")
