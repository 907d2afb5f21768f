"""The command with a store in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lineage import track_run
from lineage.config import reset_config

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "events"


@pytest.fixture
def url(fresh_postgresql: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the store is that everything is set to use."""
    url = fresh_postgresql().replace("//postgres@", "//postgres:secret-word@")
    monkeypatch.setenv("LINEAGE_STORE", url)
    reset_config()
    return url


def test_what_a_program_recorded_is_found(url: str, lineage: Callable[..., Any]) -> None:
    others = url.replace("postgresql://", "postgres://"), url.replace(":secret-word", "")
    for place in (url, *others):  # the same store, whoever spells it
        with track_run("load", inputs=["s3://lake/raw"], outputs=["s3://lake/clean"]) as run:
            pass
        answer = lineage("upstream", "s3://lake/clean", "--store", place, "--json").answer
        assert [edge["source"] for edge in answer["edges"]] == ["dataset:s3://lake:raw"]
        items = lineage("runs", "--store", place, "--json").items["items"]
        assert run.run_id in [item["runId"] for item in items]


def test_status_tells_what_it_holds_and_no_password(url: str, lineage: Callable[..., Any]) -> None:
    with track_run("load", outputs=["s3://lake/clean"]):
        pass
    waiting = lineage("status")
    assert "until the store is asked" in waiting.out
    assert lineage("ingest", FIXTURES / "dbt.jsonl").code == 0
    assert lineage("runs").code == 0
    store, *rest = lineage("status", "--json").items["items"]
    assert store["location"] == url.replace(":secret-word", "")
    assert store["exists"]
    assert store["events"] > 2
    assert [each["waiting"] for each in rest if each["kind"] == "outbox"] in ([], [0])
    for command in (("status",), ("status", "--json"), ("runs", "--json"), ("deadletters", "list")):
        said = lineage(*command)
        assert said.code == 0
        assert "secret-word" not in said.out + said.err


def test_a_server_that_cannot_be_reached_is_told(lineage: Callable[..., Any]) -> None:
    url = "postgresql://me:secret-word@127.0.0.1:1/lineage"
    said = lineage("runs", "--store", url)
    assert said.code == 3
    assert "the server cannot be reached" in said.err
    status = lineage("status", "--store", url)
    assert status.code == 3
    assert "the server cannot be reached" in status.err
    assert "secret-word" not in said.err + status.out + status.err
