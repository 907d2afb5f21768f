"""Questions while another process writes to the store or holds its outbox."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from graph.cli._store import SECONDS
from lineage.config import current_config
from lineage.outbox import open_outbox, outbox_path

Lineage = Callable[..., Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "events"
HOLDER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def write_lock(file: str | Path) -> Iterator[None]:
    """Have another process hold the write lock of a SQLite file."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate()
        holder.stdout.close()


def emit(name: str) -> None:
    config = current_config()
    for body in (FIXTURES / name).read_bytes().splitlines():
        open_outbox(config.outbox, config.destination).append(body)


def asked(lineage: Lineage, *arguments: str) -> tuple[Any, float]:
    began = time.monotonic()
    said = lineage(*arguments, "--json")
    took = time.monotonic() - began
    assert said.code == 0, said.err
    return said.answer, took


@pytest.mark.parametrize("sql_waits", [False, True])
def test_a_store_that_another_process_writes_makes_the_answer_incomplete_and_not_late(
    lineage: Lineage, sql_waits: bool
) -> None:
    lineage("ingest", FIXTURES / "dbt.jsonl")
    if not sql_waits:
        lineage("runs")  # reads the SQL
    emit("airflow.jsonl")

    with write_lock(current_config().store):
        answer, took = asked(lineage, "upstream", "shop.main.customers")
    assert answer["incomplete"] is True
    assert answer["nodes"]
    assert took < SECONDS + 1

    complete, _ = asked(lineage, "upstream", "shop.main.customers")
    assert complete["incomplete"] is False


def test_sql_that_waits_does_not_make_the_answer_late_either(lineage: Lineage) -> None:
    lineage("ingest", FIXTURES / "dbt.jsonl")

    with write_lock(current_config().store):
        answer, took = asked(lineage, "upstream", "shop.main.customers")

    assert answer["incomplete"] is True
    assert took < SECONDS + 1


def test_an_outbox_that_another_process_holds_makes_the_answer_incomplete_and_not_late(
    lineage: Lineage,
) -> None:
    lineage("ingest", FIXTURES / "dbt.jsonl")
    emit("airflow.jsonl")
    config = current_config()

    with write_lock(outbox_path(config.outbox, config.destination)):
        answer, took = asked(lineage, "upstream", "shop.main.customers")

    assert answer["incomplete"] is True
    assert took < SECONDS + 1


def test_ingest_waits_for_another_process(lineage: Lineage) -> None:
    """Patience is shortened for questions alone: what is told to be ingested is worth waiting for."""
    lineage("ingest", FIXTURES / "dbt.jsonl")
    with write_lock(current_config().store):
        waiting = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from graph.cli import main; main()",
                "ingest",
                FIXTURES / "airflow.jsonl",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(SECONDS + 1)
    out, _ = waiting.communicate(timeout=30)

    assert waiting.returncode == 0
    assert "0 rejected" in out
