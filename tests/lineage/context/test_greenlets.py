"""gevent and eventlet, in processes of their own: greenlets begin without context, and `bind` carries it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

Program = Callable[..., Any]

EPILOGUE = """
for actor in ("first", "second"):
    with use(actor=actor):
        found = {name: cell(who) for name, cell in CELLS.items()}
        bound = {name: cell(bind(who)) for name, cell in CELLS.items()}
        assert who() == actor
    assert set(bound.values()) == {actor}, bound
    assert set(found.values()) == {None}, found
print(json.dumps(sorted(found)))
"""

ISOLATION = """
def request(number):
    with use(actor=number):
        sleep(0.0001 * (number % 5))
        first = who()
        sleep(0)
        return first == who() == str(number)
"""

GEVENT = """
import gevent, gevent.pool, gevent.threadpool, greenlet
from gevent import sleep

threads = gevent.threadpool.ThreadPool(1)
pool = gevent.pool.Pool(2)

def raw(function):
    seen = []
    greenlet.greenlet(lambda: seen.append(function())).switch()
    return seen[0]

def later(function):
    seen = []
    gevent.spawn_later(0, lambda: seen.append(function())).join()
    return seen[0]

CELLS = {
    "spawn": lambda function: gevent.spawn(function).get(),
    "spawn_later": later,
    "Pool.spawn": lambda function: pool.spawn(function).get(),
    "Pool.map": lambda function: pool.map(lambda _: function(), [1])[0],
    "ThreadPool.spawn": lambda function: threads.spawn(function).get(),
    "ThreadPool.apply": lambda function: threads.apply(function),
    "raw greenlet": raw,
}
"""

MONKEY = """
from gevent import monkey
monkey.patch_all()
"""

MONKEY_CELLS = """
import threading
from concurrent.futures import ThreadPoolExecutor
from lineage import ContextThreadPoolExecutor

plain, ours = ThreadPoolExecutor(1), ContextThreadPoolExecutor(1)

def thread(function):
    seen = []
    one = threading.Thread(target=lambda: seen.append(function()))
    one.start()
    one.join()
    return seen[0]

CELLS |= {"Thread": thread, "ThreadPoolExecutor": lambda function: plain.submit(function).result()}
with use(actor="ada"):
    assert ours.submit(who).result() == "ada"
assert ours.submit(who).result() is None
"""


def test_gevent_carries_nothing_by_itself_and_bind_carries_it(program: Program) -> None:
    """DR-19: fault 3-28: spawn, Pool, threadpool and raw greenlets, without monkey-patching."""
    assert len(program(GEVENT + EPILOGUE)) == 7


def test_gevent_with_monkey_patching_is_the_same(program: Program) -> None:
    """DR-19: fault 3-28: threads and executors that are greenlets, too, and our executor over them."""
    assert len(program(MONKEY + GEVENT + MONKEY_CELLS + EPILOGUE)) == 9


@pytest.mark.parametrize("monkey", ["", MONKEY])
def test_greenlets_do_not_see_each_other(program: Program, monkey: str) -> None:
    """DR-19: a thousand greenlets at once, each with a context of its own over its switches."""
    text = GEVENT + ISOLATION + "jobs = [gevent.spawn(request, number) for number in range(1000)]\n"
    text += "gevent.joinall(jobs)\nprint(json.dumps(sum(job.value for job in jobs)))\n"

    assert program(monkey + text) == 1000


RUNS = """
import lineage
from lineage.testing import capture

def work(number):
    with lineage.track_run(f"outer {number}"):
        sleep(0.0001 * (number % 5))
        with lineage.track_run(f"inner {number}"):
            sleep(0)

with capture(fixed=False) as events, lineage.track_run("around"):
    gevent.joinall([gevent.spawn(work, number) for number in range(50)])
    gevent.joinall([gevent.spawn(bind(work), number) for number in range(50, 60)])
parents = {event["job"]["name"]: event["run"]["facets"]["parent"]["job"]["name"]
           for event in events if "parent" in event["run"]["facets"]}
assert all(parents[f"inner {number}"] == f"outer {number}" for number in range(60))
print(json.dumps(sorted(name for name, parent in parents.items() if parent == "around")))
"""


def test_runs_in_greenlets_are_children_of_nothing_unless_bound(program: Program) -> None:
    """DR-19: so are runs: one begun in a greenlet has the run around it as its parent only when bound."""
    assert program(MONKEY + GEVENT + RUNS) == [f"outer {number}" for number in range(50, 60)]


EVENTLET = """
import warnings
warnings.simplefilter("ignore")
import eventlet, eventlet.tpool
from eventlet import sleep
import greenlet

pool = eventlet.GreenPool(2)

def later(function):
    seen = []
    eventlet.spawn_after(0, lambda: seen.append(function())).wait()
    return seen[0]

CELLS = {
    "spawn": lambda function: eventlet.spawn(function).wait(),
    "spawn_after": later,
    "GreenPool.spawn": lambda function: pool.spawn(function).wait(),
    "GreenPool.imap": lambda function: next(pool.imap(lambda _: function(), [1])),
    "tpool.execute": lambda function: eventlet.tpool.execute(function),
}
"""


@pytest.mark.skipif(importlib.util.find_spec("eventlet") is None, reason="eventlet is not installed")
def test_eventlet_carries_nothing_by_itself_and_bind_carries_it(program: Program) -> None:
    """DR-19: fault 3-28: spawn, GreenPool and tpool; a thousand of them do not see each other."""
    assert len(program(EVENTLET + EPILOGUE)) == 5
    text = ISOLATION + "jobs = [eventlet.spawn(request, number) for number in range(1000)]\n"
    assert program(EVENTLET + text + "print(json.dumps(sum(job.wait() for job in jobs)))\n") == 1000
