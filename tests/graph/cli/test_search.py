"""`lineage search`."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_events import dataset_event, run_event, schema

from lineage.config import current_config
from lineage.outbox import open_outbox

Lineage = Callable[..., Any]


def emit(*events: dict[str, Any]) -> None:
    config = current_config()
    outbox = open_outbox(config.outbox, config.destination)
    for event in events:
        outbox.append(json.dumps(event).encode())


@pytest.fixture(autouse=True)
def shop() -> None:
    """Have events of a shop wait in the outbox."""
    emit(
        dataset_event(
            0,
            "shop.orders",
            schema=schema("order_id", "amount"),
            tags={"tags": [{"key": "pii", "value": "true"}]},
            ownership={"owners": [{"name": "team:shop"}]},
        ),
        run_event("r", "COMPLETE", 0, job="load_orders", inputs=["shop.raw"], outputs=["shop.orders"]),
    )


def test_words_are_found_in_what_waits_in_the_outbox(lineage: Lineage) -> None:
    said = lineage("search", "ord", "--json").items

    assert said == {
        "query": {"text": "ord", "types": [], "namespaces": [], "tags": [], "owners": []},
        "items": [
            {
                "id": id_,
                "type": type_,
                "namespace": "ns",
                "name": name,
                "grade": "name",
                "matched": "name",
                "excerpt": name,
            }
            for id_, type_, name in (
                ("job:ns:load_orders", "JOB", "load_orders"),
                ("dataset:ns:shop.orders", "DATASET", "shop.orders"),
            )
        ],
        "next": None,
    }


def test_a_table_tells_what_matched(lineage: Lineage) -> None:
    said = lineage("search", "amount")
    rows = [re.split(r"  +", line) for line in said.out.splitlines()]
    assert rows == [
        ["type", "name", "matched", "text", "namespace"],
        ["dataset", "shop.orders", "column", "amount", "ns"],
    ]
    assert (said.err, said.code) == ("", 0)


def test_options_restrict_what_is_found(lineage: Lineage) -> None:
    def found(*arguments: str) -> list[str]:
        return [item["id"] for item in lineage("search", *arguments, "--json").items["items"]]

    assert found("orders", "--type", "job") == ["job:ns:load_orders"]
    assert found("amount", "--type", "FIELD") == ["datasetField:ns:shop.orders:amount"]
    assert found("orders", "--type", "field", "--type", "dataset") == ["dataset:ns:shop.orders"]
    assert found("orders", "amount") == ["dataset:ns:shop.orders"]
    assert found("--tag", "pii") == found("--owner", "shop") == ["dataset:ns:shop.orders"]
    assert found("orders", "--tag", "pii", "--owner", "nobody") == []
    assert found("orders", "--namespace", "other") == []
    assert len(found("orders", "--namespace", "other", "--namespace", "ns")) == 2


def test_pages_lead_on_with_their_cursor(lineage: Lineage) -> None:
    whole = lineage("search", "s", "--json").items["items"]
    assert len(whole) == 2
    first = lineage("search", "s", "--limit", "1", "--json").items
    second = lineage("search", "s", "--limit", "1", "--cursor", first["next"], "--json").items
    assert (first["items"] + second["items"], second["next"]) == (whole, None)
    assert f"--cursor {first['next']}" in lineage("search", "s", "--limit", "1").err


@pytest.mark.parametrize("cursor", ["x", "", "WzFd", "W10", "WyJhIiwyLDMsNCw1LDZd", "e30"])
def test_what_is_no_cursor_is_refused(lineage: Lineage, cursor: str) -> None:
    said = lineage("search", "s", "--cursor", cursor)
    assert said.code == 2
    assert "no cursor" in said.err


@pytest.mark.parametrize("words", [(), ("",), ('"',), ("*", "--type", "job")])
def test_nothing_to_search_for_is_refused(lineage: Lineage, words: tuple[str, ...]) -> None:
    said = lineage("search", *words)
    assert said.code == 2
    assert "neither letters nor digits" in said.err


def test_nothing_found_is_an_answer(lineage: Lineage) -> None:
    said = lineage("search", "nowhere")
    assert (said.code, said.out.split()) == (0, ["type", "name", "matched", "text", "namespace"])


def test_while_another_process_writes_the_answer_says_that_it_is_incomplete(
    lineage: Lineage, tmp_path: Path
) -> None:
    store = tmp_path / "other.db"
    event = json.dumps(dataset_event(0, "first"))
    assert lineage("ingest", "-", "--store", store, input=event).code == 0
    assert len(lineage("search", "first", "--store", store, "--json").items["items"]) == 1
    assert lineage("ingest", "-", "--store", store, input=event.replace("first", "second")).code == 0

    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said = lineage("search", "second", "--store", store)
    assert (len(said.out.splitlines()), said.code) == (1, 0)
    assert "Incomplete" in said.err

    later = lineage("search", "second", "--store", store)
    assert (len(later.out.splitlines()), later.err) == (2, "")
