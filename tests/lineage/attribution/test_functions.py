"""`instrument_function`: one event per call, and the function stays what it was."""

from __future__ import annotations

import asyncio
import inspect
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from lineage import instrument_function
from lineage.errors import InstrumentError

Event = dict[str, Any]
Told = Callable[[], list[Event]]

QUERY = "select name from users where id = 7"
SHAPE = "select name from users where id = ?"


class Result:
    """What a driver would return."""


class App:
    """The functions of the module `shop_app`, which the tests instrument."""

    result = Result()

    @staticmethod
    def execute(query: str, parameters: object = None) -> Result:
        return App.result

    @staticmethod
    def execute_default(parameters: object = None, query: str = QUERY) -> Result:
        return App.result

    @staticmethod
    def execute_keyword(*, query: str) -> Result:
        return App.result

    @staticmethod
    def execute_kwargs(**options: Any) -> Result:
        return App.result

    @staticmethod
    def execute_args(*args: Any) -> Result:
        return App.result

    @staticmethod
    def fail(query: str) -> None:
        raise KeyError("user 4711")

    @staticmethod
    async def execute_async(query: str) -> Result:
        await asyncio.sleep(0.02)
        return App.result

    @staticmethod
    def later(query: str) -> Any:
        return App.execute_async(query)

    @staticmethod
    def rows(query: str) -> Iterator[int]:
        yield from (1, 2, 3)

    @staticmethod
    async def rows_async(query: str) -> AsyncIterator[int]:
        for number in (1, 2, 3):
            yield number


class Database:
    """A class of the module, with every kind of method."""

    def method(self, query: str) -> tuple[object, str]:
        return self, query

    @classmethod
    def of_class(cls, query: str) -> tuple[type, str]:
        return cls, query

    @staticmethod
    def static(query: str) -> str:
        return query


class Child(Database):
    """Inherits everything."""


class AsyncCallable:
    """An object that is awaited when called."""

    async def __call__(self, query: str) -> str:
        await asyncio.sleep(0.02)
        return query


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module `shop_app`, importable while the test runs; nothing of it is instrumented afterwards."""
    module = types.ModuleType("shop_app")
    for name, value in vars(App).items():
        if isinstance(value, staticmethod):
            setattr(module, name, value.__func__)
    module.Database = type("Database", (), dict(vars(Database)))  # type: ignore[attr-defined]
    module.Child = type("Child", (module.Database,), {})  # type: ignore[attr-defined]
    module.call = AsyncCallable()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop_app", module)
    yield module
    from lineage.attribution import functions

    for instrument in list(functions._installed.values()):
        instrument.uninstall()


@pytest.mark.parametrize(
    ("name", "query_arg", "args", "kwargs"),
    [
        ("execute", "query", (QUERY,), {}),
        ("execute", "query", (), {"query": QUERY}),
        ("execute", 0, (QUERY,), {}),
        ("execute", 0, (), {"query": QUERY}),
        ("execute_default", "query", (), {}),
        ("execute_default", "query", (None, QUERY), {}),
        ("execute_keyword", "query", (), {"query": QUERY}),
        ("execute_kwargs", "query", (), {"query": QUERY}),
        ("execute_args", 1, ("x", QUERY), {}),
    ],
)
def test_the_query_is_taken_from_the_argument_named(
    app: Any, told: Told, name: str, query_arg: str | int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """DC-03: positional, keyword, default, *args and **kwargs (fault 2.1.3-7)."""
    instrument_function(f"shop_app.{name}", query_arg=query_arg, db_system="postgresql", client="own")
    assert getattr(app, name)(*args, **kwargs) is App.result
    (event,) = told()
    assert event["query_text"] == SHAPE
    assert (event["db_system"], event["client"], event["service_name"]) == ("postgresql", "own", "shop")


def test_a_call_that_raises_is_told_once_and_its_exception_stays(app: Any, told: Told) -> None:
    """DC-04, DC-06: the same exception object with the same traceback's end, one event with status error."""
    with pytest.raises(KeyError) as plain:
        app.fail(QUERY)
    instrument_function("shop_app.fail", query_arg="query")
    with pytest.raises(KeyError) as raised:
        app.fail(QUERY)
    assert raised.value.args == plain.value.args
    assert raised.traceback[-1].name == "fail"
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    (event,) = told()
    assert event["status"] == "error"
    assert event["error"]["type"] == "KeyError"
    assert "4711" not in str(event)


def test_a_coroutine_function_stays_one_and_is_measured_to_its_end(app: Any, told: Told) -> None:
    """DC-03, DC-05: also a plain function that returns a coroutine (fault 2.1.3-6)."""
    instrument_function("shop_app.execute_async", query_arg="query")
    assert inspect.iscoroutinefunction(app.execute_async)
    assert asyncio.run(app.execute_async(QUERY)) is App.result
    (event,) = told()
    assert event["duration_ms"] >= 15


def test_a_coroutine_that_a_plain_function_returns_is_measured_to_its_end(app: Any, told: Told) -> None:
    """Fault 2.1.3-6: not ended when the coroutine is made."""
    instrument_function("shop_app.later", query_arg="query")
    coroutine = app.later(QUERY)
    assert inspect.iscoroutine(coroutine)
    assert told() == []
    assert asyncio.run(coroutine) is App.result
    (event,) = told()
    assert event["duration_ms"] >= 15


def test_an_object_with_an_async_call_is_measured_to_its_end(app: Any, told: Told) -> None:
    """Fault 2.1.3-6: an object whose `__call__` is a coroutine function."""
    instrument_function("shop_app.call", query_arg="query")
    assert asyncio.run(app.call(QUERY)) == QUERY
    (event,) = told()
    assert event["duration_ms"] >= 15


def test_a_future_stays_the_same_object_and_is_measured_to_its_end(app: Any, told: Told) -> None:
    """DC-05: a future comes back as it is, and its error is the query's."""

    async def main() -> None:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        app.later = lambda query: future
        instrument_function("shop_app.later", query_arg="query")
        assert app.later(QUERY) is future
        asyncio.get_running_loop().call_later(0.02, future.set_exception, ValueError("x"))
        with pytest.raises(ValueError, match="x"):
            await future

    asyncio.run(main())
    (event,) = told()
    assert event["status"] == "error"
    assert event["duration_ms"] >= 15


def test_a_generator_stays_one_and_ends_when_it_is_consumed(app: Any, told: Told) -> None:
    """DC-03, DC-05: nothing is consumed for the application (fault 2.1.3-6)."""
    instrument_function("shop_app.rows", query_arg="query")
    rows = app.rows(QUERY)
    assert inspect.isgenerator(rows)
    assert next(rows) == 1
    assert told() == []
    assert list(rows) == [2, 3]
    (event,) = told()
    assert event["status"] == "ok"


def test_an_async_generator_stays_one_and_ends_when_it_is_consumed(app: Any, told: Told) -> None:
    """DC-03, DC-05: one event, with the last row and with the time it took (fault 2.1.3-6)."""
    instrument_function("shop_app.rows_async", query_arg="query")

    async def main() -> list[int]:
        rows = app.rows_async(QUERY)
        assert inspect.isasyncgen(rows)
        first = await anext(rows)
        await asyncio.sleep(0.02)
        assert told() == []
        return [first, *[number async for number in rows]]

    assert asyncio.run(main()) == [1, 2, 3]
    (event,) = told()
    assert event["status"] == "ok"
    assert event["duration_ms"] >= 15


def test_a_context_manager_comes_back_as_the_very_object(app: Any, told: Told) -> None:
    """DC-05: neither entered nor left for the application, be it for `with` or for `async with`."""

    class Cursor:
        entered = 0

        def __enter__(self) -> Cursor:
            self.entered += 1
            return self

        def __exit__(self, *_: object) -> None: ...

        async def __aenter__(self) -> Cursor:
            return self.__enter__()

        async def __aexit__(self, *_: object) -> None: ...

    async def main() -> None:
        async with app.later(QUERY) as opened:
            assert opened is cursor

    cursor = Cursor()
    app.later = lambda query: cursor
    instrument_function("shop_app.later", query_arg="query")
    assert app.later(QUERY) is cursor
    assert cursor.entered == 0
    with app.later(QUERY) as opened:
        assert opened is cursor
    asyncio.run(main())
    assert cursor.entered == 2
    assert [event["status"] for event in told()] == ["ok"] * 3


def test_an_async_generator_closed_early_is_no_error(app: Any, told: Told) -> None:
    """Fault 2.1.3-18: GeneratorExit is not an error."""
    instrument_function("shop_app.rows_async", query_arg="query")

    async def main() -> None:
        rows = app.rows_async(QUERY)
        assert inspect.isasyncgen(rows)
        assert await rows.__anext__() == 1
        await rows.aclose()

    asyncio.run(main())
    (event,) = told()
    assert event["status"] == "ok"


def test_a_cancelled_coroutine_is_told_as_cancelled(app: Any, told: Told) -> None:
    """Fault 2.1.3-18: CancelledError is not an error, and cancels the task as before."""
    instrument_function("shop_app.execute_async", query_arg="query")

    async def main() -> None:
        task = asyncio.create_task(app.execute_async(QUERY))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    (event,) = told()
    assert event["status"] == "cancelled"
    assert "error" not in event


def test_methods_of_every_kind_are_called_as_before(app: Any, told: Told) -> None:
    """DC-03: methods, class and static methods, on class, instance and subclass (fault 2.1.3-7)."""
    for name in ("method", "of_class", "static"):
        instrument_function(f"shop_app.Database.{name}", query_arg="query")
    database, child = app.Database(), app.Child()
    assert database.method(QUERY) == (database, QUERY)
    assert child.method(query=QUERY) == (child, QUERY)
    assert app.Database.of_class(QUERY) == (app.Database, QUERY)
    assert child.of_class(QUERY) == (app.Child, QUERY)
    assert database.static(QUERY) == app.Child.static(QUERY) == QUERY
    assert [event["query_text"] for event in told()] == [SHAPE] * 6


def test_an_inherited_method_is_instrumented_for_the_subclass_alone(app: Any, told: Told) -> None:
    instrument = instrument_function("shop_app.Child.method", query_arg="query")
    app.Database().method(QUERY)
    assert told() == []
    app.Child().method(QUERY)
    assert len(told()) == 1
    instrument.uninstall()
    assert "method" not in vars(app.Child)


def test_names_that_other_modules_imported_are_taken_along(app: Any, told: Told) -> None:
    """Fault 2.1.3-7: `from app import execute` before the call is captured too."""
    other = types.ModuleType("shop_other")
    other.run = app.execute  # type: ignore[attr-defined]
    original = app.execute
    sys.modules["shop_other"] = other
    try:
        instrument = instrument_function("shop_app.execute", query_arg="query")
        other.run(QUERY)
        assert len(told()) == 1
        instrument.uninstall()
        assert other.run is original
    finally:
        del sys.modules["shop_other"]


def test_uninstalling_restores_identity_and_the_same_call_again_changes_nothing(app: Any, told: Told) -> None:
    """Fault 2.1.3-8: uninstall; a second install of the same is the same one."""
    originals = {name: vars(app.Database)[name] for name in ("method", "of_class", "static")}
    first = [instrument_function(f"shop_app.Database.{name}", query_arg="query") for name in originals]
    wrapped = vars(app.Database)["method"]
    again = instrument_function("shop_app.Database.method", query_arg="query")
    assert again is first[0]
    assert vars(app.Database)["method"] is wrapped
    for instrument in first:
        instrument.uninstall()
        instrument.uninstall()
    assert {name: vars(app.Database)[name] for name in originals} == originals
    app.Database().method(QUERY)
    assert told() == []


def test_what_others_put_in_its_place_since_stays(app: Any) -> None:
    instrument = instrument_function("shop_app.execute", query_arg="query")
    app.execute = other = lambda query: None
    instrument.uninstall()
    assert app.execute is other


@pytest.mark.parametrize(
    ("target", "query_arg", "message"),
    [
        ("shop_app.missing", None, "shop_app has no missing"),
        ("shop_app.Database.missing", None, "shop_app has no Database.missing"),
        ("no_such_module_here.f", None, "give a dotted name"),
        ("nodots", None, "give a dotted name"),
        ("shop_app.execute", "sql", "no argument 'sql'; its arguments are: query, parameters"),
        ("shop_app.execute", 5, "no argument 5"),
        ("shop_app.Database", None, "no function or method"),
        ("sqlite3.Cursor.execute", None, "cannot be replaced"),
    ],
)
def test_what_cannot_be_instrumented_says_why(
    app: Any, target: str, query_arg: str | int | None, message: str
) -> None:
    """Fault 2.1.3-7: a wrong `query_arg` is no silent `none`."""
    with pytest.raises(InstrumentError, match=message) as raised:
        instrument_function(target, query_arg=query_arg)
    assert raised.value.target == target


def test_other_settings_for_the_same_function_are_refused(app: Any) -> None:
    """Fault 2.1.3-8: a second instrument with other settings is not ignored silently."""
    instrument_function("shop_app.execute", query_arg="query")
    with pytest.raises(InstrumentError, match="other settings"):
        instrument_function("shop_app.execute", query_arg="query", db_system="mysql")


def test_a_function_inside_an_instrumented_one_gives_no_second_event(app: Any, told: Told) -> None:
    """DC-18: nested wrappers of one query are one event (fault 2.1.3-8)."""
    app.outer = lambda query: app.execute(query)
    instrument_function("shop_app.outer", query_arg=0, client="outer")
    instrument_function("shop_app.execute", query_arg="query", client="inner", db_name="d")
    app.outer(QUERY)
    (event,) = told()
    assert event["client"] == "outer"
    assert event["db_name"] == "d"
