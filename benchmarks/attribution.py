"""What capturing a query costs the program, beside datacontext: bare, ours, theirs, in turns in one process.

Wall time of the watched call alone, the median of many; ours hands queries to a thread every second or 1,000
queries (the window), theirs calls its sink at once. Both sinks are a function that does nothing. "+30" is a
stack 30 frames deeper: of the application, or of libraries, which are looked through for the line.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, text

import producers
from lineage import configure, instrument_function, trace_query
from lineage.attribution import Source, begin_query, flush_queries
from lineage.attribution.buffer import WINDOW_QUERIES, WINDOW_SECONDS

QUERY = "SELECT o.id, o.total FROM shop.orders o WHERE o.state = 'paid' AND o.region IN (1, 2, 3)"
DEPTHS = (0, 10, 30, 60)
THEIRS = importlib.util.find_spec("datacontext") is not None

Work = Callable[[], object]
Deep = Callable[[int, Callable[[], list[float]]], list[float]]


def _deep(depth: int, work: Callable[[], list[float]]) -> list[float]:
    return work() if depth == 0 else _deep(depth - 1, work)


@contextmanager
def _library() -> Iterator[Deep]:
    """Give `_deep` as a library has it: from a file below `site-packages`, for those who read sources."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "site-packages" / "library.py"
        path.parent.mkdir()
        path.write_text(
            "def deep(depth, work):\n    return work() if depth == 0 else deep(depth - 1, work)\n"
        )
        spec = importlib.util.spec_from_file_location("library", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.deep


def _times(work: Work, count: int) -> list[float]:
    found = []
    for _ in range(count):
        start = time.perf_counter_ns()
        work()
        found.append((time.perf_counter_ns() - start) / 1000)
    return found


def _in_turns(
    works: Mapping[str, Work], rounds: int, count: int, deep: Deep = _deep, depth: int = 0
) -> dict[str, float]:
    """Return the median microseconds of each, less what reading the clock takes."""
    times: dict[str, list[float]] = {name: [] for name in works}
    nothing: list[float] = []
    for _ in range(rounds):
        nothing += _times(lambda: None, count)
        for name, work in works.items():
            some = max(count // 30, 5) if name.startswith("datacontext") else count  # milliseconds each
            times[name] += deep(depth, partial(_times, work, some))
            flush_queries(60)
    clock = statistics.median(nothing)
    return {name: max(statistics.median(found) - clock, 0.0) for name, found in times.items()}


def _applications() -> dict[str, types.ModuleType]:
    """Return modules with a function `execute` each: bare, and to be instrumented by us and by them."""
    found = {}
    for name in ("bare", "ours", "theirs"):
        module = types.ModuleType(f"bench_{name}")
        exec("def execute(query):\n    return query\n", module.__dict__)
        found[name] = sys.modules[module.__name__] = module
    return found


def _traced() -> None:
    with trace_query(QUERY, db_system="postgresql", client="own"):
        pass


def _theirs_traced() -> None:
    import datacontext

    with datacontext.trace_query(query=QUERY, db_system="postgresql", client="own"):
        pass


def _instrument(apps: dict[str, types.ModuleType]) -> dict[str, Work]:
    instrument_function("bench_ours.execute", query_arg="query", db_system="postgresql", client="own")
    works: dict[str, Work] = {
        "bare call": lambda: apps["bare"].execute(QUERY),
        "instrument_function": lambda: apps["ours"].execute(QUERY),
        "trace_query": _traced,
    }
    if THEIRS:
        import datacontext
        from datacontext.sinks.callback import CallbackSink

        instrument = datacontext.instrument_function(
            target="bench_theirs.execute", query_arg="query", db_system="postgresql", client="own"
        )
        datacontext.configure(
            service_name="bench",
            environment="bench",
            sink=CallbackSink(lambda event: None),
            instruments=[instrument],
        )
        works["datacontext instrument"] = lambda: apps["theirs"].execute(QUERY)
        works["datacontext trace_query"] = _theirs_traced
    return works


def _depths(works: dict[str, Work], rounds: int, count: int) -> None:
    print(f"\n  {'us a call at the median':<34}" + "".join(f"{f'+{depth}':>9}" for depth in DEPTHS))
    with _library() as library:
        for label, deep in (("application frames", _deep), ("library frames", library)):
            rows = [_in_turns(works, rounds, count, deep, depth) for depth in DEPTHS]
            print(f"  {label}")
            for name in works:
                print(f"    {name:<32}" + "".join(f"{row[name]:>9.2f}" for row in rows))


def _behind(count: int) -> None:
    """Print what our thread computes for each query, per sink: what the call does not wait for."""
    print("\n  computed for a query by our thread, us")
    with TemporaryDirectory() as folder:
        for label, sink in (
            ("a function", lambda event: None),
            ("a file", f"file:{folder}/q.jsonl"),
            ("lineage", "lineage"),
        ):
            configure(sink=sink)
            _traced()
            flush_queries(60)
            own, all_of_it = time.thread_time(), time.process_time()
            for _ in range(count):
                _traced()
            flush_queries(60)
            took = (time.process_time() - all_of_it) - (time.thread_time() - own)
            print(f"    {label:<32}{took / count * 1e6:>9.2f}")
    configure(sink=lambda event: None)


def _sqlalchemy(rounds: int, count: int) -> None:
    """Print what a statement costs: bare without any hook in place, and on an engine beside ours as well."""
    statement = text("select 1")
    engines = {name: create_engine("sqlite://") for name in ("bare", "ours", "beside ours", "datacontext")}
    if THEIRS:
        import datacontext

        datacontext.instrument_sqlalchemy(engines["datacontext"]).apply()
    else:
        del engines["datacontext"]
    connections = {name: engine.connect() for name, engine in engines.items()}
    works = {
        name: (lambda connection=connection: connection.execute(statement).scalar())
        for name, connection in connections.items()
    }
    bare = {"bare": works.pop("bare")}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        found = _in_turns(bare, 1, count)
        producers.install("sqlalchemy", engines["ours"])
        found |= _in_turns(works, 1, count)
        producers.uninstall("sqlalchemy")
        for name, took in found.items():
            times[name].append(took)
    print("\n  SQLAlchemy, `select 1` on SQLite in memory, us")
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, took in medians.items():
        print(f"    {name:<32}{took:>9.2f}  {took / medians['bare']:>6.2f} x bare")
    for connection in connections.values():
        connection.close()


def _disabled(works: dict[str, Work], rounds: int, count: int) -> None:
    source = Source("postgresql", "own")
    configure(queries=False)
    mine: dict[str, Work] = {
        name: works[name] for name in ("bare call", "instrument_function", "trace_query")
    }
    mine["begin_query"] = lambda: begin_query(QUERY, source)
    found = _in_turns(mine, rounds, count)
    print("\n  disabled, us")
    for name, took in found.items():
        print(f"    {name:<32}{took:>9.3f}")


def main(quick: bool) -> None:
    """Print the cost of a captured query in several ways and depths, of SQLAlchemy's, and when disabled."""
    rounds, count = (2, 200) if quick else (15, 900)
    peer = f"datacontext {version('datacontext')}" if THEIRS else "datacontext is not installed"
    print(f"\n  {peer}, SQLAlchemy {version('sqlalchemy')}; {rounds} rounds of {count} calls each")
    print(
        f"  the window: {WINDOW_SECONDS:g} s or {WINDOW_QUERIES:,} queries, lost when the process is killed"
    )
    configure(sink=lambda event: None, service_name="bench")
    works = _instrument(_applications())
    _depths(works, rounds, count)
    _sqlalchemy(rounds, count)
    _behind(count * 10)
    _disabled(works, rounds, count * 5)
