"""What an event takes in the store: thirty daily runs of 1,000 jobs, beside the same events as JSON.

"store" is all there is, the projection, its indexes and what was read from SQL included, and every event is
read back and compared with what was sent, as JSON values. SQLite: the file after it was closed. PostgreSQL:
`pg_total_relation_size` of all tables. The peers are one table of the event's text, and one of jsonb.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

from benchmarks import postgresql
from benchmarks.made_events import DAYS, JOBS, days
from graph import open_store
from graph.ingest import derive, ingest
from graph.store import LineageStore

BATCH = 256
PEERS = {"text": "text STORAGE EXTERNAL", "text, compressed by it": "text", "jsonb": "jsonb"}
"""The peers on PostgreSQL: the column of the event, in a table without any index but the key."""

Sizes = Counter[str]


def main(quick: bool) -> None:
    """Print the size of each store and of its tables."""
    jobs, count = (100, 5) if quick else (JOBS, DAYS)
    lengths = [len(body) for body in _events(jobs, count)]
    events, mean = len(lengths), sum(lengths) / len(lengths)
    print(f"  {events:,} events of {jobs:,} jobs on {count} days, {mean:,.0f} bytes each as JSON")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size, tables = _on_sqlite(folder / "lineage.db", jobs, count)
        peers = {"text": _text_on_sqlite(folder / "text.db", jobs, count)}
    _show(f"SQLite {sqlite3.sqlite_version}", events, size, tables, peers)
    with postgresql.running() as server:
        if server is None:
            return
        ours = _on_postgresql(server, jobs, count) if postgresql.takes_postgresql(server) else Counter()
        peers = _peers_on_postgresql(server, jobs, count)
    _show("PostgreSQL", events, ours.total(), ours, peers)


def _events(jobs: int, count: int) -> Iterator[bytes]:
    return chain.from_iterable(days(jobs, count))


def _fill(store: LineageStore, jobs: int, count: int) -> None:
    start = time.perf_counter()
    counts = ingest(store, _events(jobs, count), batch=BATCH)
    assert counts.accepted == counts.total, counts
    ingested = time.perf_counter()
    texts = derive(store).shapes
    derived = time.perf_counter()
    equal = _compare(store, jobs, count)
    print(
        f"  {type(store).__name__}: {counts.total:,} events in {ingested - start:.0f} s,"
        f" {texts:,} SQL texts read in {derived - ingested:.0f} s, {equal:,} events read back and equal"
    )


def _compare(store: LineageStore, jobs: int, count: int) -> int:
    """Read every event back and return how many there are; fail at the first that differs."""
    sent = _events(jobs, count)
    after = found = 0
    while page := store.bodies(after=after, limit=1000):
        for number, body in page:
            assert json.loads(body) == json.loads(next(sent)), f"event {number} is not what was sent"
        after = page[-1][0]
        found += len(page)
    assert next(sent, None) is None, f"only {found} events came back"
    return found


def _on_sqlite(path: Path, jobs: int, count: int) -> tuple[int, Sizes]:
    with closing(open_store(path)) as store:
        _fill(store, jobs, count)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = database.execute(
            "SELECT coalesce(m.tbl_name, s.name), s.name <> coalesce(m.tbl_name, s.name), sum(s.pgsize)"
            " FROM dbstat s LEFT JOIN sqlite_master m USING (name) GROUP BY s.name"
        )
        sizes: Sizes = Counter()
        for table, is_index, size in rows:
            sizes[f"{table}, indexes" if is_index else table] += size
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")), sizes


def _text_on_sqlite(path: Path, jobs: int, count: int) -> int:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        for bodies in days(jobs, count):
            database.executemany("INSERT INTO log (body) VALUES (?)", [(body.decode(),) for body in bodies])
    return path.stat().st_size


def _on_postgresql(server: postgresql.Server, jobs: int, count: int) -> Sizes:
    url = server.new_database("size")
    with closing(open_store(url)) as store:
        _fill(store, jobs, count)
    return _relations(url)


def _relations(url: str) -> Sizes:
    """Return the bytes of each table of a database, and of its indexes."""
    import psycopg

    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
        ).fetchall()
    sizes: Sizes = Counter()
    for table, own, indexes in rows:
        sizes[table] += own
        sizes[f"{table}, indexes"] += indexes
    return sizes


def _peers_on_postgresql(server: postgresql.Server, jobs: int, count: int) -> dict[str, int]:
    import psycopg

    url = server.new_database("peers")
    tables = {name: f"log{number}" for number, name in enumerate(PEERS)}
    with psycopg.connect(url, autocommit=True) as connection:
        for name, table in tables.items():
            column = f"body {PEERS[name]} NOT NULL"
            connection.execute(f"CREATE TABLE {table} (seq bigserial PRIMARY KEY, {column})".encode())
        for bodies in days(jobs, count):
            with connection.transaction(), connection.cursor() as cursor:
                for table in tables.values():
                    rows = [(body.decode(),) for body in bodies]
                    cursor.executemany(f"INSERT INTO {table} (body) VALUES (%s)".encode(), rows)
    sizes = _relations(url)
    return {name: sizes[table] + sizes[f"{table}, indexes"] for name, table in tables.items()}


def _show(engine: str, events: int, size: int, tables: Sizes, peers: dict[str, int]) -> None:
    print(f"\n{engine}\n  {'':<40}{'MB':>9}{'bytes an event':>16}{'of the store':>14}")
    for name, of_peer in peers.items():
        ratio = f"{of_peer / size:.1f} x" if size else ""
        print(f"  {name:<40}{of_peer / 1e6:>9.1f}{of_peer / events:>16,.0f}{ratio:>14}")
    if not size:
        return
    print(f"  {'store':<40}{size / 1e6:>9.1f}{size / events:>16,.0f}{'1.0 x':>14}")
    for name, part in tables.most_common():
        if part / size >= 0.002:
            print(f"    {name:<38}{part / 1e6:>9.1f}{part / events:>16,.1f}{part / size:>13.1%}")
