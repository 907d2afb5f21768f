"""A small service on a real database: its queries, counted, delivered and asked for."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from typer.testing import CliRunner

from graph import open_store
from graph.cli import app
from graph.store import default_location
from lineage import configure, context, trace_query, track_run
from lineage.attribution import flush_queries

ROOT = Path(__file__).resolve().parents[2]
RUNNER = CliRunner(**({"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}))
SCHEMAS = [
    json.loads((ROOT / f"docs/schemas/{name}.json").read_text("utf-8")) for name in ("answer", "items")
]
REGISTRY: Registry[Any] = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS]
)
SECRET = "anna.secret@example.com"


class Shop:
    """The service: three operations that read and write a SQLite database."""

    def __init__(self, file: Path) -> None:
        self.db = sqlite3.connect(file)
        self.namespace = f"sqlite://{file}"
        self.db.execute("CREATE TABLE orders (id INTEGER, customer TEXT, status TEXT, total REAL, note TEXT)")
        self.db.execute("CREATE TABLE customers (email TEXT, name TEXT)")
        self.db.execute("CREATE TABLE revenue (status TEXT, total REAL)")

    def run(self, sql: str) -> list[Any]:
        with trace_query(sql, db_system="sqlite", dialect="sqlite", namespace=self.namespace) as query:
            rows = self.db.execute(sql).fetchall()
            query.set(rows=len(rows), bytes_read=100, query_id=f"q-{len(sql)}")
        return rows

    def orders_of(self, email: str) -> list[Any]:
        return self.run(f"SELECT id, total FROM orders WHERE customer = '{email}'")

    def names(self) -> list[Any]:
        return self.run("SELECT name FROM customers")

    def everything(self) -> list[Any]:
        return self.run("SELECT * FROM orders")

    def broken(self) -> None:
        with pytest.raises(sqlite3.OperationalError):
            self.run("SELECT nothing_like_it FROM orders")


def line_of(function: Callable[..., Any], text: str) -> int:
    """Return the number of the line of a function that has this text."""
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def ask(*arguments: str) -> str:
    done = RUNNER.invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def answered(schema: int, *arguments: str) -> Any:
    value = json.loads(ask(*arguments, "--json"))
    jsonschema.Draft202012Validator(SCHEMAS[schema], registry=REGISTRY).validate(value)
    return value


def items(*arguments: str) -> list[Any]:
    return list(answered(1, "queries", *arguments)["items"])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    configure(service_name="shop", environment="test")
    service = Shop(tmp_path / "shop.db")
    for number in range(4):
        actor = ("anna", "ben")[number % 2]
        with context.use(
            operation=f"GET /orders/{number}",
            actor=actor,
            request_id=f"req-{number}",
            session_id=f"session-{actor}",
            job_id="nightly",
            agent="copilot" if number == 3 else None,
            attributes={"tenant": "acme"},
        ):
            service.orders_of(SECRET)
    with context.use(operation="GET /names", actor="carl"):
        service.names()
    with context.use(operation="GET /broken", actor="carl"):
        service.broken()
    with track_run("build_revenue"):
        service.run(
            "INSERT INTO revenue (status, total) SELECT status, sum(total) FROM orders GROUP BY status"
        )
    assert flush_queries(10)
    yield service
    service.db.close()
    flush_queries(10)


def test_impact_names_service_operation_line_calls_and_cost_of_the_readers(shop: Shop) -> None:
    answer = answered(0, "impact", "orders.total")

    service = next(one for one in answer["readers"] if one["operation"] == "GET /orders/{id}")
    assert (service["service"], service["environment"], service["impact"]) == ("shop", "test", "direct")
    assert service["callsite"]["path"] == __file__
    assert service["callsite"]["line"] == line_of(Shop.run, "with trace_query")
    assert f"test_queries:{line_of(Shop.orders_of, 'return')} orders_of" in service["callsite"]["stack"]
    assert (service["count"], service["errors"], service["rows"], service["bytesRead"]) == (4, 0, 0, 400)
    assert service["callsPerDay"] == 4.0
    assert service["totalMs"] >= service["maxMs"] >= service["averageMs"] > 0
    assert set(service["actors"]) == {"anna", "ben"}
    jobs = {node["name"]: node["impact"] for node in answer["nodes"] if node["type"] == "JOB"}
    assert jobs == {"shop.GET /orders/{id}": "direct", "build_revenue": "direct"}
    assert {one["job"].rpartition(":")[2] for one in answer["readers"]} == {*jobs}

    shown = ask("impact", "orders.total")
    for part in ("GET /orders/{id}", "test_queries.py:", "4", "400 B", "anna, ben"):
        assert part in shown.partition("Read by:")[2]


def test_a_column_that_only_filters_has_an_indirect_reader_and_one_that_nobody_reads_has_none(
    shop: Shop,
) -> None:
    readers = {one["operation"]: one["impact"] for one in answered(0, "impact", "orders.customer")["readers"]}
    assert readers == {"GET /orders/{id}": "indirect"}

    answer = answered(0, "impact", "orders.id")
    assert [one["operation"] for one in answer["readers"]] == ["GET /orders/{id}"]
    assert "unknown" not in {node.get("impact") for node in answer["nodes"]}, "all SELECTs tell their columns"


def test_a_reader_of_all_columns_is_unknown_until_they_are_known(shop: Shop) -> None:
    with context.use(operation="GET /dump"):
        shop.everything()
    assert flush_queries(10)

    readers = {one["operation"]: one["impact"] for one in answered(0, "impact", "orders.customer")["readers"]}
    assert readers == {"GET /orders/{id}": "indirect", "GET /dump": "unknown"}


def test_a_planned_change_names_the_code_that_it_breaks(shop: Shop) -> None:
    shown = ask("impact", "orders", "--drop", "total")

    assert "Read by:" in shown
    assert "direct  shop     GET /orders/{id}" in shown


def test_impact_of_the_whole_table_lists_every_query_that_reads_it(shop: Shop) -> None:
    readers = answered(0, "impact", "orders")["readers"]

    assert {one["operation"] for one in readers} == {"GET /orders/{id}", "GET /broken", None}
    assert {one["impact"] for one in readers} == {"direct"}


FOUND: dict[str, set[str | None]] = {
    "--dataset orders": {"GET /orders/{id}", "GET /broken", None},
    "--dataset revenue": {None},
    "--field orders.customer": {"GET /orders/{id}"},
    "--field customers.name": {"GET /names"},
    "--actor anna": {"GET /orders/{id}"},
    "--actor carl": {"GET /names", "GET /broken"},
    "--actor nobody": set(),
    "--agent copilot": {"GET /orders/{id}"},
    "--operation 'GET /names'": {"GET /names"},
    "--service shop --actor carl": {"GET /names", "GET /broken"},
    "--service other": set(),
    "--since 7d": {"GET /orders/{id}", "GET /names", "GET /broken", None},
    "--since 2200-01-01T00:00:00Z": set(),
    "--actor anna --since 1h": {"GET /orders/{id}"},
}


@pytest.mark.parametrize("arguments", FOUND)
@pytest.mark.usefixtures("shop")
def test_queries_are_found_by_what_they_use_and_for_whom_they_ran(arguments: str) -> None:
    assert {one["operation"] for one in items(*shlex.split(arguments))} == FOUND[arguments]


@pytest.mark.usefixtures("shop")
def test_one_question_tells_who_caused_a_query() -> None:
    """DC-59: fault 3-55: code path, request, job, agent, actor and session, tenant, by fingerprint alone."""
    fingerprint = items("--operation", "GET /orders/{id}")[0]["fingerprint"]

    (found,) = items("--fingerprint", fingerprint)

    assert found["callsite"]["function"] == "Shop.run"
    assert "orders_of" in found["callsite"]["stack"]
    assert set(found["requestIds"]) == {"req-0", "req-1", "req-2", "req-3"}
    assert found["jobIds"] == ["nightly"]
    assert found["agents"] == ["copilot"]
    assert set(found["actors"]) == {"anna", "ben"}
    assert set(found["sessionIds"]) == {"session-anna", "session-ben"}
    assert found["attributes"] == ["tenant=acme"]
    assert found["queryIds"] == [f"q-{len(found['query']) - 1 + len(SECRET) + 2}"]


@pytest.mark.usefixtures("shop")
def test_errors_and_totals_are_told() -> None:
    (broken,) = items("--operation", "GET /broken")
    everything = items()

    assert (broken["count"], broken["errors"]) == (1, 1)
    assert sum(one["count"] for one in everything) == 7
    assert [one["totalMs"] for one in everything] == sorted(
        (one["totalMs"] for one in everything), reverse=True
    )


@pytest.mark.usefixtures("shop")
def test_all_times_are_written_alike() -> None:
    """fault 3-56: RFC 3339, UTC, milliseconds: in events, facets and answers."""
    told = ask("queries", "--json") + ask("runs", "--json")
    with closing(open_store()) as store:
        told += "".join(body.decode() for _, body in store.bodies())
    times = re.findall(r'"(\d{4}-\d\d-\d\dT[^"]*)"', told)

    assert len(times) > 30
    assert [time for time in times if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)] == []


@pytest.mark.usefixtures("shop")
def test_pages_hold_each_query_once() -> None:
    first = answered(1, "queries", "--limit", "2")
    second = answered(1, "queries", "--limit", "2", "--cursor", first["next"])

    assert second["next"] is None
    assert first["items"] + second["items"] == items()


@pytest.mark.usefixtures("shop")
def test_no_value_of_a_statement_is_stored_or_printed() -> None:
    """DC-46: fault 3-58: neither the events nor the store nor an answer holds what a statement asked for."""
    said = ask("queries", "--json") + ask("impact", "orders.customer", "--json") + ask("export")

    assert SECRET not in said
    with closing(open_store()) as store:
        bodies = [body for _, body in store.bodies()]
    assert len(bodies) >= 8
    assert not [body for body in bodies if SECRET.encode() in body]
    for file in Path(default_location()).parent.glob("*.db*"):
        assert SECRET.encode() not in file.read_bytes()


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "yesterday"], "'yesterday' is no time"),
        (["--dataset", "no_such_table"], "nothing in the store is called 'no_such_table'"),
        (["--cursor", "x"], "'x' is no cursor"),
        (["--dataset", "orders", "--field", "orders.id"], "not both"),
    ],
    ids=["since", "dataset", "cursor", "both"],
)
def test_bad_input_is_named(arguments: list[str], message: str) -> None:
    done = RUNNER.invoke(app, ["queries", *arguments])

    assert done.exit_code == 2
    assert message in done.stderr
