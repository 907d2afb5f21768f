"""What a run claims to have written is what its transactions committed, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import psycopg
import psycopg2
import pytest
import sqlalchemy as sa
from postgres_server import PostgresServer
from sqlalchemy.pool import NullPool

import producers.psycopg
import producers.sqlalchemy
from graph import open_store
from graph.errors import UnknownNameError
from graph.ingest import derive, drain
from graph.queries import upstream
from lineage import track_run
from lineage.attribution import flush_queries
from lineage.testing import capture

WRITE = "INSERT INTO t{} SELECT a FROM s"


@pytest.fixture(params=["asyncpg", "psycopg", "psycopg2", "sqlalchemy"])
def way(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Way]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        for table in ("s", "t1", "t2", "t3", "t4"):
            connection.execute(f"CREATE TABLE {table} (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        connection.execute("INSERT INTO s VALUES (1)")
    producers.install(request.param)
    way = WAYS[request.param](postgres)
    yield way
    producers.uninstall(request.param)
    way.close()


class Psycopg:
    def __init__(self, postgres: PostgresServer) -> None:
        self.dsn = postgres.dsn()
        self.connection = self.connect()

    def connect(self, **options: Any) -> Any:
        return psycopg.connect(self.dsn, **options)

    def write(self, number: int) -> None:
        self.text(WRITE.format(number))

    def text(self, statement: str) -> None:
        self.connection.execute(statement)

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def savepoint(self) -> Any:
        return self.connection.transaction()

    def autocommit(self) -> None:
        self.close()
        self.connection = self.connect(autocommit=True)

    def close(self) -> None:
        self.connection.close()


class SQLAlchemy(Psycopg):
    def connect(self, **options: Any) -> Any:
        self.engine = sa.create_engine(
            self.dsn.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool
        )
        return self.engine.connect()

    def text(self, statement: str) -> None:
        self.connection.execute(sa.text(statement))

    def savepoint(self) -> Any:
        return self.connection.begin_nested()

    def autocommit(self) -> None:
        self.close()
        self.connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")


class Psycopg2(Psycopg):
    def connect(self, **options: Any) -> Any:
        connection = psycopg2.connect(self.dsn)
        connection.autocommit = bool(options)
        return connection

    def text(self, statement: str) -> None:
        self.connection.cursor().execute(statement)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.text("SAVEPOINT one")
        try:
            yield
        except BaseException:
            self.text("ROLLBACK TO SAVEPOINT one")
            raise
        self.text("RELEASE SAVEPOINT one")


class Asyncpg(Psycopg):
    """In autocommit by itself: a transaction is begun where the others have one."""

    def connect(self, **options: Any) -> Any:
        self.loop = asyncio.new_event_loop()
        self.begins, self.open = not options, None
        return self.loop.run_until_complete(asyncpg.connect(self.dsn))

    def text(self, statement: str) -> None:
        if self.begins and self.open is None:
            self.open = self.connection.transaction()
            self.loop.run_until_complete(self.open.start())
        self.loop.run_until_complete(self.connection.execute(statement))

    def commit(self) -> None:
        ended, self.open = self.open, None
        self.loop.run_until_complete(ended.commit())

    def rollback(self) -> None:
        ended, self.open = self.open, None
        if ended is not None:
            self.loop.run_until_complete(ended.rollback())

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        inner = self.connection.transaction()
        self.loop.run_until_complete(inner.start())
        try:
            yield
        except BaseException:
            self.loop.run_until_complete(inner.rollback())
            raise
        self.loop.run_until_complete(inner.commit())

    def close(self) -> None:
        if not self.loop.is_closed():
            self.loop.run_until_complete(self.connection.close())
            self.loop.close()


Way = Psycopg
WAYS: dict[str, Callable[[PostgresServer], Psycopg]] = {
    "asyncpg": Asyncpg,
    "psycopg": Psycopg,
    "psycopg2": Psycopg2,
    "sqlalchemy": SQLAlchemy,
}


def claimed(events: Any) -> list[int]:
    """The numbers of the tables that events say were written, each as often as it is said."""
    statements = [
        one["query"]
        for event in events
        for one in event["job"]["facets"].get("lineageGraph_statements", {}).get("statements", ())
    ]
    return sorted(int(one[13]) for one in statements if one.startswith("INSERT INTO t"))


def test_what_is_committed_is_claimed_and_what_is_rolled_back_is_not(way: Way) -> None:
    with capture() as events, track_run("load"):
        way.write(1)
        way.commit()
        way.write(2)
        way.rollback()
        way.write(3)
        way.commit()

    assert claimed(events) == [1, 3]


def test_a_savepoint_falls_alone(way: Way) -> None:
    with capture() as events, track_run("load"):
        way.write(1)
        with suppress(ZeroDivisionError), way.savepoint():
            way.write(2)
            raise ZeroDivisionError
        with way.savepoint():
            way.write(3)
        way.commit()

    assert claimed(events) == [1, 3]


def test_transactions_written_as_text_are_read(way: Way) -> None:
    way.autocommit()
    with capture() as events, track_run("load"):
        if not isinstance(way, SQLAlchemy):
            way.text("BEGIN")
            way.write(1)
            way.text("SAVEPOINT here")
            way.write(2)
            way.text("ROLLBACK TO SAVEPOINT here")
            way.text("COMMIT")
            way.text("BEGIN")
            way.write(3)
            way.text("ROLLBACK")
        else:
            way.write(1)
            way.rollback()  # of which nothing is left to roll back

    assert claimed(events) == [1]


def test_autocommit_claims_at_once(way: Way) -> None:
    way.autocommit()
    with capture() as events, track_run("load"):
        way.write(1)
        with pytest.raises(Exception, match="nowhere"):
            way.text("INSERT INTO nowhere SELECT a FROM s")
        way.write(2)

    assert claimed(events) == [1, 2]


def test_a_connection_closed_without_commit_claims_nothing(way: Way) -> None:
    with capture() as events, track_run("load"):
        way.write(1)
        way.close()

    assert claimed(events) == []


def test_a_commit_after_a_failed_statement_claims_nothing(way: Way) -> None:
    """PostgreSQL answers such a COMMIT with ROLLBACK, and the driver raises nothing."""
    with capture() as events, track_run("load"):
        way.write(1)
        with pytest.raises(Exception, match="nowhere"):
            way.text("SELECT * FROM nowhere")
        way.commit()
        way.write(2)
        way.commit()

    assert claimed(events) == [2]


def test_a_commit_that_fails_claims_nothing(way: Way) -> None:
    """A deferred constraint is checked at the COMMIT."""
    with capture() as events, track_run("load"):
        way.write(1)
        way.text("INSERT INTO t1 VALUES (1)")
        with pytest.raises(Exception, match="duplicate key"):
            way.commit()
        way.rollback()
        way.write(2)
        way.commit()

    assert claimed(events) == [2]


def test_a_commit_after_the_run_has_ended_is_told_then(way: Way) -> None:
    """An open transaction claims nothing; its commit is told by one more event of the same run."""
    with capture() as events:
        with track_run("load") as run:
            way.write(1)
        assert flush_queries(10)
        assert claimed(events) == []
        way.commit()
        assert flush_queries(10)
        with track_run("load"):
            way.write(2)
        way.rollback()
        assert flush_queries(10)

    assert claimed(events) == [1]
    late = next(one for one in events if one["eventType"] == "OTHER")
    assert late["run"]["runId"] == run.run_id


def test_a_failed_run_claims_nothing_afterwards_either(way: Way) -> None:
    with capture() as events:
        with suppress(ZeroDivisionError), track_run("load"):
            way.write(1)
            raise ZeroDivisionError
        way.commit()
        assert flush_queries(10)

    assert claimed(events) == []
    assert events.types == ["START", "FAIL"]


def test_queries_outside_a_run_claim_what_is_committed_later(way: Way) -> None:
    """The window they are counted in may be told while their transaction is open."""
    with capture() as events:
        way.write(1)
        assert flush_queries(10)
        assert claimed(events) == []
        way.commit()
        way.write(2)
        way.rollback()
        assert flush_queries(10)

    assert claimed(events) == [1]


def test_what_is_only_read_needs_no_commit(way: Way) -> None:
    with capture() as events, track_run("load"):
        way.text("SELECT a FROM s FOR UPDATE")
        way.close()

    assert "FROM s FOR UPDATE" in repr(list(events))


def test_the_graph_has_no_edge_of_a_rolled_back_statement(way: Way, postgres: PostgresServer) -> None:
    """Outputs of a rolled-back transaction are in no answer; those of a late commit are."""
    with track_run("load", job_namespace="production"):
        way.write(1)
        way.rollback()
        way.write(2)
    way.commit()
    assert flush_queries(10)
    namespace = f"postgres://{postgres.host}:{postgres.port}"
    with open_store() as store:
        drain(store)
        derive(store)
        answer = upstream(store, f"dataset:{namespace}:postgres.public.t2")
        with pytest.raises(UnknownNameError):
            upstream(store, f"dataset:{namespace}:postgres.public.t1")

    assert {one.node.id for one in answer.nodes} >= {
        f"dataset:{namespace}:postgres.public.s",
        "job:production:load",
    }


def test_the_facet_says_why_a_statement_is_not_claimed(way: Way) -> None:
    with capture() as events:
        with track_run("load"):
            way.write(1)
            way.rollback()
            way.write(2)
        way.rollback()

    queries = events[-1]["run"]["facets"]["lineageGraph_queryAttribution"]["queries"]
    assert [one.get("attributes") for one in queries] == [["transaction=rolled back"], ["transaction=open"]]
    assert all("statement" not in one for one in queries)


def test_rows_are_those_that_were_committed(way: Way) -> None:
    """DC-17: what an output got is what the driver told of its statements; a rolled-back row is none."""
    with capture() as events, track_run("load"):
        for end in (way.commit, way.rollback, way.commit):
            way.text("INSERT INTO t1 SELECT a + (SELECT count(*) FROM t1) FROM s")
            end()
        way.text("INSERT INTO t2 SELECT a FROM s WHERE false")
        way.commit()
        way.text("COPY s TO '/dev/null'")
        way.text("SELECT a FROM s")
        way.commit()

    run = events[-1]["run"]["facets"]
    told = [(one["statement"], one["rowCount"]) for one in run["lineageGraph_outputStatistics"]["statistics"]]
    assert told == [(0, 2), (1, 0)]


def test_a_version_whose_commits_would_not_be_seen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all that it writes would stay unclaimed for ever, and nobody would be told."""
    monkeypatch.setattr(producers.psycopg, "_CONTROL", "gone")
    monkeypatch.setitem(producers.sqlalchemy._ENDINGS, "gone", lambda connection, done: None)

    for name in ("psycopg", "sqlalchemy"):
        with pytest.raises(producers.InstrumentError, match=r"how version .* commits is not known"):
            producers.install(name)
        assert not any(one.everywhere for one in producers.status())
