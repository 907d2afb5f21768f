"""What an integration adds to a query: each driver bare and watched in turns, by CPU of the asking thread."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import duckdb
import pg8000.dbapi
import psycopg
import psycopg2
import sqlalchemy as sa

import producers
from lineage import configure, shutdown

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from postgres_server import PostgresServer, running_server, why_not

QUERY = "SELECT 1"
Connect = Callable[[], Any]
Ask = Callable[[Any], object]
Way = tuple[tuple[str, ...], Connect, Ask]


def _local() -> dict[str, Way]:
    engine = sa.create_engine("sqlite://")
    statement = sa.text(QUERY)
    return {
        "sqlite3": (("sqlite3",), lambda: sqlite3.connect(":memory:"), _ask_connection),
        "duckdb": (("duckdb",), duckdb.connect, _ask_connection),
        "sqlalchemy": (("sqlalchemy",), engine.connect, lambda one: one.execute(statement).all()),
    }


def _served(server: PostgresServer, loop: asyncio.AbstractEventLoop) -> dict[str, Way]:
    dsn = server.dsn()
    return {
        "psycopg": (("psycopg",), lambda: psycopg.connect(dsn), _ask_connection),
        "psycopg2": (("psycopg2",), lambda: psycopg2.connect(dsn), _ask_cursor),
        "asyncpg": (
            ("asyncpg",),
            lambda: loop.run_until_complete(asyncpg.connect(dsn)),
            lambda one: loop.run_until_complete(one.fetch(QUERY)),
        ),
        "pg8000 (dbapi)": (
            ("dbapi", "pg8000.dbapi"),
            lambda: pg8000.dbapi.connect("postgres", host=server.host, port=server.port, database="postgres"),
            _ask_cursor,
        ),
    }


def _ask_connection(connection: Any) -> object:
    return connection.execute(QUERY).fetchall()


def _ask_cursor(connection: Any) -> object:
    with closing(connection.cursor()) as cursor:
        cursor.execute(QUERY)
        return cursor.fetchall()


def _microseconds(connection: Any, ask: Ask, count: int) -> float:
    start = time.thread_time_ns()
    for _ in range(count):
        ask(connection)
    return (time.thread_time_ns() - start) / count / 1000


def _measure(name: str, way: Way, rounds: int, count: int) -> None:
    install, connect, ask = way
    plain = connect()
    bare, watched = [], []
    for _ in range(rounds):
        bare.append(_microseconds(plain, ask, count))
        producers.install(*install)
        seen = connect()
        watched.append(_microseconds(seen, ask, count))
        producers.uninstall(install[0])
        if name != "asyncpg":
            seen.close()
    middle, ours = statistics.median(bare), statistics.median(watched)
    added = statistics.median(one - other for one, other in zip(watched, bare, strict=True))
    print(f"    {name:<16}{middle:>9.1f}{ours:>9.1f}{added:>+9.1f}  {ours / middle:>6.2f} x bare")


def main(quick: bool) -> None:
    """Print what `SELECT 1` costs the thread that asks, bare and watched, in microseconds of CPU."""
    rounds, count = (3, 100) if quick else (15, 500)
    configure(sink=lambda event: None, service_name="bench")
    print(f"\n  `{QUERY}` and its row, us of the asking thread: {rounds} rounds of {count}, medians")
    for name, way in _local().items():
        _measure(name, way, rounds, count)
    if (reason := why_not()) is not None:
        print(f"    the others: {reason}")
        return
    with running_server() as server, closing(asyncio.new_event_loop()) as loop:
        for name, way in _served(server, loop).items():
            _measure(name, way, rounds, count)
    shutdown()
