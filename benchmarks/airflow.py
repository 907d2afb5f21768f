"""What a task of Airflow takes by our transport and plugin, beside OpenLineage's file transport.

Needs the Airflow of `make test-airflow`, in .venv-airflow or where AIRFLOW_BIN says. One process at a time
runs a DAG five times by one transport, after once unmeasured, then another one by the other. A task's time
is from before its listeners are told that it runs until they have been told its end, so what the provider
forks is in it. No network is used, and nobody empties the outbox.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

RUNS = 5
ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("AIRFLOW_BIN", ROOT / ".venv-airflow" / "bin"))

DAG_FILE = """
import sqlite3
from datetime import datetime
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

with DAG("timed", schedule=None, start_date=datetime(2026, 11, 1)) as dag:
    @task
    def asks():
        with sqlite3.connect(":memory:") as connection:
            connection.execute("CREATE TABLE a (x int)")
            connection.execute("CREATE TABLE b (x int)")
            connection.execute("INSERT INTO b (x) SELECT x FROM a")
    @task
    def computes():
        return sum(range(1000))
    BashOperator(task_id="echoes", bash_command="echo 1") >> asks() >> computes()
"""

TIMED = """
import json, os, sys, time
import pluggy
from airflow.models import DagBag
from airflow.sdk.listener import get_listener_manager

hookimpl = pluggy.HookimplMarker("airflow")
begun, told = {}, []

class Before:
    @hookimpl(wrapper=True, tryfirst=True)
    def on_task_instance_running(self, task_instance):
        begun[task_instance.task_id] = time.perf_counter(), sum(os.times()[:4])
        return (yield)

    @hookimpl(wrapper=True, tryfirst=True)
    def on_task_instance_success(self, task_instance):
        result = yield
        wall, cpu = begun.pop(task_instance.task_id)
        told.append((task_instance.task_id, time.perf_counter() - wall, sum(os.times()[:4]) - cpu))
        return result

manager = get_listener_manager()
manager.pm.register(Before())
from timed import dag
for run in range(int(sys.argv[1]) + 1):
    told.clear()
    dag.test()
    if run:
        print("TOLD", json.dumps(told), flush=True)
"""


def transports(home: Path) -> dict[str, dict[str, Any]]:
    """Return the transports that are compared."""
    return {
        "file": {"type": "file", "log_file_path": str(home / "events.jsonl"), "append": True},
        "outbox": {"type": "lineage.transport.OutboxTransport", "ship": False},
    }


def run(home: Path, transport: dict[str, Any], runs: int) -> list[list[Any]]:
    """Run the DAG in a process of its own and return task, wall and CPU seconds of each task."""
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": f"{home / 'dags'}",
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "LINEAGE_STORE": str(home / "lineage.db"),
        "LINEAGE_OUTBOX": str(home / "outbox"),
    }
    if not (home / "airflow.db").exists():
        for words in (["db", "migrate"], ["dags", "reserialize"]):
            subprocess.run([BIN / "airflow", *words], env=environment, check=True, capture_output=True)
    command = [str(BIN / "python"), "-c", TIMED, str(runs)]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [each for line in lines for each in json.loads(line[5:])]


def main(quick: bool) -> None:
    """Print the medians of both transports, by task."""
    if not (BIN / "airflow").exists():
        print(f"there is no airflow in {BIN}: `make test-airflow` installs it")
        return
    pairs = 2 if quick else 20
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dags").mkdir()
        (home / "dags" / "timed.py").write_text(DAG_FILE)
        for begun in range(0, pairs, RUNS):
            order = list(transports(home).items())
            for name, transport in order if begun // RUNS % 2 == 0 else reversed(order):
                for task, wall, cpu in run(home, transport, min(RUNS, pairs - begun)):
                    found.setdefault((task, name), []).append((wall, cpu))
    print(f"{pairs} pairs of runs; medians in ms; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for task, name in sorted(found):
        print_times(task, name, found[task, name])
    for name in ("file", "outbox"):
        print_times("all", name, [each for key, times in found.items() if key[1] == name for each in times])


def print_times(task: str, name: str, times: list[tuple[float, float]]) -> None:
    """Print a line: the medians of wall and CPU times."""
    walls, cpus = zip(*times, strict=True)
    print(f"{task:10} {name:8} wall {median(walls) * 1e3:7.1f}  CPU {median(cpus) * 1e3:7.1f}")
