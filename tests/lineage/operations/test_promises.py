"""What leaves the process, and what the documentation promises."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

import lineage
from lineage import operations, track_db_operation, track_messaging_operation, track_run
from lineage.operations import DBTracker, LLMTracker, MessagingTracker, StorageTracker
from lineage.testing import CapturedEvents

ROOT = Path(__file__).resolve().parents[3]
Told = Callable[[], list[dict[str, Any]]]

PLANTED = {
    "a password": ("login failed password=hunter2-geheim", "hunter2-geheim"),
    "a DSN": ("no route to postgres://anna:hunter2-geheim@db/shop", "hunter2-geheim"),
    "a private key": ("-----BEGIN PRIVATE KEY-----\nMIIhunter2\n-----END PRIVATE KEY-----", "MIIhunter2"),
    "a payment key": ("sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc refused", "4eC39HqLyjWDarjtT1zdp7dc"),
    "a temporary AWS key": ("ASIA" + "IOSFODNN7EXAMPLE denied", "IOSFODNN7EXAMPLE"),
    "a Google key": ("AIza" + "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe bad", "SyDaGmWKa4JsXZ"),
    "an address with umlauts": ("jürgen@müller.example is unknown", "jürgen"),
    "a row": ("Key (email, phone)=(anna@example.com, +49 170 1234567) exists", "1234567"),
}


@pytest.mark.parametrize(("text", "secret"), PLANTED.values(), ids=list(PLANTED))
def test_no_secret_of_an_error_or_of_metadata_comes_out(
    text: str,
    secret: str,
    told: Told,
    lineage_events: CapturedEvents,
    tracer: Tracer,
    spans: InMemorySpanExporter,
) -> None:
    """fault 2.2-13: through facet, sink and span: credentials, keys, addresses and rows are masked."""
    with track_run("job"), tracer.start_as_current_span("work"):
        with track_db_operation("pg", "SELECT", note=text) as db:
            db.set_error(ValueError(text))
            db.add_metadata(again=text)
        with track_messaging_operation("kafka", "publish", f"kafka://anna:{'hunter2-geheim'}@broker/orders"):
            pass

    (span,) = spans.get_finished_spans()
    for out in (json.dumps(told()), json.dumps(lineage_events), span.to_json()):
        assert json.dumps(secret)[1:-1] not in out
        assert secret not in out
        assert "hunter2-geheim" not in out
    assert told()[0]["error"]["type"] == "ValueError"


def test_no_content_can_be_captured() -> None:
    """fault 2.2-13: there is no way to hand over rows, messages, prompts or answers, on by default or not."""
    methods = {
        name
        for tracker in (DBTracker, StorageTracker, MessagingTracker, LLMTracker)
        for name, _ in inspect.getmembers(tracker, inspect.isfunction)
        if name.startswith("set_")
    }
    assert methods == {
        "set_bucket",
        "set_bytes_scanned",
        "set_dataset",
        "set_destination",
        "set_error",
        "set_key",
        "set_model",
        "set_partitions_scanned",
        "set_query_id",
        "set_result",
        "set_table",
        "set_tokens",
    }


def examples() -> list[ast.Module]:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert found
    return [ast.parse(one) for one in found]


def called(node: ast.AST) -> Callable[..., Any] | None:
    """Return the public function that is called; None for all else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in lineage.__all__:
        found = getattr(lineage, node.func.id)
        return found if inspect.isfunction(found) else None
    return None


def test_every_name_and_argument_of_the_documentation_exists() -> None:
    """fault 2.2-14: what the page imports is public, and its calls fit; they are run with all other pages."""
    calls = 0
    for module in examples():
        for node in ast.walk(module):
            if isinstance(node, ast.ImportFrom) and node.module == "lineage":
                assert {alias.name for alias in node.names} <= set(lineage.__all__)
            function = called(node)
            if function is not None and isinstance(node, ast.Call):
                given = {keyword.arg: None for keyword in node.keywords if keyword.arg}
                inspect.signature(function).bind(*node.args, **given)
                calls += 1
    assert calls >= 8


def test_every_method_of_the_documentation_exists() -> None:
    """fault 2.2-14: the table of methods is that of the trackers."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition("## What can be said")[2].partition("- Each value")[0]
    trackers = {
        "every operation": DBTracker,
        "a database": DBTracker,
        "an object store": StorageTracker,
        "messages": MessagingTracker,
        "a model": LLMTracker,
    }
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert {of for of, _ in rows} == set(trackers)
    for of, methods in rows:
        for name in re.findall(r"\b(?:set|add)_\w+", methods):
            assert callable(getattr(trackers[of], name)), name


def test_the_names_are_public() -> None:
    tracks = {"track_db_operation", "track_storage_operation", "track_messaging_operation", "track_llm_call"}
    constants = {"DBOperation", "StorageOperation", "MessagingOperation"}
    for name in tracks | constants | {"set_data_metrics", "set_warehouse_metrics", "emit_outcome"}:
        assert name in lineage.__all__
        assert getattr(lineage, name) is getattr(operations, name)
