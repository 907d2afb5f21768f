"""`lineage serve` as a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from served import LINEAGE, event, serving

from graph import open_store


def test_the_process_answers_and_tells_each_request_in_a_line(tmp_path: Path) -> None:
    run_id = event()["run"]["runId"]
    with serving("--store", str(tmp_path / "lineage.db")) as served:
        trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        answer = requests.post(f"{served.url}/api/v1/lineage", json=event(), headers=trace, timeout=10)
        assert answer.status_code == 201
        status = served.stop()

    lines = [json.loads(line) for line in served.log]
    (posted,) = [line for line in lines if line.get("method") == "POST"]
    assert {key: posted[key] for key in ("path", "status", "events", "runs")} == {
        "path": "/api/v1/lineage",
        "status": 201,
        "events": 1,
        "runs": [run_id],
    }
    assert posted["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert status == -signal.SIGTERM, "it ends as it was told to, when all is done"


def test_stopping_loses_no_event_that_was_answered(tmp_path: Path) -> None:
    """Many clients post while the server is told to stop: all that was answered with 201 is there."""
    store = tmp_path / "lineage.db"
    answered: list[int] = []

    def post(url: str, worker: int) -> None:
        with requests.Session() as session:
            for number in range(10_000):
                body = event(f"job{worker}.{number}")
                try:
                    status = session.post(f"{url}/api/v1/lineage", json=body, timeout=20).status_code
                except requests.ConnectionError:
                    return
                if status == 201:
                    answered.append(number)

    with serving("--store", str(store)) as served:
        threads = [threading.Thread(target=post, args=(served.url, worker)) for worker in range(4)]
        for thread in threads:
            thread.start()
        threading.Event().wait(1.5)
        served.stop()
        for thread in threads:
            thread.join(30)

    assert len(answered) > 20
    with closing(open_store(store, read_only=True)) as kept:
        assert kept.counts().events >= len(answered)


def test_several_processes_share_a_store_in_postgresql(fresh_postgresql: Any) -> None:
    with serving("--store", fresh_postgresql(), "--workers", "2") as served:
        url = served.url
        for number in range(40):
            body = event(f"job{number}")
            assert requests.post(f"{url}/api/v1/lineage", json=body, timeout=20).status_code == 201
        text = requests.get(f"{url}/metrics", timeout=20).text

    assert 'lineage_events_total{outcome="accepted"} 40.0' in text


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--workers", "2"], 2, "only in PostgreSQL"),
        (["--host", "203.0.113.1", "--port", "5000"], 2, "cannot listen at 203.0.113.1"),
        (["--store", "/dev/null/x.db"], 3, "store /dev/null/x.db"),
    ],
)
def test_what_cannot_be_served_is_told(arguments: list[str], status: int, words: str) -> None:
    done = subprocess.run([*LINEAGE, "serve", *arguments], capture_output=True, text=True, timeout=60)

    assert done.returncode == status
    assert words in re.sub(r"[\s│]+", " ", done.stderr)
