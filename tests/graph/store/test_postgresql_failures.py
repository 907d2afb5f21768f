"""A store in PostgreSQL that is used while something goes wrong: nothing is half-written, and it goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest
from made_events import dump, dump_of, feeds, put, run_event
from postgres_server import PostgresServer, running_server

from graph import open_store
from graph.errors import StoreError
from graph.ingest import IngestCounts, ingest
from graph.store import LineageStore
from graph.store._postgresql_errors import store_error

EVENT = run_event("r", "COMPLETE", 0, inputs=["a"], outputs=["b"])


@pytest.fixture
def store(postgresql_store: LineageStore) -> LineageStore:
    return postgresql_store


def backend_of(store: LineageStore) -> int:
    return int(store._db.execute("SELECT pg_backend_pid()").fetchone()[0])  # type: ignore[attr-defined]


def test_a_store_that_is_busy_for_long_is_told(store: LineageStore, other: psycopg.Connection[Any]) -> None:
    store.patience = 0.05
    with other.transaction():
        other.execute("SELECT FROM store_state FOR UPDATE")
        with pytest.raises(StoreError, match="another process has been writing"):
            put(store, EVENT)
        assert store.counts().events == 0
    put(store, EVENT)


def test_a_connection_that_was_lost_while_idle_is_made_again(
    store: LineageStore, other: psycopg.Connection[Any]
) -> None:
    put(store, EVENT)
    for question in (
        lambda: feeds(store) == {"a -> b"},
        lambda: put(store, run_event("r", "START", 0)) is None,
        lambda: store.counts().events == 2,
    ):
        backend = backend_of(store)
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
        assert question()
        assert backend_of(store) != backend


def test_a_connection_that_is_lost_in_a_snapshot_ends_it(
    store: LineageStore, other: psycopg.Connection[Any]
) -> None:
    """To go on with another connection would show another moment."""
    put(store, EVENT)
    with store.snapshot():
        assert feeds(store) == {"a -> b"}
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend_of(store),))
        for _ in range(2):
            with pytest.raises(StoreError, match="connection to the server was lost"):
                feeds(store)
    assert feeds(store) == {"a -> b"}


@pytest.mark.parametrize("table", ["event", "claims", "edge"])
def test_a_connection_that_is_lost_in_a_batch_leaves_nothing_of_it(
    store: LineageStore, other: psycopg.Connection[Any], table: str
) -> None:
    put(store, EVENT)
    before = dump(store)
    backend = backend_of(store)
    told: list[StoreError] = []

    def apply() -> None:
        try:
            put(store, run_event("r2", "COMPLETE", 1, job="other", inputs=["b"], outputs=["c"]))
        except StoreError as error:
            told.append(error)

    writing = threading.Thread(target=apply)
    with other.transaction():
        other.execute(f"LOCK TABLE {table} IN SHARE MODE")
        writing.start()
        while not other.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", (backend,)
        ).fetchone():
            assert writing.is_alive(), f"the batch does not write into {table}"
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
        writing.join(30)
    assert "connection to the server was lost; nothing is half-written" in str(told[0])
    assert dump(store) == before
    put(store, run_event("r2", "COMPLETE", 1, job="other", inputs=["b"], outputs=["c"]))
    assert feeds(store) == {"a -> b", "b -> c"}


def broken(other: psycopg.Connection[Any], table: str, state: str) -> None:
    """Have the second new row of a table fail with an SQLSTATE."""
    other.execute(
        f"""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF (SELECT count(*) FROM {table}) > 1 THEN RAISE 'injected' USING ERRCODE = '{state}'; END IF;
            RETURN new;
        END $$;
        CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fail();
        """
    )


@pytest.mark.parametrize("table", ["event", "claims", "run", "job_run", "edge", "projected"])
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("53100", "disk is full; nothing of this step was kept"),
        ("XX001", "the database is damaged: restore it"),
        ("57014", "statement_timeout ended this step"),
    ],
)
def test_a_fault_in_the_middle_of_a_batch_leaves_nothing_of_it(
    store: LineageStore, other: psycopg.Connection[Any], table: str, state: str, reason: str
) -> None:
    events = [
        run_event(f"r{number}", "COMPLETE", number, job=f"j{number}", inputs=["a"], outputs=[f"b{number}"])
        for number in range(4)
    ]
    broken(other, table, state)
    try:
        with pytest.raises(StoreError, match=reason):
            put(store, *events)
        assert store.counts().events == 0
        assert dump(store) == dump_of([])
    finally:
        other.execute("DROP FUNCTION fail CASCADE")
    put(store, *events)
    assert len(feeds(store)) == 4


def test_both_ends_notice_within_a_minute_that_the_other_is_gone(store: LineageStore) -> None:
    """A machine that loses its power closes no connection, and may have had the turn to write."""
    connection = store._db.connection  # type: ignore[attr-defined]
    here = socket.socket(fileno=os.dup(connection.fileno()))
    with here:
        found = [
            here.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        ]
    there = connection.execute(
        "SELECT "
        + ", ".join(f"current_setting('tcp_keepalives_{x}')::int" for x in ("idle", "interval", "count"))
    ).fetchone()
    assert found == list(there) == [30, 10, 3]


class Cut:
    """Passes a connection on to the server until it has done a COMMIT: of that the client hears nothing."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = (server.host, server.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.cutting = self._committing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._join, args=(client, server), daemon=True).start()

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._committing:  # and this is the answer
                    self.cutting = self._committing = False
                    break
                self._committing = self.cutting and re.search(rb"COMMIT(?!TED)", data) is not None
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_the_answer_to_a_commit_that_is_lost_is_told_and_sending_again_doubles_nothing(
    store: LineageStore, postgresql_server: PostgresServer
) -> None:
    event = run_event("r2", "COMPLETE", 1, inputs=["b"], outputs=["c"])
    with closing(Cut(postgresql_server)) as cut:
        url = store.location.replace(f":{postgresql_server.port}/", f":{cut.port}/")
        with closing(open_store(url)) as far:
            put(far, EVENT)
            cut.cutting = True
            with pytest.raises(
                StoreError, match="connection to the server was lost; nothing is half-written"
            ):
                put(far, event)
            assert ingest(far, [json.dumps(event).encode()]) == IngestCounts(duplicate=1)
    assert feeds(store) == {"a -> b", "b -> c"}


def test_a_server_that_crashes_keeps_what_was_acknowledged_and_goes_on(new_schema: str) -> None:
    with running_server() as server, closing(open_store(server.dsn())) as store:
        put(store, EVENT)
        with closing(open_store(server.dsn())) as other:
            os.kill(backend_of(other), signal.SIGKILL)  # the server restarts all of its processes then
        assert eventually(lambda: feeds(store)) == {"a -> b"}
        eventually(lambda: put(store, run_event("r2", "COMPLETE", 1, inputs=["b"], outputs=["c"])))
        assert feeds(store) == {"a -> b", "b -> c"}


def eventually(ask: Callable[[], Any]) -> Any:
    """Ask again as long as the answer is that it is to be asked again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except StoreError as error:
            said = str(error)
        assert re.search("cannot be reached|was lost|starting or stopping", said), said
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_that_was_stopped_is_told_and_the_store_is_as_it_was(new_schema: str) -> None:
    with running_server() as server:
        store = open_store(server.dsn())
        put(store, EVENT)
    with closing(store):
        for question in (store.counts, lambda: put(store, EVENT), store.counts):
            with pytest.raises(StoreError, match=r"cannot be reached|was lost|starting or stopping"):
                question()


@pytest.mark.parametrize("state", ["starting up", "shutting down", "in recovery mode"])
def test_a_server_that_is_not_ready_is_not_taken_for_one_without_the_database(state: str) -> None:
    error = psycopg.OperationalError(f"connection failed: FATAL: the database system is {state}")
    assert "starting or stopping" in str(store_error("here", error))
