"""Spans of OpenTelemetry's own instrumentations, of real libraries, as queries and operations."""

from __future__ import annotations

import asyncio
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import confluent_kafka
import psycopg
import pytest
import redis
import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind
from opentelemetry.util._once import Once
from postgres_server import PostgresServer
from told_queries import told_events

import producers
from lineage import configure, trace_query, track_messaging_operation, track_run
from lineage.context import use
from lineage.testing import assert_lineage, capture
from producers import _spans

Event = dict[str, Any]
Told = Callable[[], list[Event]]


@pytest.fixture
def counted() -> Iterator[Told]:
    """As `told`, with the runs told as well."""
    with told_events("lineage") as take:
        yield take


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """The global provider of the test's process for as long as the test runs, watched."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    producers.install("opentelemetry")
    made = TracerProvider(shutdown_on_exit=False)
    trace.set_tracer_provider(made)  # later than the installation
    return made


@pytest.fixture
def exported(provider: TracerProvider) -> Callable[[], tuple[ReadableSpan, ...]]:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter.get_finished_spans


@pytest.fixture(params=["", "database", "database/dup"])
def conventions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which names the instrumentations write: the old ones, the stable ones, or both."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", request.param)
    monkeypatch.setattr(_OpenTelemetrySemanticConventionStability, "_initialized", False)
    monkeypatch.setattr(
        _OpenTelemetrySemanticConventionStability, "_OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING", {}
    )
    return str(request.param)


@contextmanager
def instrumented(*instrumentors: Any) -> Iterator[None]:
    with ExitStack() as undo:
        for instrumentor in instrumentors:
            instrumentor.instrument(skip_dep_check=True)  # newer libraries than theirs name work as well
            undo.callback(instrumentor.uninstrument)
        yield


def sqlite_engine() -> sa.Engine:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE orders (day text, amount int)"))
        connection.execute(sa.text("CREATE TABLE revenue (day text, total int)"))
    return engine


INSERT = "INSERT INTO revenue (day, total) SELECT day, sum(amount) FROM orders WHERE day > 'x' GROUP BY day"


def test_a_traced_engine_s_statement_is_a_query_of_its_run(
    provider: TracerProvider, told: Told, conventions: str
) -> None:
    with instrumented(SQLAlchemyInstrumentor()):
        engine = sqlite_engine()
        with use(actor="ada"), track_run("build") as run, engine.begin() as connection:
            connection.execute(sa.text(INSERT))
        engine.dispose()

    event = told()[-1]
    assert event["run_id"] == run.run_id
    assert event["db_system"] == "sqlite"
    assert event["client"] == "sqlalchemy"
    assert event["actor"] == "ada"
    assert event["callsite"]["function"] == "test_a_traced_engine_s_statement_is_a_query_of_its_run"
    assert event["query_text"].startswith("insert into revenue(day, total) select day, sum(amount)")
    assert "'x'" not in str(event)


@pytest.mark.parametrize("conventions", ["database"], indirect=True)
def test_traced_psycopg_s_statements_are_lineage(
    provider: TracerProvider, counted: Told, conventions: str, postgres: PostgresServer
) -> None:
    with (
        instrumented(PsycopgInstrumentor()),
        capture(fixed=False) as events,
        track_run("build"),
        psycopg.connect(postgres.dsn()) as connection,
    ):
        connection.execute("CREATE TABLE public.orders (day text, amount int)")
        connection.execute("CREATE TABLE public.revenue (day text, total int)")
        connection.execute(INSERT.replace("revenue", "public.revenue").replace("orders", "public.orders"))

    event = counted()[-1]
    assert (event["db_name"], event["db_system"]) == ("postgres", "postgresql")
    assert_lineage("postgres.public.orders.amount", "postgres.public.revenue.total", events)
    statements = events[-1]["job"]["facets"]["lineageGraph_statements"]["statements"]
    assert {one["namespace"] for one in statements} == {f"postgres://{postgres.host}:{postgres.port}"}


def test_a_trace_s_ids_are_those_of_the_query_s_own_span(
    provider: TracerProvider, told: Told, exported: Callable[[], tuple[ReadableSpan, ...]]
) -> None:
    with instrumented(SQLAlchemyInstrumentor()), trace.get_tracer("shop").start_as_current_span("request"):
        engine = sa.create_engine("sqlite://")
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        engine.dispose()

    (span,) = [one for one in exported() if one.name.startswith("SELECT")]
    (event,) = told()
    assert event["trace_id"] == f"{span.context.trace_id:032x}"
    assert event["span_id"] == f"{span.context.span_id:016x}"
    assert event["duration_ms"] == (span.end_time - span.start_time) / 1e6


@pytest.mark.parametrize("ours", [(), ("sqlalchemy",), ("psycopg",), ("sqlalchemy", "psycopg")])
@pytest.mark.parametrize(
    "theirs",
    [(SQLAlchemyInstrumentor,), (PsycopgInstrumentor,), (SQLAlchemyInstrumentor, PsycopgInstrumentor)],
    ids=["sqlalchemy", "psycopg", "both"],
)
def test_one_query_is_told_once_whoever_sees_it(
    provider: TracerProvider, told: Told, postgres: PostgresServer, ours: tuple[str, ...], theirs: Any
) -> None:
    for name in ours:
        producers.install(name)
    with instrumented(*(each() for each in theirs)):
        engine = sa.create_engine(postgres.dsn().replace("://", "+psycopg://"))
        with engine.connect() as connection:
            before = len(told())
            connection.execute(sa.text("SELECT 1"))
            connection.execute(sa.text("SELECT 1"))
            connection.execute(sa.text("SELECT count(*) FROM pg_class WHERE relname = :name"), {"name": "x"})
        engine.dispose()

    texts = [event["query_text"] for event in told()[before:]]
    assert texts == ["select ?", "select ?", "select count(*) from pg_class where relname = ?"]


def test_a_query_told_by_hand_is_not_told_again(provider: TracerProvider, told: Told) -> None:
    tracer = provider.get_tracer("shop")
    spoken = {"db.system.name": "postgresql", "db.query.text": "SELECT 5", "server.address": "warehouse"}
    with tracer.start_as_current_span("SELECT", attributes=spoken), trace_query("SELECT 5"):
        pass
    with trace_query("SELECT 5"), tracer.start_as_current_span("SELECT", attributes=spoken):
        pass

    assert [event.get("db_host") for event in told()] == [None, "warehouse"]


def test_tasks_of_one_statement_are_each_told(provider: TracerProvider, told: Told) -> None:
    tracer = provider.get_tracer("opentelemetry.instrumentation.asyncpg")

    async def ask(number: int) -> None:
        with (
            use(actor=str(number)),
            tracer.start_as_current_span(
                "SELECT", attributes={"db.system": "postgresql", "db.statement": "SELECT 1"}
            ),
        ):
            await asyncio.sleep(0.001 * (number % 3))

    async def main() -> None:
        await asyncio.gather(*(ask(number) for number in range(9)))

    asyncio.run(main())
    assert sorted(event["actor"] for event in told()) == [str(number) for number in range(9)]


def test_a_failed_statement_is_an_error_without_its_values(provider: TracerProvider, told: Told) -> None:
    with instrumented(SQLAlchemyInstrumentor()):
        engine = sqlite_engine()
        with engine.connect() as connection, pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT 'secret' FROM nowhere"))
        engine.dispose()

    event = told()[-1]
    assert event["status"] == "error"
    assert event["error"] == {"type": "OperationalError", "message": "no such table: nowhere"}


def test_a_cancelled_task_s_query_is_cancelled(provider: TracerProvider, told: Told) -> None:
    tracer = provider.get_tracer("opentelemetry.instrumentation.asyncpg")

    async def main() -> None:
        with tracer.start_as_current_span(
            "SELECT", attributes={"db.system": "postgresql", "db.statement": "SELECT pg_sleep(9)"}
        ):
            await asyncio.sleep(9)

    async def cancel() -> None:
        task = asyncio.create_task(main())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:  # a span that ends well while an exception is handled
        with tracer.start_as_current_span("x", attributes={"db.system": "mysql", "db.statement": "SELECT 2"}):
            pass
    assert [event["status"] for event in told()] == ["cancelled", "ok"]


class Redis(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline():
            for _ in range(2 * int(line[1:])):
                self.rfile.readline()
            self.wfile.write(b"+OK\r\n")


def test_traced_redis_is_an_operation(provider: TracerProvider, told: Told) -> None:
    with (
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Redis) as server,
        instrumented(RedisInstrumentor()),
        track_run("cache"),
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with redis.Redis(port=server.server_address[1], protocol=2) as client:
            client.set("customer:5", "secret")
        server.shutdown()

    event = next(one for one in told() if one["operation_name"] == "SET")
    assert (event["kind"], event["system"]) == ("database", "redis")
    assert "secret" not in str(event)
    assert "customer" not in str(event)


def test_traced_kafka_s_topics_are_inputs_and_outputs(provider: TracerProvider, counted: Told) -> None:
    with instrumented(ConfluentKafkaInstrumentor()), capture(fixed=False) as events:
        mock = confluent_kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "unused:1"})
        place = mock.list_topics(timeout=10).brokers[1]
        servers = f"{place.host}:{place.port}"
        with track_run("publish"):
            producer = confluent_kafka.Producer({"bootstrap.servers": servers})
            producer.produce("orders", b"secret")
            assert producer.flush(10) == 0
        with track_run("read"):
            consumer = confluent_kafka.Consumer({"bootstrap.servers": servers, "group.id": "g"})
            for partition in mock.list_topics("orders").topics["orders"].partitions:
                consumer.incremental_assign([confluent_kafka.TopicPartition("orders", partition, 0)])
            assert consumer.poll(10).value() == b"secret"
            consumer.close()

    named = {"namespace": f"kafka://{servers}", "name": "orders"}
    published = next(one for one in events if one["job"]["name"] == "publish" and one["outputs"])
    read = next(one for one in events if one["job"]["name"] == "read" and one["inputs"])
    assert [{key: one[key] for key in named} for one in published["outputs"]] == [named]
    assert [{key: one[key] for key in named} for one in read["inputs"]] == [named]
    assert [event["operation_name"] for event in counted()] == ["publish", "consume"]
    assert "secret" not in str(counted())


def test_messages_that_an_operation_tells_of_are_not_told_again(provider: TracerProvider, told: Told) -> None:
    tracer = provider.get_tracer("opentelemetry.instrumentation.kafka")
    spoken = {"messaging.system": "kafka", "messaging.destination": "orders"}
    with (
        track_messaging_operation("kafka", "publish", "orders"),
        tracer.start_as_current_span("orders send", kind=SpanKind.PRODUCER, attributes=spoken),
    ):
        pass
    with (
        tracer.start_as_current_span("orders receive", kind=SpanKind.CONSUMER, attributes=spoken),
        track_messaging_operation("kafka", "receive", "orders"),
    ):
        pass

    assert [event["operation_name"] for event in told()] == ["publish", "receive"]


def test_our_own_storage_is_not_the_host_s_even_when_it_is_traced(
    provider: TracerProvider, told: Told
) -> None:
    with instrumented(SQLite3Instrumentor()):
        configure(outbox_limit="2M")
        with track_run("load"), closing(sqlite3.connect(":memory:")) as connection:
            connection.cursor().execute("SELECT 7")

    assert [event["query_text"] for event in told()] == ["select ?"]


def test_what_the_sampler_drops_is_not_seen(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    dropping = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    producers.install("opentelemetry", dropping)
    with dropping.get_tracer("x").start_as_current_span(
        "SELECT", attributes={"db.system": "mysql", "db.statement": "SELECT 1"}
    ):
        pass
    assert told() == []


def test_spans_of_other_things_are_nothing_to_us(provider: TracerProvider, told: Told) -> None:
    tracer = provider.get_tracer("x")
    for attributes in (
        {},
        {"http.request.method": "GET"},
        {"db.system": "postgresql", "db.name": "shop"},  # connecting
        {"messaging.system": "rabbitmq", "messaging.operation.type": "settle", "messaging.destination": "q"},
    ):
        with tracer.start_as_current_span("x", attributes=attributes):
            pass
    assert told() == []


def test_a_provider_that_takes_no_processors_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    with pytest.raises(producers.InstrumentError, match="NoOpTracerProvider"):
        producers.install("opentelemetry")
    assert not next(one for one in producers.status() if one.name == "opentelemetry").everywhere


def test_uninstalling_gives_the_provider_back_as_it_was(provider: TracerProvider, told: Told) -> None:
    processors = provider._active_span_processor._span_processors
    assert len(processors) == 1
    producers.install("opentelemetry", provider)
    assert provider._active_span_processor._span_processors == processors

    producers.uninstall("opentelemetry")

    assert provider._active_span_processor._span_processors == ()
    later = TracerProvider(shutdown_on_exit=False)
    trace._set_tracer_provider(later, log=False)
    assert later._active_span_processor._span_processors == ()


@pytest.mark.parametrize(
    ("attributes", "namespace", "database", "schema", "dialect"),
    [
        (
            {"db.system": "postgresql", "db.name": "shop", "net.peer.name": "h", "net.peer.port": 6543},
            "postgres://h:6543",
            "shop",
            None,
            "postgres",
        ),
        (
            {"db.system.name": "postgresql", "db.namespace": "shop|sales", "server.address": "H"},
            "postgres://h:5432",
            "shop",
            "sales",
            "postgres",
        ),
        (
            {"db.system.name": "microsoft.sql_server", "db.namespace": "one|shop", "server.address": "h"},
            "mssql://h:1433",
            "shop",
            None,
            "tsql",
        ),
        ({"db.system": "mysql", "db.name": "shop"}, None, "shop", None, "mysql"),
        ({"db.system": "mysql", "server.address": "::1"}, "mysql://[::1]:3306", None, None, "mysql"),
        (
            {"db.system": "postgresql", "server.address": "/run"},
            "postgres://localhost:5432",
            None,
            None,
            "postgres",
        ),
        (
            {"db.system": "sqlite", "db.name": "/data/shop.db"},
            "sqlite:///data/shop.db",
            "/data/shop.db",
            None,
            "sqlite",
        ),
        ({"db.system": "other_sql", "server.address": "h"}, "other_sql://h", None, None, None),
    ],
)
def test_where_a_span_s_database_is(
    attributes: dict[str, Any], namespace: str, database: str, schema: str, dialect: str
) -> None:
    source = _spans.source_of(attributes, "x")

    assert (source.namespace, source.db_name) == (namespace, database)
    assert (source.default_schema, source.dialect) == (schema, dialect)


@pytest.mark.parametrize(
    ("attributes", "kind", "done", "destination", "broker"),
    [
        (
            {"messaging.destination.name": "t", "messaging.operation.type": "send", "server.address": "b"},
            "PRODUCER",
            "publish",
            "t",
            "kafka://b",
        ),
        ({"messaging.destination": "t", "messaging.operation": "receive"}, "CONSUMER", "receive", "t", None),
        (
            {"messaging.destination": "t", "messaging.url": '["b:9093", "c:1"]'},
            "CONSUMER",
            "consume",
            "t",
            "kafka://b:9093",
        ),
        (
            {"messaging.destination": "t", "messaging.temp_destination": True},
            "PRODUCER",
            "publish",
            None,
            None,
        ),
        ({"messaging.operation": "receive"}, "PRODUCER", "publish", None, None),
        ({"messaging.operation.type": "create"}, "PRODUCER", None, None, None),
        ({"messaging.destination": "t"}, "CLIENT", None, "t", None),
    ],
)
def test_what_a_span_says_of_messages(
    attributes: dict[str, Any], kind: str, done: str, destination: str, broker: str
) -> None:
    assert _spans.message_operation_of(attributes, kind) == done
    assert _spans.destination_of(attributes) == destination
    assert _spans.broker_of(attributes, "kafka") == broker


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"db.operation.name": "find", "db.collection.name": "orders"}, ("SELECT", "orders")),
        ({"db.operation": "insert", "db.mongodb.collection": "orders"}, ("INSERT", "orders")),
        ({"db.operation": "PutItem", "aws.dynamodb.table_names": ("t",)}, ("INSERT", "t")),
        ({"db.operation": "BatchGetItem", "aws.dynamodb.table_names": ("t", "u")}, ("SELECT", None)),
        ({"db.statement": "HGETALL ?"}, ("HGETALL", None)),
        ({}, ("unknown", None)),
    ],
)
def test_what_is_done_to_a_database_without_sql(attributes: dict[str, Any], expected: Any) -> None:
    assert _spans.operation_of(attributes) == expected
