"""Reading SQL lineage beside sqllineage, openlineage-sql and bare sqlglot, on the same statements in turns.

The statements are a fixed sample of tests/fixtures/sql and of the recorded cases where these are there. Each
engine answers tables and columns from the text, with its caches empty. Times are of the processor
(`process_time`) but for scripts, which are read in another process. What the engines answer is scored
elsewhere (`sql_cases`).
"""

from __future__ import annotations

import json
import logging
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT.parent / "shared" / "sql-cases"

Schema = Mapping[str, Mapping[str, str] | Sequence[str]]


@dataclass(frozen=True)
class Text:
    """A text to read."""

    sql: str
    dialect: str | None
    schema: Schema


Engine = Callable[[Text], object]


def main(quick: bool) -> None:
    """Print milliseconds a statement, imports and memory, long scripts, and repeated statements."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    every = texts()
    sample = random.Random(1).sample(every, min(len(every), 24 if quick else 300))
    names = ("sqlglot", "sqllineage", "openlineage-sql")
    print("  " + ", ".join(f"{name} {installed(name) or 'is not installed'}" for name in names))
    compare(sample, len(every), rounds=1 if quick else 3)
    imports(repeats=1 if quick else 5)
    scripts(100 if quick else 1000)
    repeated(sample)


def texts() -> list[Text]:
    """Return all statements there are to read, each once."""
    sys.path.insert(0, str(ROOT / "tests"))
    import sql_cases

    found = [Text(case.sql, case.dialect, case.schema) for case in sql_cases.all_cases()]
    for path in sorted(RECORDED.glob("*.jsonl")):
        for line in filter(None, path.read_text(encoding="utf-8").splitlines()):
            case = json.loads(line)
            found.append(Text(case["sql"], case["dialect"], case["schema"]))
    return list({text.sql: text for text in found}.values())


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def ours() -> Engine:
    from lineage.sql import extract, extraction

    def read(text: Text) -> object:
        extraction._remembered.cache_clear()
        found = extract(text.sql, dialect=text.dialect, schema=text.schema)
        if not found.statements:
            raise ValueError(found.problems)
        return found

    return read


def bare() -> Engine:
    import sqlglot
    from sqlglot.optimizer.qualify import qualify

    from lineage.sql import dialect_of

    def read(text: Text) -> object:
        dialect = dialect_of(text.dialect) if text.dialect else None
        schema = nested(text.schema)
        return [
            qualify(tree, dialect=dialect, schema=schema, validate_qualify_columns=False)
            for tree in sqlglot.parse(text.sql, read=dialect)
            if tree is not None
        ]

    return read


def nested(schema: Schema) -> dict[str, Any]:
    """Return columns by table as sqlglot takes them: one level for each part, all tables equally deep."""
    deepest = max((len(name.split(".")) for name in schema), default=0)
    found: dict[str, Any] = {}
    for name, columns in schema.items():
        parts = ["x"] * (deepest - len(name.split("."))) + name.split(".")
        level = found
        for part in parts:
            level = level.setdefault(part, {})
        level.update(dict.fromkeys(columns, "text"))
    return found


def sqllineage() -> Engine:
    from sqllineage.core.metadata.dummy import DummyMetaDataProvider
    from sqllineage.runner import LineageRunner

    from lineage.sql import dialect_of
    from lineage.sql.opinion import dialect_for

    def read(text: Text) -> object:
        known = dialect_of(text.dialect) if text.dialect else None
        provider = DummyMetaDataProvider({name: list(columns) for name, columns in text.schema.items()})
        dialect = dialect_for(text.dialect, known)
        runner = LineageRunner(text.sql, dialect=dialect, metadata_provider=provider)
        return runner.source_tables, runner.target_tables, runner.get_column_lineage()

    return read


def openlineage() -> Engine:
    from openlineage_sql import parse

    def read(text: Text) -> object:
        found = parse(
            [text.sql],
            dialect={"tsql": "mssql", "spark": "databricks"}.get(text.dialect or "", text.dialect or "ansi"),
        )
        if found is None or found.errors:
            raise ValueError("not understood")
        return found

    return read


MAKERS = {
    "ours": ours,
    "bare parse + qualify": bare,
    "sqllineage": sqllineage,
    "openlineage-sql": openlineage,
}


def compare(sample: list[Text], of: int, rounds: int) -> None:
    """Read each text by each engine in turns; of several rounds a text's median counts."""
    engines = {name: make() for name, make in MAKERS.items() if name != "openlineage-sql" or installed(name)}
    for engine in engines.values():
        timed(engine, Text("INSERT INTO a SELECT b.c FROM b", "postgres", {}))
    taken: dict[str, list[float | None]] = {name: [] for name in engines}
    for text in sample:
        found: dict[str, list[float | None]] = {name: [] for name in engines}
        for round_number in range(rounds):
            for name, engine in engines.items():
                if name != "sqllineage" or round_number == 0:
                    found[name].append(timed(engine, text))
        for name, times in found.items():
            answered = [seconds for seconds in times if seconds is not None]
            taken[name].append(statistics.median(answered) if answered else None)
    print(f"\n  {len(sample)} of {of} texts; compared to ours on those that both read")
    print(
        f"  {'':<22}{'not read':>9}{'median ms':>11}{'p95 ms':>9}{'all s':>8}"
        f"{'to ours: median':>17}{'p95':>8}{'all':>8}{'by text':>9}"
    )
    for name, times in taken.items():
        print(f"  {name:<22}{times.count(None):>9}{row(taken['ours'], times)}")


def row(ours: list[float | None], theirs: list[float | None]) -> str:
    """Return what an engine takes, and how many times ours on the texts that both read."""
    read = sorted(seconds for seconds in theirs if seconds is not None)
    both = [pair for pair in zip(ours, theirs, strict=True) if None not in pair]
    mine, its = (
        sorted(seconds for seconds in side if seconds is not None) for side in zip(*both, strict=True)
    )
    by_text = [its / mine for mine, its in both if mine and its]
    return (
        f"{statistics.median(read) * 1000:>11.2f}{high(read) * 1000:>9.2f}{sum(read):>8.2f}"
        f"{statistics.median(its) / statistics.median(mine):>16.2f}x{high(its) / high(mine):>7.2f}x"
        f"{sum(its) / sum(mine):>7.2f}x{statistics.median(by_text):>8.2f}x"
    )


def high(values: list[float]) -> float:
    return values[int(len(values) * 0.95)]


def timed(engine: Engine, text: Text) -> float | None:
    """Return the seconds of one reading, None where the engine gives up; openlineage-sql panics so too."""
    start = time.process_time()
    try:
        engine(text)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None
    return time.process_time() - start


FIRST = """
import time, warnings
import psutil
warnings.simplefilter("ignore")
from benchmarks.sql import MAKERS, Text
memory = psutil.Process().memory_info
before = memory().rss
start = time.perf_counter()
read = MAKERS[{name!r}]()
loaded = time.perf_counter() - start
read(Text("INSERT INTO a (x) SELECT sum(b.c) FROM b JOIN d ON b.e = d.e GROUP BY b.f", "postgres", {{}}))
first = time.perf_counter() - start
print(loaded, first, memory().rss - before)
"""


def imports(repeats: int) -> None:
    """Measure in fresh processes, in turns, what an engine costs up to its first answer."""
    engines = [name for name in MAKERS if name != "openlineage-sql" or installed(name)]
    found: dict[str, list[list[float]]] = {name: [] for name in engines}
    for _ in range(repeats):
        for name in engines:
            command = [sys.executable, "-c", FIRST.format(name=name)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            found[name].append([float(value) for value in done.stdout.split()])
    print(f"\n  {'':<22}{'import s':>10}{'to the first answer s':>24}{'memory MiB':>12}")
    for name, rows in found.items():
        loaded, first, memory = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"  {name:<22}{loaded:>10.3f}{first:>24.3f}{memory / 2**20:>12.1f}")


def scripts(count: int) -> None:
    """Read a script of many statements, which goes to the worker process, and its statements one by one."""
    from lineage.sql import extract, extraction

    statements = [
        f"INSERT INTO mart.t{n} (id, total) SELECT o.id, sum(o.amount + i.price) FROM raw.orders{n} o "
        f"JOIN raw.items{n} i ON i.order_id = o.id WHERE o.status = 'paid' GROUP BY o.id"
        for n in range(count)
    ]
    extract("SELECT (", apart=True)  # starts the worker
    extraction._remembered.cache_clear()
    start = time.perf_counter()
    one_by_one = [extract(statement, dialect="postgres") for statement in statements]
    alone = time.perf_counter() - start
    start = time.perf_counter()
    whole = extract(";\n".join(statements), dialect="postgres", apart=True)
    together = time.perf_counter() - start
    assert [each.columns for each in whole.statements] == [each.columns for each in one_by_one]
    print(
        f"\n  a script of {count} statements: {together:.2f} s, its statements one by one {alone:.2f} s "
        f"({together / alone:.2f}x)"
    )


def repeated(sample: list[Text]) -> None:
    """Ask for the same texts again, which are remembered."""
    from lineage.sql import extract

    for text in sample:
        extract(text.sql, dialect=text.dialect, schema=text.schema)
    taken = []
    for text in sample:
        start = time.perf_counter()
        for _ in range(100):
            extract(text.sql, dialect=text.dialect, schema=text.schema)
        taken.append((time.perf_counter() - start) / 100)
    median, most = statistics.median(taken) * 1e6, high(sorted(taken)) * 1e6
    print(f"  a repeated text: median {median:.1f} us, p95 {most:.1f} us")
