"""`lineage serve` as a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from served import LINEAGE, event, serving

from graph import open_store


def test_the_process_answers_and_tells_each_request_in_a_line(tmp_path: Path) -> None:
    """PV-30"""
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


@pytest.mark.slow
def test_several_processes_share_a_store_in_postgresql(fresh_postgresql: Any) -> None:
    with serving("--store", fresh_postgresql(), "--workers", "2") as served:
        url = served.url
        for number in range(40):
            body = event(f"job{number}")
            assert requests.post(f"{url}/api/v1/lineage", json=body, timeout=20).status_code == 201
        text = requests.get(f"{url}/metrics", timeout=20).text

    assert 'lineage_events_total{outcome="accepted"} 40.0' in text
    (memory,) = re.findall(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)
    assert float(memory) > 50_000_000, "of both"


COUNT = """
import os, signal, sys
from graph.api.metrics import Metrics
metrics = Metrics()
metrics.commits.inc()
metrics.waiting.inc(7)
if sys.argv[1] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
print(metrics.text().decode())
"""


def test_of_a_process_that_died_the_counts_stay_and_nothing_waits(tmp_path: Path) -> None:
    """As when a worker is killed and another takes its place."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    dead, living = (
        subprocess.run(
            [sys.executable, "-c", COUNT, end], env=environment, capture_output=True, text=True, check=False
        )
        for end in ("die", "live")
    )

    assert (dead.returncode, living.returncode) == (-signal.SIGKILL, 0), living.stderr
    assert "lineage_commits_total 2.0" in living.stdout
    assert "lineage_requests_waiting 7.0" in living.stdout
    assert "process_open_fds " in living.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--workers", "2"], 2, "only in PostgreSQL"),
        (["--host", "203.0.113.1"], 2, "lineage token create"),
        (["--host", "0.0.0.0"], 2, "lineage token create"),
        (["--access", "tokens"], 2, "lineage token create"),
        (["--host", "203.0.113.1", "--access", "none"], 2, "cannot listen at 203.0.113.1"),
        (["--store", "/dev/null/x.db"], 3, "store /dev/null/x.db"),
    ],
)
def test_what_cannot_be_served_is_told(arguments: list[str], status: int, words: str) -> None:
    done = subprocess.run([*LINEAGE, "serve", *arguments], capture_output=True, text=True, timeout=60)

    assert done.returncode == status
    assert words in re.sub(r"[\s│]+", " ", done.stderr)


def command(*arguments: str) -> Any:
    done = subprocess.run([*LINEAGE, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["items"] if "--json" in arguments else done.stdout.strip()


def test_a_server_beyond_this_machine_needs_the_tokens_that_the_command_makes(tmp_path: Path) -> None:
    """PV-22: made, used, listed without its secret, revoked."""
    store = ("--store", str(tmp_path / "lineage.db"))
    text = command("token", "create", "airflow", "--role", "writer", *store)
    (made,) = command("token", "list", "--json", *store)
    assert (made["name"], made["role"], made["valid"], "token" in made) == ("airflow", "writer", True, False)

    with serving("--host", "0.0.0.0", *store) as served:
        url = served.url.replace("0.0.0.0", "127.0.0.1") + "/api/v1/lineage"
        headers = {"Authorization": f"Bearer {text}"}
        assert requests.post(url, json=event(), timeout=20).status_code == 401
        assert requests.post(url, json=event(), headers=headers, timeout=20).status_code == 201
        command("token", "revoke", made["id"], *store)
        for _ in range(100):
            if requests.post(url, json=event(), headers=headers, timeout=20).status_code == 401:
                break
            threading.Event().wait(0.1)
        else:
            raise AssertionError("a revoked token goes on working")

    with closing(open_store(store[1], read_only=True)) as kept:
        told = [record.path for _, record in kept.access.recorded() if record.method == "COMMAND"]
    assert told == [f"token revoke {made['id']}", f"token create {made['id']}"]


def test_who_says_so_in_words_gets_an_open_server(tmp_path: Path) -> None:
    store = str(tmp_path / "lineage.db")
    with serving("--host", "0.0.0.0", "--access", "none", "--store", store) as served:
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        assert requests.post(f"{url}/api/v1/lineage", json=event(), timeout=20).status_code == 201


@pytest.mark.slow
def test_a_server_with_a_certificate_is_asked_where_that_is_trusted(tmp_path: Path) -> None:
    """By the command: refused by default, answered where LINEAGE_CA names who vouches for it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    asked = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [openssl, *asked.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    store = ("--store", str(tmp_path / "lineage.db"))

    secure = ("--certificate", str(certificate), "--key", str(key))
    with requests.Session() as kept, serving(*store, *secure) as served:
        assert served.url.startswith("https://")
        answer = kept.post(f"{served.url}/api/v1/lineage", json=event(), verify=str(certificate), timeout=20)
        assert answer.status_code == 201
        words = [*LINEAGE, "upstream", "gold.load", "--json", "--store", served.url]
        refused = subprocess.run(words, capture_output=True, text=True, timeout=60)
        trusted = {**os.environ, "LINEAGE_CA": str(certificate)}
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=trusted)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(20) in (0, -signal.SIGTERM), "an idle connection keeps it from stopping"

    assert (refused.returncode, "cannot be reached" in refused.stderr) == (3, True)
    assert done.returncode == 0, done.stderr
    assert [node["distance"] for node in json.loads(done.stdout)["nodes"]] == [0, 1, 1]
