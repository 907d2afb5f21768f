"""Other processes: nothing of the parent's is true there by itself; a carrier takes over what is meant."""

from __future__ import annotations

import contextvars
import os
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from lineage import track_run
from lineage.context import inject
from lineage.testing import capture

Program = Callable[..., Any]

POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from lineage import attach, inject

def whom(_):
    return who(), os.getpid()

def for_whom(carrier):
    with attach(carrier):
        return who()

def main(method):
    seen = []
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        for actor in ("first", "second", None):
            with use(actor=actor):
                told, pid = pool.submit(whom, 0).result()
                mapped, _ = next(pool.map(whom, [0]))
                carried = pool.submit(for_whom, inject()).result()
                after, same = pool.submit(whom, 0).result()
                assert pid == same != os.getpid()
                seen.append([told, mapped, carried, after])
    print(json.dumps(seen))

if __name__ == "__main__":
    main("METHOD")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_pool_knows_only_what_a_carrier_says(program: Program, method: str) -> None:
    """DR-04: submit and map of a pool that the first request started: nobody's work, but by carrier."""
    assert program(POOL.replace("METHOD", method)) == [
        [None, None, "first", None],
        [None, None, "second", None],
        [None, None, None, None],
    ]


FORK = """
import contextvars
from lineage import current_run, inject, track_run
from lineage.context import attach, active_run, innermost_run

def seen():
    run = innermost_run()
    return who(), run.identity.job_name if run else None, sorted(inject())

read, write = os.pipe()
trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
with attach({"traceparent": trace, "baggage": "lineage.actor=ada,theirs=1"}):
    with track_run("parent"):
        elsewhere = contextvars.copy_context()
        bound = bind(seen)
        assert seen() == elsewhere.run(seen) == bound()
        assert seen() == ("ada", "parent", ["OPENLINEAGE_CONTEXT", "OPENLINEAGE_PARENT_ID",
                          "OPENLINEAGE_ROOT_PARENT_ID", "baggage", "traceparent"])
        if os.fork() == 0:
            here = [seen(), elsewhere.run(seen), bound()]
            with use(actor="child"):
                here.append(seen())
            os.write(write, json.dumps(here).encode())
            os._exit(0)
        os.wait()
        assert who() == "ada"
print(os.read(read, 10_000).decode())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_clears_every_context_of_the_parent(program: Program) -> None:
    """DR-04: fault 3-23: a forked child knows nothing of its parent's, in no Context object."""
    nothing = [None, None, []]

    assert program(FORK) == [nothing, nothing, nothing, ["child", None, ["baggage"]]]


FORK_OF_A_REMOTE_RUN = """
import contextvars
from lineage import attach
from lineage.context import innermost_run

def job():
    run = innermost_run()
    return run and run.identity.job_name

read, write = os.pipe()
with attach({"OPENLINEAGE_PARENT_ID": "ns/job/01941f29-7c00-7077-bcef-1a2b3c4d5e6f"}):
    elsewhere = contextvars.copy_context()
    assert job() == elsewhere.run(job) == "job"
    if os.fork() == 0:
        os.write(write, json.dumps([elsewhere.run(job), job()]).encode())
        os._exit(0)
    os.wait()
    assert job() == "job"
print(os.read(read, 10_000).decode())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_clears_the_remote_run_that_its_parent_worked_for(program: Program) -> None:
    """DR-04: fault 3-23: what a carrier told the parent is not true of the child's later work either."""
    assert program(FORK_OF_A_REMOTE_RUN) == [None, None]


ATTACHED_BEFORE = """
from lineage import attach
from lineage.context import innermost_run

run = "ns/job/01941f29-7c00-7077-bcef-1a2b3c4d5e6f"
held = attach({"baggage": "lineage.actor=ada", "OPENLINEAGE_PARENT_ID": run})
read, write = os.pipe()
if os.fork() == 0:
    with held:
        run = innermost_run()
        os.write(write, json.dumps([who(), run and run.identity.job_name]).encode())
    os._exit(0)
os.wait()
print(os.read(read, 10_000).decode())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_a_child_attaches_itself_is_true_there(program: Program) -> None:
    """DR-04: what counts is where a block is entered, and not where its carrier was read."""
    assert program(ATTACHED_BEFORE) == ["ada", "job"]


def test_fork_pools_do_not_keep_the_context_of_the_request_that_started_them(program: Program) -> None:
    """fault 2.1.3-15: fault 3-23: that context cannot cross processes is wrong under fork; here it holds."""
    assert [told for told, *_ in program(POOL.replace("METHOD", "fork"))] == [None, None, None]


POOL_WITHOUT_BLEEDING = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from lineage import attach, inject

def work(carrier):
    before = who()
    with attach(carrier):
        inside = who()
    return before, inside, who()

def request(number):
    with use(actor=f"actor {number}"):
        if number % 3 == 0:
            return number, pool.submit(work, {}).result(), None
        return number, pool.submit(work, inject()).result(), f"actor {number}"

if __name__ == "__main__":
    with use(actor="whoever was first"):
        pool = ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork"))
        pool.submit(work, {}).result()
    with ThreadPoolExecutor(32) as requests:
        found = list(requests.map(request, range(1000)))
    wrong = [one for one in found if list(one[1]) != [None, one[2], None]]
    pool.shutdown()
    print(json.dumps([len(found), wrong[:5]]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_thousand_requests_over_a_forked_pool_do_not_bleed(program: Program) -> None:
    """DR-04: 1,000 requests in 32 threads share four forked workers, a third of them without a carrier."""
    assert program(POOL_WITHOUT_BLEEDING) == [1000, []]


def test_a_context_cannot_be_pickled_and_a_carrier_can() -> None:
    """DR-20: a Context cannot be sent to another process; a carrier is a plain dict of text."""
    from lineage.context import attach, current, use

    with use(operation="load", actor="ada", attributes={"rows": 3}):
        here = current()
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(contextvars.copy_context())
        carrier = pickle.loads(pickle.dumps(inject()))

    assert type(carrier) is dict
    assert all(type(name) is type(value) is str for name, value in carrier.items())
    with attach(carrier):
        assert current() == here


CHILD = """
import sys
from lineage import track_run
from lineage.testing import capture

with capture(fixed=False) as events:
    with track_run("outer"):
        with track_run("inner"):
            pass
    with track_run("second"):
        pass
facets = {event["job"]["name"]: event["run"]["facets"].get("parent") for event in events}
print(json.dumps({name: parent and [parent["job"]["name"], parent["root"]["job"]["name"]]
                  for name, parent in facets.items()}))
"""


def test_a_process_adopts_the_run_in_its_environment(program: Program) -> None:
    """DR-20: what a scheduler's task starts is its child: the outermost runs have it as their parent."""
    with capture(fixed=False), track_run("dag", job_namespace="airflow://prod/eu"), track_run("task"):
        variables = dict(inject(environment=True))
        assert program(CHILD, **variables) == {
            "outer": ["task", "dag"],
            "inner": ["outer", "dag"],
            "second": ["task", "dag"],
        }
        del variables["OPENLINEAGE_CONTEXT"]
        assert program(CHILD, **variables)["outer"] == ["task", "dag"]
        del variables["OPENLINEAGE_ROOT_PARENT_ID"]
        assert program(CHILD, **variables)["outer"] == ["task", "task"]


def test_a_process_with_a_broken_parent_in_its_environment_has_none(program: Program) -> None:
    """DR-20: what is malformed is left out: an id that is no UUID could not stand in an event."""
    broken = {"OPENLINEAGE_CONTEXT": '{"parent": 3}', "OPENLINEAGE_PARENT_ID": "ns/job/not-a-uuid"}

    assert program(CHILD, **broken) == {"outer": None, "inner": ["outer", "outer"], "second": None}


def test_the_environment_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    with capture(), track_run("one"):
        inject(environment=True)

    assert dict(os.environ) == before


SUBINTERPRETER = """
import _xxsubinterpreters as interpreters

code = '''
from lineage.context import current, use
assert current() is None
with use(actor="inner"):
    assert current().actor == "inner"
'''
with use(actor="outer"):
    other = interpreters.create()
    interpreters.run_string(other, code)
    seen = who()
    interpreters.destroy(other)
print(json.dumps(seen))
"""


def test_a_subinterpreter_has_a_context_of_its_own(program: Program) -> None:
    """fault 3-26: subinterpreters share nothing."""
    pytest.importorskip("_xxsubinterpreters", reason="named so up to Python 3.12")

    assert program(SUBINTERPRETER) == "outer"
