"""Context as it stands on the events of queries: for whom each one ran, and that this may be over."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lineage import ContextThreadPoolExecutor, attach, bind, configure, trace_query
from lineage.context import nobody, use

Event = dict[str, Any]
Told = Callable[[], list[Event]]


def query(text: str = "select 1") -> int:
    """Run a real query under measurement."""
    with sqlite3.connect(":memory:") as connection, trace_query(text, db_system="sqlite"):
        found: int = connection.execute(text).fetchone()[0]
    connection.close()
    return found


def actors(events: list[Event]) -> list[str | None]:
    return [event.get("actor") for event in events]


WHO = {
    "operation": "checkout",
    "actor": "ada",
    "request_id": "r-1",
    "job_id": "j-1",
    "session_id": "s-1",
    "agent": "copilot",
}


def said_of(event: Event) -> dict[str, Any]:
    return {name: event[name] for name in (*WHO, "attributes") if name in event}


def in_a_block() -> None:
    with use(**WHO, attributes={"tenant": "acme"}):
        query()


def in_a_coroutine() -> None:
    async def main() -> None:
        async with use(**WHO, attributes={"tenant": "acme"}):
            await asyncio.sleep(0)
            await asyncio.create_task(asyncio.to_thread(query))

    asyncio.run(main())


def in_blocks_of_blocks() -> None:
    first = dict(list(WHO.items())[:3])
    second = dict(list(WHO.items())[3:])
    with use(**{**first, "actor": "outer"}, attributes={"tenant": "outer"}):
        with use(**second, actor="ada", attributes={"tenant": "acme"}):
            query()
        query()


def in_threads() -> None:
    with use(**WHO, attributes={"tenant": "acme"}), ContextThreadPoolExecutor(1) as pool:
        pool.submit(query).result()
        bound = bind(query)
    thread = threading.Thread(target=bound)
    thread.start()
    thread.join()


@pytest.mark.parametrize("ask", [in_a_block, in_a_coroutine, in_blocks_of_blocks, in_threads])
def test_a_query_says_all_that_was_said_of_the_work_around_it(told: Told, ask: Callable[[], None]) -> None:
    """DC-19: operation, actor, request, job, session, agent and attributes: sync, async, nested, threads."""
    ask()
    query()

    first, *_, outside = told()
    assert said_of(first) == {**WHO, "attributes": {"tenant": "acme"}}
    assert said_of(outside) == {}
    if ask is in_blocks_of_blocks:
        assert said_of(told()[1]) == {
            "operation": "checkout",
            "actor": "outer",
            "request_id": "r-1",
            "attributes": {"tenant": "outer"},
        }


def test_a_decorated_coroutine_has_its_context_at_every_step(told: Told) -> None:
    """Fault 2.1.3-6: around a coroutine function, `use` holds while it runs, not while it is made."""

    @use(actor="ada")
    async def work() -> None:
        query()
        await asyncio.sleep(0)
        query()

    made = work()
    query()
    asyncio.run(made)
    query()

    assert actors(told()) == [None, "ada", "ada", None]


def test_a_task_that_outlives_its_parent_says_so(told: Told) -> None:
    """DR-18: a fire-and-forget task keeps its parent's context, marked once the parent's block was left."""

    async def work() -> None:
        query("select 1")
        await parent_left.wait()
        query("select 2")

    async def main() -> None:
        with use(actor="parent", request_id="r-1"):
            task = asyncio.create_task(work())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            query("select 3")
        with use(actor="another"):
            parent_left.set()
            await task
        query("select 4")

    parent_left = asyncio.Event()
    asyncio.run(main())

    said = [(event.get("actor"), event.get("request_id"), event.get("scope_ended")) for event in told()]
    assert said == [
        ("parent", "r-1", None),
        ("parent", "r-1", None),
        ("parent", "r-1", True),
        (None, None, None),
    ]


def test_a_thread_that_outlives_its_parent_says_so(told: Told) -> None:
    """DR-18: so does what was bound, and what works for a carrier whose block was left."""
    with attach({"baggage": "lineage.actor=remote"}):
        late = bind(query)
    late()
    with use(actor="parent"):
        late = bind(query)
        late()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(late).result()

    assert [(event.get("actor"), event.get("scope_ended")) for event in told()] == [
        ("remote", True),
        ("parent", None),
        ("parent", True),
    ]


def test_a_query_that_ends_in_a_librarys_own_thread_belongs_to_who_began_it(told: Told) -> None:
    """DR-17: context is taken where a query begins; what that thread does besides is nobody's."""
    pool = ThreadPoolExecutor(1)
    pool.submit(int).result()

    def execute() -> concurrent.futures.Future[None]:
        measured = trace_query("select 1", db_system="sqlite")
        started = measured.__enter__()
        assert started is not None

        def run() -> None:
            measured.__exit__(None, None, None)
            query("select 'housekeeping of the driver'")

        return pool.submit(run)

    for actor in ("first", "second"):
        with use(actor=actor):
            execute().result()
    pool.shutdown()

    assert actors(told()) == ["first", None, "second", None]


def test_what_has_no_context_says_nothing_rather_than_something_stale(told: Told) -> None:
    """fault 3-27: every boundary that loses context gives a query without an actor, over warm workers."""
    with ThreadPoolExecutor(1) as pool:
        with use(actor="first"):
            pool.submit(query).result()
            pool.submit(bind(query)).result()
            asyncio.run(asyncio.to_thread(query))  # type: ignore[arg-type]
        with use(actor="second"):
            pool.submit(query).result()
        pool.submit(query).result()
        with use(actor="third"), nobody():
            query()

    assert actors(told()) == [None, "first", "first", None, None, None]


def test_three_threads_tell_of_their_own_requests(told: Told) -> None:
    """DR-16: three explicit threads and the events of their queries."""
    together = threading.Barrier(3, timeout=10)

    def work() -> None:
        together.wait()
        query()

    threads = []
    for number in range(3):
        with use(request_id=f"r-{number}"):
            threads.append(threading.Thread(target=bind(work)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(event["request_id"] for event in told()) == ["r-0", "r-1", "r-2"]


def test_three_concurrent_calls_tell_of_their_own_requests(told: Told) -> None:
    """DR-15: three concurrent async calls and the events of their queries."""

    async def call(number: int) -> None:
        with use(request_id=f"r-{number}"):
            await asyncio.sleep(0)
            query()
            await asyncio.to_thread(query)

    async def main() -> None:
        await asyncio.gather(*(call(number) for number in range(3)))

    asyncio.run(main())
    assert sorted(event["request_id"] for event in told()) == ["r-0", "r-0", "r-1", "r-1", "r-2", "r-2"]


def nested(depth: int) -> None:
    if depth > 1:
        nested(depth - 1)
    else:
        query()


def frames(event: Event) -> int:
    stack: str = event["callsite"]["stack"]
    return stack.count(" nested")


@pytest.mark.parametrize(
    ("setting", "seen"),
    [
        pytest.param("all", 200, id="all"),
        pytest.param(20, 19, id="20"),
        pytest.param(10, 9, id="10"),
    ],
)
def test_stacks_are_as_long_as_the_setting_says(setting: int | str, seen: int, told: Told) -> None:
    """DR-08, DR-10: all frames on request, or as many as asked for; the first is the innermost."""
    configure(callsite_frames=setting)
    nested(200)

    (event,) = told()
    assert frames(event) == seen
    assert event["callsite"]["stack"].startswith("test_queries:")
    assert event["callsite"]["function"] == "query"


def test_stacks_have_ten_frames_by_default(told: Told) -> None:
    """DR-09: a bound that nobody has to think of."""
    nested(200)

    (event,) = told()
    assert event["callsite"]["stack"].count(" -> ") == 9


def test_a_stack_holds_code_only(told: Told) -> None:
    """fault 3-29: files, lines and names of functions, and no argument, local variable or source text."""

    def with_secret(password: str) -> None:
        query()

    with_secret("hunter2")

    (event,) = told()
    assert "hunter2" not in str(event)
    assert "with_secret" in event["callsite"]["stack"]


def test_the_frames_of_coroutines_that_wait_for_each_other_are_seen(told: Told) -> None:
    """fault 3-29: awaiting coroutines stand on the stack of the step that runs; other tasks do not."""

    async def inner() -> None:
        await asyncio.sleep(0)
        query()

    async def outer() -> None:
        await inner()

    async def main() -> None:
        await asyncio.create_task(outer())

    asyncio.run(main())
    (event,) = told()
    assert [part.split()[-1] for part in event["callsite"]["stack"].split(" -> ")][:3] == [
        "query",
        "inner",
        "outer",
    ]


def test_code_in_a_folder_named_as_ours_has_its_callsite(
    told: Told, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fault 2.3-4: frames are ours by where we are installed, and never by a word in their path."""
    folder = tmp_path / "srv" / "lineage-monitor" / "lineage" / "context"
    folder.mkdir(parents=True)
    (folder / "lineage_instrumentation.py").write_text(
        "from lineage import trace_query\n\ndef load():\n    with trace_query('select 1'):\n        pass\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    import lineage_instrumentation  # type: ignore[import-not-found]

    lineage_instrumentation.load()
    (event,) = told()
    assert (event["callsite"]["file"], event["callsite"]["line"]) == ("lineage_instrumentation.py", 4)


def test_a_lost_parent_in_a_thread_pool_can_be_kept(told: Told) -> None:
    """fault 2.2-9: a query in a thread pool loses its parent, and keeps it with our executor."""
    from lineage import track_run
    from lineage.testing import capture

    with capture(fixed=False), track_run("load") as run, ContextThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: query(), range(2))) == [1, 1]
        events = told()

    assert [(event["run_id"], event["job_name"]) for event in events] == [(run.run_id, "load")] * 2
