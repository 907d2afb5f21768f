"""`lineage run`: real programs, unchanged, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graph import open_store
from graph.cli import app
from graph.ingest import drain
from lineage import track_run
from lineage.context import RunIdentity, process_runs
from lineage.imported import instrument_when_imported
from lineage.testing import capture
from lineage.tracking.joining import JoinedRun
from producers._running import job_name_of

COMMAND = [sys.executable, "-c", "from graph.cli import main; main()"]
PYTHON = sys.executable
ROOT = Path(__file__).resolve().parents[2]
ETL = """
import sqlite3, sys
connection = sqlite3.connect("shop.db")
connection.execute("CREATE TABLE IF NOT EXISTS orders (day text, amount int)")
connection.execute("CREATE TABLE IF NOT EXISTS revenue (day text, total int)")
connection.execute("INSERT INTO revenue (day, total) SELECT day, sum(amount) FROM orders GROUP BY day")
connection.commit()
"""


class Program:
    """Scripts in a folder, run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def write(self, text: str, name: str = "etl.py") -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def start(self, arguments: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*COMMAND, *arguments],
            **{"cwd": self.folder, "env": self.environment, "stdout": pipe, "stderr": pipe, "text": True}
            | options,
        )

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        started = self.start(arguments, **options)
        out, err = started.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, started.returncode, out, err)

    def told(self, *arguments: str) -> str:
        with closing(open_store(os.environ["LINEAGE_STORE"])) as store:
            drain(store)  # a question itself waits for it no longer than people would
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout

    def asked(self, *arguments: str) -> list[dict[str, Any]]:
        answer = json.loads(self.told(*arguments, "--json"))
        items: list[dict[str, Any]] = answer.get("items", answer.get("edges"))
        return items

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.told("export", "--events").splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def fields_of(edges: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(edge["source"].rpartition(":")[2], edge["target"].rpartition(":")[2]) for edge in edges}


def test_an_unchanged_script_is_a_run_with_its_lineage(program: Program) -> None:
    script = program.write(ETL + "print(sys.argv[1:], __name__)")

    done = program.run("run", "--", PYTHON, script, "--day", "2026-01-01")

    assert (done.returncode, done.stdout, done.stderr) == (0, "['--day', '2026-01-01'] __main__\n", "")
    (run,) = program.asked("runs")
    assert (run["job"], run["state"]) == ("job:default:etl", "COMPLETE")
    assert ("day", "day") in fields_of(program.asked("columns", "revenue"))
    first, *_ = program.events()
    assert first["job"]["facets"]["sourceCodeLocation"]["path"].endswith("etl.py")


def test_the_options_of_a_program_need_no_dashes_before_them(program: Program) -> None:
    done = program.run(
        "run", "--name", "nightly", PYTHON, "-c", "import sys; print(sys.argv)", "--help", "-x"
    )

    assert done.stdout == "['-c', '--help', '-x']\n"
    assert [run["job"] for run in program.asked("runs")] == ["job:default:nightly"]


def test_threads_and_processes_of_a_program_belong_to_its_run(program: Program) -> None:
    program.write(ETL, "child.py")
    script = program.write(
        "import subprocess, sys, threading\n"
        "def work():\n"
        "    import sqlite3\n"
        "    connection = sqlite3.connect('other.db')\n"
        "    connection.execute('CREATE TABLE seen AS SELECT 1 AS one')\n"
        "    connection.commit()\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        "subprocess.run([sys.executable, 'child.py'], check=True)\n".replace("\\\n", "\n")
    )

    assert program.run("run", "--", PYTHON, script).returncode == 0

    (run,) = program.asked("runs")
    told = [event for event in program.events() if event["eventType"] == "RUNNING"]
    assert {event["run"]["runId"] for event in told} == {run["runId"]}
    assert len(told) == 2
    nodes = json.loads(program.told("downstream", "job:default:etl", "--json"))["nodes"]
    assert {node["name"] for node in nodes if node["type"] == "DATASET"} >= {"seen", "revenue"}


@pytest.mark.parametrize(
    ("ending", "code", "state", "error"),
    [
        ("sys.exit(3)", 3, "FAIL", "the program ended with exit code 3"),
        ("raise ValueError('no')", 1, "FAIL", "the program ended with exit code 1"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            -9,
            "FAIL",
            "the program ended by SIGKILL",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15, "ABORT", "KeyboardInterrupt"),
    ],
)
def test_it_ends_as_the_program_ended(
    program: Program, ending: str, code: int, state: str, error: str
) -> None:
    done = program.run("run", "--", PYTHON, program.write(ETL + ending))

    assert done.returncode == code
    assert ("ValueError: no" in done.stderr) is ("ValueError" in ending)
    (run,) = program.asked("runs")
    assert run["state"] == state
    assert error in (run["error"] or "")


def test_signals_reach_the_program(program: Program) -> None:
    script = program.write(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('tidied up', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    started = program.start(["run", "--", PYTHON, script])
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"

    started.send_signal(signal.SIGTERM)

    out, _ = started.communicate(timeout=30)
    assert (out, started.returncode) == ("tidied up\n", 0)
    assert [run["state"] for run in program.asked("runs")] == ["COMPLETE"]


def test_what_goes_in_and_out_is_the_program_s(program: Program) -> None:
    script = program.write(
        "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('aside')"
    )
    started = program.start(["run", "--", PYTHON, script], stdin=subprocess.PIPE)

    assert started.communicate("text", timeout=60) == ("TEXT", "aside")


def test_a_program_of_another_kind_runs_as_well(program: Program) -> None:
    done = program.run("run", "sh", "-c", "echo $0 && exit 4")

    assert (done.stdout, done.returncode) == ("sh\n", 4)
    assert [run["job"] for run in program.asked("runs")] == ["job:default:sh"]


def test_a_program_that_there_is_not_is_named(program: Program) -> None:
    done = program.run("run", "--", "no-such-program", "-x")

    assert done.returncode == 127
    assert done.stderr == "lineage: cannot run 'no-such-program': there is no such program\n"


def test_a_sitecustomize_of_the_environment_comes_after_ours(program: Program) -> None:
    own = program.folder / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins; builtins.MARK = 'own'", encoding="utf-8")
    program.environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(own)])
    script = program.write(
        "import sitecustomize, sys\n"
        "print(MARK, sitecustomize.__file__, any('_started' in folder for folder in sys.path))"
    )

    done = program.run("run", "--", PYTHON, script)

    assert done.stdout.split() == ["own", str(own / "sitecustomize.py"), "False"]


@pytest.mark.parametrize(
    "broken", ["lineage/__init__.py", "lineage/tracking/joining.py", "producers/sqlite3.py"]
)
def test_a_fault_of_ours_stays_ours(program: Program, broken: str, tmp_path: Path) -> None:
    """A module of ours that cannot be loaded costs the lineage and nothing else."""
    import shutil

    copy = tmp_path / "copy"
    for package in ("lineage", "producers"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / broken).write_text("raise RuntimeError('a fault of ours')", encoding="utf-8")
    folders = os.pathsep.join([str(copy / "producers" / "_started"), str(copy)])
    environment = {**program.environment, "PYTHONPATH": folders, "LINEAGE_INSTRUMENT": "all"}

    done = subprocess.run(
        [PYTHON, program.write(ETL + "print('whole')")],
        cwd=program.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


def test_disabled_lineage_runs_the_program_and_nothing_else(program: Program) -> None:
    program.environment["LINEAGE_DISABLED"] = "true"
    script = program.write("import os; print(os.environ.get('LINEAGE_JOIN'), os.environ['PYTHONPATH'])")

    done = program.run("run", "--", PYTHON, script)

    assert done.stdout.split() == ["None", str(ROOT)]
    assert not list(Path(os.environ["LINEAGE_OUTBOX"]).glob("*"))


def test_a_run_begun_inside_is_a_child_and_not_joined(program: Program) -> None:
    program.write(ETL, "grandchild.py")
    script = program.write(
        "import os, subprocess, sys\n"
        "from lineage import inject, track_run\n"
        "with track_run('inner'):\n"
        "    environment = inject(dict(os.environ), environment=True)\n"
        "    subprocess.run([sys.executable, 'grandchild.py'], env=environment, check=True)\n"
    )

    assert program.run("run", "--", PYTHON, script).returncode == 0

    runs = program.asked("runs")
    names = {run["runId"]: run["job"].rpartition(":")[2] for run in runs}
    above = {names[run["runId"]]: names.get(run["parentRunId"]) for run in runs}
    assert above["inner"] == "etl"
    assert above["etl"] is None
    assert {above[name] for name in above if name.startswith("grandchild")} == {"inner"}


@pytest.mark.parametrize(("wanted", "seen"), [("psycopg", False), ("all", True), ("psycopg, sqlite3", True)])
def test_the_variable_names_what_is_instrumented_without_the_command(
    program: Program, wanted: str, seen: bool
) -> None:
    """It works wherever `lineage` is imported, before or after the library."""
    program.environment["LINEAGE_INSTRUMENT"] = wanted
    script = program.write(
        "import sqlite3\nfrom lineage import track_run\nwith track_run('job'):\n    pass\n" + ETL
    )

    done = subprocess.run(
        [PYTHON, script],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert bool(program.asked("queries")) is seen


def test_an_unknown_name_in_the_variable_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    instrument_when_imported("sqlite, ,no-such-library")

    first, second = (record.getMessage() for record in caplog.records)
    assert "no-such-library cannot be instrumented: known are: " in first
    assert "sqlite cannot be instrumented" in second


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "etl.py", "x.py"], "etl"),
        (["/usr/bin/python3.12", "-u", "-W", "error", "jobs/nightly.py", "-m", "no"], "nightly"),
        (["python", "-m", "package.job", "etl.py"], "package.job"),
        (["python", "-c", "print()", "etl.py"], "python"),
        (["python"], "python"),
        (["./etl.py", "-m", "x"], "etl"),
        (["dbt", "run"], "dbt"),
    ],
)
def test_a_job_is_named_after_its_code(command: list[str], name: str) -> None:
    assert job_name_of(command) == name


def test_a_process_that_uses_no_library_loads_next_to_nothing(program: Program) -> None:
    script = program.write("import sys; print(*sys.modules)")

    loaded = set(program.run("run", "--", PYTHON, script).stdout.split())

    assert "lineage.imported" in loaded
    assert not loaded & {"lineage.config", "lineage.tracking", "lineage.redaction", "openlineage", "sqlite3"}


def test_the_part_of_a_run_that_failed_claims_no_outputs() -> None:
    dag = RunIdentity("00000000-0000-7000-8000-000000000001", "shop", "dag")
    task = RunIdentity("00000000-0000-7000-8000-000000000002", "shop", "dag.task")
    with capture() as events:
        for error in (None, ValueError("no password=hunter2")):
            part = JoinedRun(task, dag)
            process_runs[:] = [part]
            with track_run("inside"):
                pass
            part.input("s3://lake/read")
            part.output("s3://lake/written")
            part.finish(error)
            part.finish()
            assert process_runs == []

    told = events.of_job("dag.task")
    assert [(event["eventType"], len(event["inputs"]), len(event["outputs"])) for event in told] == [
        ("RUNNING", 1, 1),
        ("OTHER", 1, 0),
    ]
    message = told[1]["run"]["facets"]["errorMessage"]["message"]
    assert message.startswith("ValueError: no password=")
    assert "hunter2" not in json.dumps(told)
    assert "errorMessage" not in told[0]["run"]["facets"]
    (parent,) = {
        json.dumps(event["run"]["facets"]["parent"], sort_keys=True) for event in events.of_job("inside")
    }
    assert json.loads(parent)["run"]["runId"] == task.run_id
    assert json.loads(parent)["root"]["run"]["runId"] == dag.run_id
