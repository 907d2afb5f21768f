"""The line of the application that runs a query, exactly, from every way to run one."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Integer, String, create_engine, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import producers
from lineage import capture_query, configure, instrument_function, trace_query
from lineage.attribution import functions
from lineage.attribution.callsite import MAX_BETWEEN, MAX_LOOKED_AT, Application, application_spots
from lineage.config import current_config

Event = dict[str, Any]
Told = Callable[[], list[Event]]

FILE = Path(__file__)


def line() -> int:
    """Return the line this is called on."""
    return sys._getframe(1).f_lineno


def execute(query: str) -> None:
    """Stands for a function of the application that tests instrument."""


EXECUTE_LINE = execute.__code__.co_firstlineno


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    module = types.ModuleType("callsite_app")
    module.execute = execute  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "callsite_app", module)
    instrument_function("callsite_app.execute", query_arg="query")
    yield module
    for instrument in list(functions._installed.values()):
        instrument.uninstall()


@pytest.fixture
def sqlalchemy() -> Iterator[None]:
    producers.install("sqlalchemy")
    yield
    producers.uninstall("sqlalchemy")


def site(event: Event) -> tuple[str, int, str]:
    return event["callsite"]["path"], event["callsite"]["line"], event["callsite"]["function"]


def test_of_a_block_it_is_the_line_of_the_with(told: Told) -> None:
    """DC-14: fault 2.1.3-3, fault 3-2: not contextlib's, also in a coroutine."""

    async def main() -> int:
        async with trace_query("b"):
            return line() - 1

    with trace_query("a"):
        here = line() - 1
    there = asyncio.run(main())
    outer = "test_of_a_block_it_is_the_line_of_the_with"
    assert [site(event) for event in told()] == [
        (__file__, here, outer),
        (__file__, there, f"{outer}.<locals>.main"),
    ]
    assert told()[0]["callsite"]["file"] == "test_callsite.py"


def test_of_a_wrapped_function_it_is_the_line_of_the_call(told: Told, wrapped: Any) -> None:
    """DC-14: the wrapper, `capture_query`, and through the application's own decorators."""

    def decorator(function: Callable[[], None]) -> Callable[[], None]:
        @wraps(function)
        def inner() -> None:
            function()

        return inner

    @decorator
    def load() -> None:
        wrapped.execute("b")
        lines.append(line() - 1)

    lines: list[int] = []
    wrapped.execute("a")
    lines.append(line() - 1)
    load()
    capture_query("c")
    lines.append(line() - 1)
    assert [event["callsite"]["line"] for event in told()] == lines
    first, second, *_ = told()[1]["callsite"]["stack"].split(" -> ")
    assert first == f"test_callsite:{lines[1]} load"
    assert second.endswith(" inner")


def test_of_a_decorated_function_it_is_the_line_of_the_call(told: Told) -> None:
    """DC-14: functions, coroutines and generators under `trace_query`."""

    @trace_query("a")
    def plain() -> None:
        pass

    @trace_query("b")
    async def awaited() -> None:
        pass

    @trace_query("c")
    def generated() -> Iterator[int]:
        yield 1

    async def main() -> int:
        await awaited()
        return line() - 1

    plain()
    lines = [line() - 1]
    lines.append(asyncio.run(main()))
    for _ in generated():
        lines.append(line() - 1)  # noqa: PERF401 - it is the line that counts
    assert [event["callsite"]["line"] for event in told()] == lines


def test_in_threads_it_is_the_line_of_the_thread_s_code(told: Told, wrapped: Any) -> None:
    """DC-14: fault 2.1.3-5: where a pool runs the function itself, the function's own place."""

    def work() -> None:
        wrapped.execute("a")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(wrapped.execute, "b").result()
    in_thread, in_pool = told()
    assert site(in_thread)[1:] == (
        work.__code__.co_firstlineno + 1,
        "test_in_threads_it_is_the_line_of_the_thread_s_code.<locals>.work",
    )
    assert in_thread["callsite"]["stack"].count("->") == 0
    assert site(in_pool) == (__file__, EXECUTE_LINE, "execute")


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(10))


@pytest.mark.usefixtures("sqlalchemy")
def test_of_an_engine_it_is_the_line_that_asks_it(told: Told) -> None:
    """DC-14: fault 2.1.3-4: SQLAlchemy core, ORM query, flush and lazy load."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    told().clear()
    with engine.connect() as connection:
        connection.execute(text("select 1"))
        lines = [line() - 1]
    with Session(engine) as session:
        session.add(User(id=1, name="a"))
        session.flush()
        lines.append(line() - 1)
        user = session.scalars(select(User)).one()
        lines.append(line() - 1)
        session.expire(user)
        assert user.name == "a"
        lines.append(line() - 1)
    engine.dispose()
    assert [event["callsite"]["line"] for event in told()] == lines
    assert {event["callsite"]["path"] for event in told()} == {__file__}


@pytest.mark.usefixtures("sqlalchemy")
def test_of_an_async_engine_it_is_the_line_that_awaits(told: Told) -> None:
    """DC-14: fault 2.1.3-4: through the greenlet; and of `run_sync`, the line inside with the one around."""

    async def main() -> list[int]:
        engine = create_async_engine("sqlite+aiosqlite://")
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))
            lines = [line() - 1]

            def inside(sync_connection: Any) -> None:
                sync_connection.execute(text("select 2"))
                lines.append(line() - 1)

            await connection.run_sync(inside)
            lines.append(line() - 1)
        await engine.dispose()
        return lines

    awaited, inside, around = asyncio.run(main())
    core, sync = told()
    assert core["callsite"]["line"] == awaited
    first, second, *_ = sync["callsite"]["stack"].split(" -> ")
    assert first == f"test_callsite:{inside} inside"
    assert second == f"test_callsite:{around} main"


def loaded(path: Path, code: str) -> types.ModuleType:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ASKING = "from lineage import trace_query\ndef ask():\n    with trace_query('q'):\n        pass\n"


@pytest.mark.parametrize(
    "place",
    [
        "datacontext_x.py",
        "lineage_tools/db.py",
        "srv/lineage/app/lineage/attribution/query.py",
        "srv/producers/app.py",
        "data-drift-monitor/instrumentation/app.py",
        "old-site-packages/app.py",
    ],
)
def test_a_project_named_like_ours_is_the_application(told: Told, tmp_path: Path, place: str) -> None:
    """DC-14: fault 2.1.3-5, as is one of any name below a folder of any name."""
    loaded(tmp_path / place, ASKING).ask()
    (event,) = told()
    assert site(event) == (str(tmp_path / place), 3, "ask")


def test_an_installed_package_is_the_application_where_the_settings_say_so(
    told: Told, tmp_path: Path
) -> None:
    """DC-14: below `site-packages` nothing is the application, whatever stands around it; `callsite_keep`."""
    module = loaded(tmp_path / "site-packages" / "shop" / "db.py", ASKING)
    module.ask()
    lines = [line() - 1]
    configure(callsite_keep=[str(tmp_path / "site-packages" / "shop")])
    module.ask()
    configure(callsite_skip=[str(FILE)], callsite_keep=[str(tmp_path)])
    module.ask()
    first, second, third = told()
    assert site(first)[:2] == (__file__, lines[0])
    assert second["callsite"]["stack"].startswith(f"db:3 ask -> test_callsite:{lines[0] + 3} ")
    assert third["callsite"]["stack"].startswith("db:3 ask")
    assert "test_callsite" not in third["callsite"]["stack"]


def test_code_that_the_settings_skip_is_not_the_application(told: Told, tmp_path: Path) -> None:
    configure(callsite_skip=[str(tmp_path / "shop" / "db.py")])
    loaded(tmp_path / "shop" / "db.py", ASKING).ask()
    here = line() - 1
    (event,) = told()
    assert site(event)[:2] == (__file__, here)


def deep(depth: int, function: Callable[[], Any]) -> Any:
    return function() if depth == 0 else deep(depth - 1, function)


@pytest.mark.parametrize(("frames", "told_lines"), [(None, 10), (3, 3), (20, 20), ("all", None)])
def test_the_stack_has_as_many_lines_as_the_settings_say(
    told: Told, frames: int | str | None, told_lines: int | None
) -> None:
    """DC-14, DR-08, DR-09, DR-10: 10 by default, innermost first, `all` for all."""
    configure(callsite_frames=frames)

    def ask() -> None:
        with trace_query("q"):
            pass

    deep(200, ask)
    (event,) = told()
    stack = event["callsite"]["stack"].split(" -> ")
    assert stack[0].endswith(" ask")
    assert stack[1].endswith(" deep")
    assert len(stack) == told_lines if told_lines is not None else len(stack) > 200


class Counting(dict[str, bool | None]):
    """What was decided about files; counts how many frames are looked at."""

    looked_at = 0

    def __getitem__(self, path: str) -> bool | None:
        self.looked_at += 1
        return super().__getitem__(path)


@pytest.mark.parametrize("library", [False, True])
def test_the_cost_is_flat_in_the_depth_of_the_stack(library: bool) -> None:
    """Fault 3-29: what is looked at is bounded, below code of the application and of libraries."""
    if library:
        configure(callsite_skip=[str(FILE)])
    looked_at = []
    for depth in (10, 30, 60, 900):
        application = Application(current_config())
        application.files = counted = Counting()
        deep(depth, lambda found=application: application_spots(sys._getframe(0), found))
        looked_at.append(counted.looked_at)
    assert looked_at == [10] * 4 if not library else looked_at[-1] == max(looked_at) == MAX_LOOKED_AT


@pytest.mark.parametrize(("between", "seen"), [(MAX_BETWEEN, True), (MAX_BETWEEN + 1, False)])
def test_a_middleware_is_seen_behind_a_framework_and_the_server_is_not_searched(
    between: int, seen: bool
) -> None:
    """Fault 3-29: what stands between two lines of the application is bounded."""
    code = "def framework(depth, work): return work() if depth == 1 else framework(depth - 1, work)"
    names: dict[str, Any] = {}
    exec(compile(code, "/opt/site-packages/framework.py", "exec"), names)
    application = Application(current_config())

    def handler() -> Any:
        return application_spots(sys._getframe(0), application)

    found = names["framework"](between, handler)
    assert found[0][0] is handler.__code__
    assert (len(found) > 1) == seen


def test_no_source_is_read_and_no_stack_is_inspected() -> None:
    """Fault 2.1.4: a query opens no file of source and loads nothing that would."""
    code = """
import sys
opened = []
sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == "open" else None)
from lineage import configure, trace_query
from lineage.attribution import flush_queries
configure(sink=lambda event: events.append(event))
events = []
with trace_query("select 1"): pass
assert flush_queries(10)
linecache = sys.modules.get("linecache")
before = set(linecache.cache) if linecache else set()
opened.clear()
def ask():
    with trace_query("select 2"): pass
ask()
assert flush_queries(10)
assert events[1]["callsite"]["function"] == "ask", events
assert [path for path in opened if path.endswith(".py")] == [], opened
linecache = sys.modules.get("linecache")
assert linecache is None or set(linecache.cache) == before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_no_application_on_the_stack_is_said_and_not_guessed(told: Told) -> None:
    configure(callsite_skip=[str(FILE.parents[3])])
    with trace_query("q"):
        pass
    (event,) = told()
    assert event["callsite"] == {
        "file": "unknown",
        "path": "unknown",
        "line": 0,
        "function": "unknown",
        "stack": "",
    }


def test_a_function_a_library_makes_from_text_is_not_the_application(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DC-14: `python -c` is the application, what SQLAlchemy compiles from text is not."""
    monkeypatch.setattr(sys, "argv", ["-c"])
    names: dict[str, Any] = {"__name__": "some.library", "trace_query": trace_query}
    exec(compile("def run():\n    with trace_query('select 1'): pass", "<string>", "exec"), names)
    names["run"]()
    assert [one["callsite"]["path"] for one in told()] == [__file__]
