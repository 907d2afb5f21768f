"""`configure`: settings and instruments, once, in one place."""

from __future__ import annotations

import contextvars
import sys
import threading
import types
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from lineage import capture_query, configure, instruments, trace_query
from lineage.attribution import flush_queries, functions
from lineage.attribution.functions import Instrument
from lineage.config import configured
from lineage.errors import ConfigError, InstrumentError, MissingDependencyError
from lineage.instruments import GROUP

Event = dict[str, Any]
Told = Callable[[], list[Event]]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    module = types.ModuleType("setup_app")
    module.execute = lambda query: query  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "setup_app", module)
    yield module
    for instrument in list(functions._installed.values()):
        instrument.uninstall()


def instrument(target: str) -> Instrument:
    return Instrument(target, "query", "sqlite", "own", {})


def test_instruments_and_names_are_set_in_one_place(app: Any) -> None:
    """DC-02: one call of a target gives one event with these names."""
    events: list[Event] = []
    configure(
        service_name="shop",
        environment="production",
        sink=events.append,
        include_query_text=False,
        instruments=[instrument("setup_app.execute")],
    )
    assert app.execute("select 1") == "select 1"
    assert flush_queries(10)
    (event,) = events
    assert (event["service_name"], event["environment"]) == ("shop", "production")
    assert (event["db_system"], event["client"]) == ("sqlite", "own")
    assert "query_text" not in event


def test_an_instrument_that_fails_stops_neither_the_settings_nor_the_others(
    app: Any, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DC-02: each of them is told of in the log by its name."""

    def explode() -> None:
        raise ZeroDivisionError("inside a library")

    def absent() -> None:
        raise MissingDependencyError("dialect", extra="sqlalchemy")

    class Broken:
        def apply(self) -> None:
            raise RuntimeError("mine")

    monkeypatch.setattr(instruments, "entry_points", lambda group: [_entry("explode"), _entry("absent")])
    monkeypatch.setattr(sys.modules[__name__], "explode", explode, raising=False)
    monkeypatch.setattr(sys.modules[__name__], "absent", absent, raising=False)
    configure(
        environment="later",
        instruments=[
            instrument("setup_app.missing"),
            "nothing-of-this-name",
            "explode",
            "absent",
            Broken(),
            instrument("setup_app.execute"),
        ],
    )
    app.execute("select 1")
    (event,) = told()
    assert event["environment"] == "later"
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 5
    assert "setup_app has no missing" in messages[0]
    assert "nothing-of-this-name cannot be instrumented: known are: absent, explode" in messages[1]
    assert "pip install 'lineage-graph[sqlalchemy]'" in messages[3]


def _entry(name: str) -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{name}", GROUP)


def test_an_instrument_is_installed_by_its_name(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """DC-02: names are those of the entry points that installed packages bring."""
    installed = []
    monkeypatch.setattr(instruments, "entry_points", lambda group: [_entry("install_mine")])
    monkeypatch.setattr(sys.modules[__name__], "install_mine", lambda: installed.append(True), raising=False)
    configure(instruments=["install_mine"])
    assert installed == [True]


def test_what_is_not_given_stays_as_it_was(told: Told) -> None:
    """DC-02: fault 2.1.3-13: a second `configure` resets neither the sink nor the privacy."""
    configure(include_query_text=False)
    configure(environment="later")
    capture_query("select 1")
    (event,) = told()
    assert (event["service_name"], event["environment"]) == ("shop", "later")
    assert "query_text" not in event


def test_a_wrong_setting_is_an_error_and_changes_nothing(told: Told) -> None:
    """DC-02: a wrong value or name."""
    with pytest.raises(ConfigError, match="sink = 'files'"):
        configure(sink="files", service_name="other")
    with pytest.raises(ConfigError, match="sinks"):
        configure(sinks="stderr")
    capture_query("select 1")
    assert told()[0]["service_name"] == "shop"


def test_temporary_settings_are_those_of_one_thread(told: Told) -> None:
    """Fault 2.1.3-12: what one thread sets for a while is not told by another one, nor to its sink."""
    shared: dict[str, list[Event]] = {"a": [], "b": []}
    together = threading.Barrier(2)

    def work(name: str) -> None:
        with configured(service_name=name, sink=shared[name].append):
            for _ in range(50):
                together.wait(10)
                capture_query("select 1")

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(work, name)) for name in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    capture_query("select 1")
    assert [event["service_name"] for event in told()] == ["shop"]
    for name, events in shared.items():
        assert [event["service_name"] for event in events] == [name] * 50


def test_disabled_means_that_nothing_is_captured_and_calls_are_as_they_were(app: Any, told: Told) -> None:
    """DC-07: also switched off and on again while things are instrumented."""
    configure(instruments=[instrument("setup_app.execute")], queries=False)
    assert app.execute("select 1") == "select 1"
    with trace_query("q") as query:
        query.set(rows=1)
    capture_query("q")
    assert told() == []
    configure(queries=True, disabled=True)
    app.execute("select 1")
    assert told() == []
    configure(disabled=False)
    app.execute("select 1")
    assert len(told()) == 1


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """DC-02: names, sink and privacy without any code."""
    path = tmp_path / "q.jsonl"
    monkeypatch.setenv("LINEAGE_SERVICE_NAME", "from-environment")
    monkeypatch.setenv("LINEAGE_SINK", f"file:{path}, none")
    monkeypatch.setenv("LINEAGE_INCLUDE_QUERY_TEXT", "false")
    capture_query("select 1")
    assert flush_queries(10)
    text = path.read_text()
    assert '"service_name": "from-environment"' in text
    assert "query_text" not in text


def test_instrumenting_in_many_threads_at_once_wraps_once(app: Any, told: Told) -> None:
    """Fault 2.1.3-8: applying is safe from threads, and idempotent."""
    together = threading.Barrier(8)
    faults: list[BaseException] = []

    def work() -> None:
        together.wait(10)
        try:
            functions.instrument_function("setup_app.execute", query_arg="query")
        except InstrumentError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    app.execute("select 1")
    assert faults == []
    assert len(told()) == 1
    assert not hasattr(app.execute.__wrapped__, "__wrapped__")
