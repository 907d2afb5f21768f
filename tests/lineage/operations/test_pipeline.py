"""The complete pipeline, with real trackers and the real store: its records, totals, costs and lineage."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from operation_facets import Event
from typer.testing import CliRunner

from graph import open_store
from graph.cli import app
from graph.ingest import derive, drain
from graph.queries import downstream, impact
from lineage import (
    DBOperation,
    MessagingOperation,
    StorageOperation,
    configure,
    context,
    emit_outcome,
    set_warehouse_metrics,
    trace_query,
    track_db_operation,
    track_lineage,
    track_llm_call,
    track_messaging_operation,
    track_storage_operation,
)

RUNNER = CliRunner()
BATCH = "batch-7"
REVIEWS_TABLE = "snowflake://acme-shop/SHOP.PUBLIC.REVIEWS"
SELECT = "SELECT id, text FROM REVIEWS"
WAREHOUSE = {
    "db_system": "snowflake",
    "dialect": "snowflake",
    "namespace": "snowflake://acme-shop",
    "db_name": "SHOP",
    "default_schema": "PUBLIC",
}
REVIEWS = [(1, "great"), (2, "poor"), (3, "great")]


class Warehouse:
    """A warehouse's client: asynchronous, and it tells what it scanned."""

    async def query(self, sql: str) -> tuple[str, list[tuple[int, str]], int]:
        await asyncio.sleep(0)
        return "01b-000177", list(REVIEWS), 4_000_000_000


class Model:
    """A model's client: its answer, and its tokens."""

    async def ask(self, prompt: str) -> tuple[str, int, int]:
        await asyncio.sleep(0)
        return ("positive" if "great" in prompt else "negative"), 100, 5


class Bucket:
    """An object store's client."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body


class Queue:
    """A queue's client."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send(self, messages: list[bytes]) -> None:
        self.sent += messages


PRICES = """
currency = "USD"
[snowflake]
per_tb_scanned = 5.0
[openai."gpt-4o-mini"]
per_million_input_tokens = 1.0
per_million_output_tokens = 10.0
[s3.PUT]
per_1000_requests = 0.005
[sqs]
per_million_messages = 0.4
"""


async def analyse(database: sqlite3.Connection, bucket: Bucket, queue: Queue) -> int:
    """Do the whole pipeline, as an application writes it."""
    async with track_db_operation("Snowflake", DBOperation.SELECT, database="SHOP") as db:
        db.set_table("REVIEWS", schema="PUBLIC")
        with trace_query(SELECT, **WAREHOUSE) as query:
            query_id, rows, scanned = await Warehouse().query(SELECT)
            query.set(rows=len(rows))
        db.set_result(rows_returned=len(rows))
        set_warehouse_metrics(query_id=query_id, bytes_scanned=scanned, partitions_scanned=2)

    found = []
    for number, text in rows:
        async with track_llm_call(provider="openai", model="gpt-4o-mini") as llm:
            answer, tokens_in, tokens_out = await Model().ask(f"Is this kind? {text}")
            llm.set_tokens(input_tokens=tokens_in, output_tokens=tokens_out)
        found.append((number, answer))

    body = json.dumps(found).encode()
    async with track_storage_operation("aws_s3", StorageOperation.PUT, "lake", "reviews/scored") as storage:
        await bucket.put("reviews/scored/0.json", body)
        storage.set_result(objects_count=1, bytes_written=len(body))
        storage.add_metadata(storage_class="STANDARD", encryption="AES256")

    with track_db_operation("sqlite", DBOperation.BATCH) as db:
        statement = "INSERT INTO scores VALUES (?, ?)"
        db.set_table("scores")
        with trace_query(statement, db_system="sqlite", dialect="sqlite") as query:
            cursor = database.executemany(statement, found)
            query.set(rows=cursor.rowcount)
        db.set_result(rows_affected=cursor.rowcount)

    messages = [json.dumps({"review": number}).encode() for number, _ in found]
    async with track_messaging_operation(
        "sqs", MessagingOperation.SEND, "https://sqs.eu-west-1.amazonaws.com/123456789012/scored"
    ) as messaging:
        await queue.send(messages)
        messaging.set_result(message_count=len(messages), bytes_transferred=sum(map(len, messages)))

    emit_outcome("success", value_type="reviews_scored", value_amount=len(found))
    return len(found)


@pytest.fixture
def ran(tmp_path: Path) -> dict[str, Any]:
    """Run the pipeline once, and give what it did and what its COMPLETE says in the store's log."""
    (tmp_path / "prices.toml").write_text(PRICES)
    configure(prices=tmp_path / "prices.toml", service_name="reviews")
    bucket, queue = Bucket(), Queue()
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE scores (id INTEGER, score TEXT)")

        @track_lineage(name="score_reviews", inputs="s3://lake/reviews/raw", tags={"event_id": BATCH})
        async def workflow() -> int:
            with context.use(operation="score", actor="anna", attributes={"customer_id": "c-1"}):
                return await analyse(database, bucket, queue)

        assert asyncio.run(workflow()) == 3
        stored = database.execute("SELECT count(*) FROM scores").fetchone()[0]
    with closing(open_store()) as store:
        drain(store)
        derive(store)
        events = [json.loads(body) for _, body in store.bodies()]
        reached = {one.node.name for one in downstream(store, "s3://lake/reviews/raw").nodes}
        readers = impact(store, REVIEWS_TABLE).readers
    complete = next(event for event in events if event["eventType"] == "COMPLETE")
    return {
        "facets": complete["run"]["facets"],
        "complete": complete,
        "reached": reached,
        "readers": readers,
        "written": sum(map(len, bucket.objects.values())),
        "sent": queue.sent,
        "stored": stored,
    }


def test_the_pipeline_has_five_kinds_of_record_with_right_totals(ran: dict[str, Any]) -> None:
    """BT-29: a warehouse read, a model per row, an object, rows inserted, messages sent: all in the store."""
    facet: Event = ran["facets"]["lineageGraph_operations"]
    counted = {
        (one["kind"], one["system"], one["operation"], one["target"]): one["counts"]["count"]
        for one in facet["operations"]
    }
    assert counted == {
        ("database", "snowflake", "SELECT", "PUBLIC.REVIEWS"): 1,
        ("llm", "openai", "chat", "gpt-4o-mini"): 3,
        ("storage", "s3", "PUT", "lake"): 1,
        ("database", "sqlite", "BATCH", "scores"): 1,
        ("messaging", "sqs", "publish", "https://sqs.eu-west-1.amazonaws.com/123456789012/scored"): 1,
    }
    total = facet["total"]
    durations = total.pop("totalDurationMs"), total.pop("maxDurationMs")
    assert durations[0] >= durations[1] > 0
    assert total == {
        "count": 7,
        "errors": 0,
        "cancelled": 0,
        "rowsReturned": 3,
        "rowsAffected": ran["stored"],
        "bytesWritten": ran["written"],
        "bytesScanned": 4_000_000_000,
        "bytesTransferred": sum(map(len, ran["sent"])),
        "partitionsScanned": 2,
        "objects": 1,
        "messages": 3,
        "inputTokens": 300,
        "outputTokens": 15,
    }


def test_the_pipeline_costs_what_its_prices_say(ran: dict[str, Any]) -> None:
    """BT-29, BT-01: rolled up per vendor; what has no price has no cost."""
    facet: Event = ran["facets"]["lineageGraph_operations"]
    costs = {one["vendor"]: one.get("cost") for one in facet["vendors"]}
    assert costs == pytest.approx(
        {
            "snowflake": 0.02,
            "openai": 300 / 1e6 * 1.0 + 15 / 1e6 * 10.0,
            "aws": 0.005 / 1000 + 3 * 0.4 / 1e6,
            "sqlite": None,
        }
    )
    (actor,) = facet["actors"]
    assert (actor["actor"], actor["counts"]["count"]) == ("anna", 7)
    assert actor["cost"] == pytest.approx(facet["cost"])
    assert facet["currency"] == "USD"


def test_the_ids_of_the_pipeline_are_those_of_the_warehouse(ran: dict[str, Any]) -> None:
    """fault 3-20: a query id is the warehouse's, not a batch's; the driver counts the rows."""
    facet: Event = ran["facets"]["lineageGraph_operations"]
    assert [one["queryIds"] for one in facet["operations"] if "queryIds" in one] == [["01b-000177"]]
    assert BATCH not in json.dumps(facet)
    assert facet["outcome"] == {"status": "success", "valueType": "reviews_scored", "valueAmount": 3}
    assert facet["inQueries"] == {"rows": 6, "cost": 0.02}
    assert ran["facets"]["lineageGraph_queryAttribution"]["total"]["rows"] == 6


def test_impact_names_who_read_the_warehouse_and_what_that_cost(ran: dict[str, Any]) -> None:
    """BT-29: service, operation, code line, calls and cost of what read the table."""
    (reader,) = ran["readers"]
    lines, first = inspect.getsourcelines(analyse)
    number = first + next(place for place, line in enumerate(lines) if "trace_query(SELECT" in line)

    said = reader.as_json()
    assert (said["service"], said["operation"], said["count"]) == ("reviews", "score", 1)
    assert reader.code == f"test_pipeline.py:{number} analyse"
    assert said["costs"] == {"USD": 0.02}

    shown = RUNNER.invoke(app, ["impact", REVIEWS_TABLE], catch_exceptions=False).stdout.partition(
        "Read by:"
    )[2]
    assert re.search(rf"reviews +score +test_pipeline.py:{number} analyse +1 .* 0.02 USD +anna", shown)
    listed = RUNNER.invoke(app, ["queries"], catch_exceptions=False).stdout
    assert listed.count("0.02 USD") == 1


def test_what_queries_cost_is_told_beside_what_operations_cost(ran: dict[str, Any]) -> None:
    """BT-29: totals are right over both: what an operation and its query tell is said to be in both."""
    facet = ran["facets"]["lineageGraph_queryAttribution"]
    assert facet["currency"] == "USD"
    assert facet["total"]["cost"] == 0.02
    assert [one["counts"].get("cost") for one in facet["queries"]] == [0.02, None]


def test_the_pipeline_is_lineage(ran: dict[str, Any]) -> None:
    """BT-29: what it read feeds the object it stored and the queue it filled."""
    outputs = {(one["namespace"], one["name"]) for one in ran["complete"]["outputs"]}
    assert outputs == {
        ("s3://lake", "reviews/scored"),
        ("arn:aws:sqs:eu-west-1:123456789012", "scored"),
    }
    assert {"reviews/scored", "scored", "score_reviews"} <= ran["reached"]
