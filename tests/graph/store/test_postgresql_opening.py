"""A store in PostgreSQL: how it is made, upgraded and opened, and what is said when that cannot be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest
from made_events import dump, feeds, put, run_event
from postgres_server import PostgresServer

from graph import open_store
from graph.errors import StoreError
from graph.ingest import ingest
from graph.store import LineageStore, _migrations, postgresql

EVENT = run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["b"])


@pytest.fixture
def store(postgresql_store: LineageStore) -> LineageStore:
    return postgresql_store


def test_a_schema_that_is_named_is_made_and_kept_apart(
    new_schema: str, admin: psycopg.Connection[Any]
) -> None:
    with closing(open_store(new_schema)) as first:
        put(first, EVENT)
    with closing(open_store(new_schema.replace("postgresql://", "postgres://"))) as again:
        assert feeds(again) == {"a -> b"}
    rows = admin.execute(
        "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'store_state'"
    ).fetchall()
    assert ("New",) in rows
    assert ("public",) not in rows


def test_two_stores_in_one_database_know_nothing_of_each_other(fresh_postgresql: Callable[[], str]) -> None:
    with closing(open_store(fresh_postgresql())) as one, closing(open_store(fresh_postgresql())) as two:
        put(one, EVENT)
        assert two.counts().events == 0


def test_a_schema_of_something_else_is_refused_and_left_as_it_is(
    new_schema: str, admin: psycopg.Connection[Any]
) -> None:
    admin.execute('CREATE SCHEMA "New" CREATE TABLE customers (id int)')
    with pytest.raises(StoreError, match="tables of something else: give another database, or a schema"):
        open_store(new_schema)
    tables = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'New'").fetchall()
    assert tables == [("customers",)]


@pytest.mark.parametrize("columns", ["id int", "single int, application text, format int"])
def test_a_state_of_something_else_is_refused(
    new_schema: str, admin: psycopg.Connection[Any], columns: str
) -> None:
    admin.execute(f'CREATE SCHEMA "New" CREATE TABLE store_state ({columns})')
    for read_only in (False, True):
        with pytest.raises(StoreError, match="store_state of something else"):
            open_store(new_schema, read_only=read_only)


def test_reading_what_is_not_there_is_refused_and_makes_nothing(
    new_schema: str, admin: psycopg.Connection[Any]
) -> None:
    with pytest.raises(StoreError, match="no store in this database to read from"):
        open_store(new_schema, read_only=True)
    assert admin.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'New'").fetchone() is None


OPENER = f"""
import json, sys
from graph import open_store
from graph.ingest import ingest
print(ingest(open_store(sys.argv[1]), [json.dumps({EVENT!r}).encode()]).total)
"""


def test_many_processes_may_make_the_same_store_at_once(new_schema: str) -> None:
    command = [sys.executable, "-c", OPENER, new_schema]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0] for process in running] == ["1\n"] * 4
    with closing(open_store(new_schema)) as store:
        assert store.counts().events == 1
        assert feeds(store) == {"a -> b"}


def later(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """Have a release that knows further scripts."""
    known = (*_migrations.scripts("postgresql"), *more)
    monkeypatch.setattr(postgresql, "scripts", lambda engine: known)


def test_a_store_of_an_older_release_is_upgraded_in_place(
    new_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_store(new_schema)) as store:
        put(store, EVENT)
        before, first = dump(store), store.format
        later(monkeypatch, "CREATE TABLE more (key INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID;")
        with pytest.raises(StoreError, match=f"has format {first}, this release reads {first + 1}"):
            open_store(new_schema, read_only=True)
        with closing(open_store(new_schema)) as upgraded:
            assert upgraded.format == first + 1
            assert dump(upgraded) == before
            put(upgraded, run_event("r2", "COMPLETE", 1, inputs=["b"], outputs=["c"]))
        assert feeds(store) == {"a -> b", "b -> c"}
        with pytest.raises(StoreError, match="written by a newer release"):
            put(store, run_event("r3", "COMPLETE", 2))


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(
    new_schema: str, monkeypatch: pytest.MonkeyPatch, admin: psycopg.Connection[Any]
) -> None:
    with closing(open_store(new_schema)) as store:
        put(store, EVENT)
    with monkeypatch.context() as patched:
        later(
            patched, "CREATE TABLE more (key INTEGER);", "CREATE TABLE even_more (key INTEGER); SELECT 1 / 0;"
        )
        with pytest.raises(StoreError, match="division by zero"):
            open_store(new_schema)
    assert admin.execute("SELECT to_regclass('\"New\".more')").fetchone() == (None,)
    with closing(open_store(new_schema)) as store:
        assert feeds(store) == {"a -> b"}


def test_a_store_of_a_newer_release_is_refused_and_left_as_it_is(
    store: LineageStore, other: psycopg.Connection[Any]
) -> None:
    put(store, EVENT)
    known = store.format
    other.execute("UPDATE store_state SET format = 999")
    try:
        for read_only in (False, True):
            with pytest.raises(StoreError, match=r"newer release \(format 999.*upgrade lineage-graph"):
                open_store(store.location, read_only=read_only)
        assert store.counts().events == 1
    finally:
        other.execute("UPDATE store_state SET format = %s", (known,))


def test_a_store_opened_for_reading_answers_and_refuses_to_be_written(store: LineageStore) -> None:
    put(store, EVENT)
    with closing(open_store(store.location, read_only=True)) as reader:
        assert reader.read_only
        assert feeds(reader) == {"a -> b"}
        with pytest.raises(StoreError, match="opened read-only"):
            ingest(reader, [b"{}"])
        db = reader._db  # type: ignore[attr-defined]
        with pytest.raises(StoreError, match="may only read"), db.errors():
            db.execute("DELETE FROM event")
        put(store, run_event("r2", "COMPLETE", 1, inputs=["b"], outputs=["c"]))
        assert feeds(reader) == {"a -> b", "b -> c"}


def test_a_session_that_may_only_read_opens_the_store_for_reading(store: LineageStore) -> None:
    put(store, EVENT)
    url = store.location + "%20-cdefault_transaction_read_only%3Don"
    with closing(open_store(url)) as reader:
        assert reader.read_only
        assert feeds(reader) == {"a -> b"}


def test_a_user_who_may_not_write_opens_the_store_for_reading(
    store: LineageStore, guest: str, other: psycopg.Connection[Any]
) -> None:
    put(store, EVENT)
    schema = other.execute("SELECT current_schema()").fetchone()
    assert schema is not None
    with pytest.raises(StoreError):
        open_store(guest)
    other.execute(f"GRANT USAGE ON SCHEMA {schema[0]} TO guest")
    with pytest.raises(StoreError, match=r"lacks a permission: see docs/stores.md"):
        open_store(guest)
    other.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema[0]} TO guest")
    with closing(open_store(guest)) as reader:
        assert reader.read_only
        assert feeds(reader) == {"a -> b"}


def test_a_user_who_may_write_rows_needs_to_own_nothing(
    store: LineageStore, guest: str, other: psycopg.Connection[Any]
) -> None:
    schema = other.execute("SELECT current_schema()").fetchone()
    assert schema is not None
    other.execute(
        f"GRANT USAGE ON SCHEMA {schema[0]} TO guest;"
        f" GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema[0]} TO guest"
    )
    with closing(open_store(guest)) as writer:
        put(writer, EVENT)
    assert feeds(store) == {"a -> b"}


def test_no_password_is_shown(guest: str, admin: psycopg.Connection[Any]) -> None:
    admin.execute("ALTER ROLE guest CONNECTION LIMIT 0")
    for url in (
        guest,
        guest + "&nonsense=1&password=secret-word",
        guest.replace("guest:", "nobody:"),
        guest.replace("127.0.0.1", "[::1"),
    ):
        with pytest.raises(StoreError) as raised:
            open_store(url)
        told = raised.value
        assert "secret-word" not in f"{told} {told.location} {told.__cause__} {told!r}"
        assert "guest" in told.location or "nobody" in told.location


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("//postgres@", "//stranger@"), "refuses the user: check the user, the password"),
        (("/postgres?", "/nothing?"), "no such database: create it"),
        (("127.0.0.1", "nowhere.invalid"), "cannot be reached: check that it is running"),
        (("?options", "?nonsense=1&options"), "is no address of a PostgreSQL database"),
        (
            ("?options", "?prepare_threshold=often&options"),
            "prepare_threshold is 'often': give a number, or none",
        ),
        (("@127.0.0.1", "@[::1"), "is no address of a PostgreSQL database"),
    ],
)
def test_what_cannot_be_opened_is_told(store: LineageStore, change: tuple[str, str], reason: str) -> None:
    with pytest.raises(StoreError, match=reason):
        open_store(store.location.replace(*change))


def test_too_many_connections_are_told(guest: str, admin: psycopg.Connection[Any]) -> None:
    admin.execute("ALTER ROLE guest CONNECTION LIMIT 0")
    with pytest.raises(StoreError, match="takes no more connections"):
        open_store(guest)


def test_a_database_in_another_encoding_is_refused(
    postgresql_server: PostgresServer, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match="encoding LATIN1, and UTF8 is needed"):
            open_store(postgresql_server.dsn("old"))
    finally:
        admin.execute("DROP DATABASE old")


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'lineage-graph\[postgres\]'"):
        open_store("postgresql://localhost/lineage")


@pytest.mark.parametrize("threshold", ["none", "0", "1"])
def test_statements_are_prepared_as_the_url_says(
    store: LineageStore, other: psycopg.Connection[Any], threshold: str
) -> None:
    url = store.location.replace("?", f"?prepare_threshold={threshold}&")
    with closing(open_store(url)) as opened:
        put(opened, EVENT)
        for _ in range(3):
            assert feeds(opened) == {"a -> b"}
        prepared = opened._db.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0]  # type: ignore[attr-defined]
    assert bool(prepared) == (threshold != "none")
