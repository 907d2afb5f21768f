"""The worker process starts when needed, is kept, and goes with what asked it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from lineage.sql import extract
from lineage.sql.apart import worker as shared_worker
from lineage.sql.process import Request, Worker

DEEP = f"INSERT INTO o SELECT {'(' * 300}a{')' * 300} AS a FROM "


def request(table: str = "t", sql: str = DEEP) -> Request:
    return Request(sql + table, None, (), None, None, False)


@pytest.fixture
def worker() -> Iterator[Worker]:
    started = Worker()
    yield started
    started.stop()


def tables(worker: Worker, table: str = "t") -> list[str]:
    reply = worker.ask(request(table))
    assert reply.fault is None
    assert reply.read is not None
    return [each.name for each in reply.read.lineage.inputs]


def running(worker: Worker) -> int:
    assert worker.pid is not None
    return worker.pid


def is_gone(pid: int, seconds: float = 8.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_one_process_serves_every_text(worker: Worker) -> None:
    assert worker.pid is None
    assert tables(worker, "t1") == ["t1"]
    first = running(worker)
    assert tables(worker, "t2") == ["t2"]
    assert running(worker) == first


def test_the_process_leads_a_group_of_its_own(worker: Worker) -> None:
    tables(worker)
    assert os.getpgid(running(worker)) == running(worker) != os.getpgid(0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_died_is_started_again(worker: Worker, number: int) -> None:
    tables(worker)
    first = running(worker)
    os.kill(first, number)
    assert is_gone(first)
    assert tables(worker) == ["t"]
    assert running(worker) != first


def test_a_process_that_dies_at_work_is_told_and_started_again(worker: Worker) -> None:
    tables(worker)
    os.kill(running(worker), signal.SIGSTOP)
    killer = threading.Timer(0.3, os.kill, (running(worker), signal.SIGSEGV))
    waker = threading.Timer(0.4, os.kill, (running(worker), signal.SIGCONT))
    killer.start()
    waker.start()
    reply = worker.ask(request())
    assert reply.fault == "the worker process was ended by SIGSEGV"
    assert not reply.passing
    assert tables(worker) == ["t"]
    waker.join()


def test_a_process_that_does_not_answer_in_time_is_ended(worker: Worker) -> None:
    tables(worker)
    silent = running(worker)
    os.kill(silent, signal.SIGSTOP)
    started = time.monotonic()
    reply = worker.ask(request(), seconds=0.3)
    assert time.monotonic() - started < 5
    assert reply.fault == "the worker process did not answer in time and was ended"
    assert is_gone(silent)
    assert tables(worker) == ["t"]


def test_threads_get_their_own_answers(worker: Worker) -> None:
    found: dict[int, list[str]] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: tables(worker, f"t{i}")})) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: [f"t{i}"] for i in range(8)}


def test_a_forked_child_starts_its_own_process_and_leaves_the_parents_alone(worker: Worker) -> None:
    tables(worker)
    parents = running(worker)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            own = worker.pid is None and tables(worker, "c") == ["c"] and running(worker) != parents
            worker.stop()
            status = 0 if own else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert tables(worker, "p") == ["p"]
    assert running(worker) == parents


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_forked_while_a_thread_asks_does_not_wait_for_it(worker: Worker) -> None:
    tables(worker)
    os.kill(running(worker), signal.SIGSTOP)
    asking = threading.Thread(target=worker.ask, args=(request(), 1.0))
    asking.start()
    time.sleep(0.1)
    child = os.fork()
    if child == 0:
        try:
            started = time.monotonic()
            worker.stop()
            os._exit(0 if time.monotonic() - started < 0.5 else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    asking.join()


ASKS = """
import os, sys, time
from lineage.sql.apart import worker
from lineage.sql.process import Request
sql = "INSERT INTO o SELECT " + "(" * 300 + "a" + ")" * 300 + " AS a FROM t"
worker.ask(Request(sql, None, (), None, None, False))
print(worker.pid, flush=True)
"""


def test_the_process_ends_with_the_program() -> None:
    ended = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert is_gone(int(ended.stdout), 0.5)


@pytest.mark.parametrize("busy", [False, True])
def test_the_process_ends_with_a_program_that_is_killed(busy: bool) -> None:
    arms = "' UNION ALL '.join(f'SELECT a FROM t{i}' for i in range(30000))"
    work = f"worker.ask(Request({arms}, None, (), None, None, False), 60)"
    code = ASKS + (work if busy else "time.sleep(60)")
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    time.sleep(0.2)
    assert psutil.pid_exists(pid)
    program.kill()
    program.wait()
    program.stdout.close()
    assert is_gone(pid)


def test_a_process_ends_though_a_fork_of_the_killed_program_lives_on() -> None:
    code = ASKS + "\nif os.fork() == 0:\n    time.sleep(30)\ntime.sleep(60)"
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    time.sleep(0.2)
    program.kill()
    program.wait()
    assert is_gone(pid)
    os.killpg(program.pid, signal.SIGKILL)
    program.stdout.close()


def test_a_process_that_cannot_be_started_is_said_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shared_worker.stop()
    sql = DEEP + "startable"
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        result = extract(sql, apart=True)
        assert any("could not be started (FileNotFoundError)" in problem for problem in result.problems)
    assert [table.name for table in extract(sql, apart=True).inputs] == ["startable"]


def test_modules_and_settings_of_the_working_directory_change_nothing(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sqlglot.py", "pickle.py", "sqllineage.py"):
        with open(os.path.join(tmp_path, name), "w") as module:
            module.write("raise RuntimeError('not this one')")
    with open(os.path.join(tmp_path, ".sqlfluff"), "w") as settings:
        settings.write("[sqlfluff]\ntemplater = nonsense\n")
    monkeypatch.chdir(tmp_path)
    started = Worker()
    try:
        assert tables(started) == ["t"]
        confirming = Request("SELECT a FROM chdir", None, (), None, None, True)
        reply = started.ask(confirming)
        assert reply.opinions[0][0].inputs[0].confirmed is True
    finally:
        started.stop()


def test_neither_asking_nor_answering_loads_sqllineage_here() -> None:
    code = (
        "import sys; from lineage.sql import extract; "
        "r = extract('INSERT INTO o SELECT a FROM t', confirm=True); "
        "assert r.inputs[0].confirmed is True; "
        "assert not {'sqllineage', 'sqlfluff'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
