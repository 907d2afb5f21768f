"""`lineage rebuild`, and a store that moves from one engine to another."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_events import FIXTURES, dump

from graph import open_store
from graph.ingest import derive

Lineage = Callable[..., Any]


def dumped(place: str | Path) -> dict[str, Any]:
    with closing(open_store(place)) as store:
        derive(store)
        return dump(store)


@pytest.fixture(params=["to PostgreSQL", "from PostgreSQL"])
def ways(
    request: pytest.FixtureRequest, tmp_path: Path, fresh_postgresql: Callable[[], str]
) -> tuple[str, str]:
    """A place to move from and one to move to."""
    file, url = str(tmp_path / "moved.db"), fresh_postgresql()
    return (file, url) if request.param == "to PostgreSQL" else (url, file)


@pytest.mark.usefixtures("warehouse")
def test_a_rebuild_says_what_it_did(lineage: Lineage) -> None:
    before = sorted(lineage("export").out.splitlines())
    said = lineage("rebuild", "--json")
    assert said.code == 0
    assert said.items["items"] == [{"events": 59, "sql": 12}]
    assert sorted(lineage("export").out.splitlines()) == before


def test_a_store_that_is_not_there_cannot_be_rebuilt(lineage: Lineage, tmp_path: Path) -> None:
    assert lineage("rebuild", "--store", tmp_path / "none.db").code == 3
    assert not (tmp_path / "none.db").exists()


def test_a_store_moves_from_one_engine_to_the_other(lineage: Lineage, ways: tuple[str, str]) -> None:
    files = sorted(FIXTURES.glob("*.jsonl"))
    old, new = ways
    assert lineage("ingest", *files, "--store", old).code == 0

    moved = lineage("export", "--events", "--store", old).out
    assert lineage("ingest", "-", "--store", new, input=moved).code == 0

    sent = [line for file in files for line in file.read_text("utf-8").splitlines()]
    assert [json.loads(line) for line in moved.splitlines()] == [json.loads(line) for line in sent]
    assert dumped(new) == dumped(old)


def test_an_event_of_several_lines_is_exported_as_one(lineage: Lineage, tmp_path: Path) -> None:
    event = json.loads((FIXTURES / "dbt.jsonl").read_text("utf-8").splitlines()[0])
    event["further"] = ["a\nb", 1e3, 12345678901234567890]
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event, indent=2).replace("\n", "\r\n"), "utf-8", newline="")
    assert lineage("ingest", file).code == 0
    assert [json.loads(line) for line in lineage("export", "--events").out.splitlines()] == [event]
