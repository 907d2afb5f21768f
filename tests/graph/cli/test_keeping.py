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
    """PV-03: one serialization, JSON Lines: what is written reads back equal, event by event."""
    files = sorted(FIXTURES.glob("*.jsonl"))
    old, new = ways
    assert lineage("ingest", *files, "--store", old).code == 0

    moved = lineage("export", "--events", "--store", old).out
    assert lineage("ingest", "-", "--store", new, input=moved).code == 0

    sent = [line for file in files for line in file.read_text("utf-8").splitlines()]
    assert [json.loads(line) for line in moved.splitlines()] == [json.loads(line) for line in sent]
    assert dumped(new) == dumped(old)


def test_an_event_of_several_lines_is_exported_as_one(lineage: Lineage, tmp_path: Path) -> None:
    """PV-03: a line each, however an event came; numbers and texts as they were."""
    event = json.loads((FIXTURES / "dbt.jsonl").read_text("utf-8").splitlines()[0])
    event["further"] = ["a\nb", 1e3, 12345678901234567890]
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event, indent=2).replace("\n", "\r\n"), "utf-8", newline="")
    assert lineage("ingest", file).code == 0
    assert [json.loads(line) for line in lineage("export", "--events").out.splitlines()] == [event]


ORDERS = "shop.raw.orders"


@pytest.mark.usefixtures("warehouse")
def test_what_a_person_says_is_shown_and_taken_back(lineage: Lineage) -> None:
    """PV-42"""
    assert lineage("tag", ORDERS, "--add", "pii", "--add", "tier=gold").code == 0
    assert lineage("owner", ORDERS, "--add", "team:sales=MAINTAINER").code == 0
    (item,) = lineage("describe", ORDERS, "--text", "All orders.", "--json").items["items"]
    assert item["tags"] == [{"name": "pii", "value": ""}, {"name": "tier", "value": "gold"}]
    assert {"name": "team:sales", "type": "MAINTAINER"} in item["owners"]
    assert item["description"] == "All orders."

    assert "pii" in lineage("tag", ORDERS).out
    (item,) = lineage("tag", ORDERS, "--remove", "pii", "--json").items["items"]
    assert item["tags"] == [{"name": "tier", "value": "gold"}]
    assert lineage("tag", ORDERS, "--add", "=x").code == 2


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("command", "option"), [("tag", "--add"), ("owner", "--add"), ("describe", "--text")]
)
def test_who_leaves_out_the_option_is_told_it(lineage: Lineage, command: str, option: str) -> None:
    refused = lineage(command, ORDERS, "pii")
    assert refused.code == 2
    assert f"{option} 'pii'" in refused.err
    assert f"{option} " not in lineage(command, "nothing", "like it").err


@pytest.mark.usefixtures("warehouse")
def test_what_is_deleted_is_unknown_until_it_is_brought_back(lineage: Lineage) -> None:
    before = sorted(lineage("export").out.splitlines())
    assert lineage("delete", ORDERS).code == 0
    assert lineage("downstream", ORDERS).code == 2
    assert ORDERS not in lineage("export").out
    (listed,) = lineage("undelete", "--json").items["items"]
    assert listed["id"].endswith(ORDERS)
    assert lineage("undelete", "nothing like it").code == 2
    assert lineage("undelete", "ders").code == 2, "no end of a name but a whole part of it"
    assert lineage("undelete", ORDERS.partition(".")[2], "--json").items["items"] == [
        {**listed, "deleted": False}
    ]
    assert lineage("undelete").out == ""
    assert sorted(lineage("export").out.splitlines()) == before


def test_commands_move_with_the_events(lineage: Lineage, ways: tuple[str, str]) -> None:
    old, new = ways
    assert lineage("ingest", FIXTURES / "airflow.jsonl", FIXTURES / "dbt.jsonl", "--store", old).code == 0
    for words in (
        ["tag", ORDERS, "--add", "pii"],
        ["tag", f"{ORDERS}.id", "--add", "key=1"],
        ["owner", ORDERS, "--add", "team:sales=MAINTAINER"],
        ["delete", "shop.mart.top"],
        ["describe", ORDERS, "--text", "ü\n"],
    ):
        assert lineage(*words, "--store", old).code == 0
    assert lineage("ingest", FIXTURES / "shop_changes.jsonl", "--store", old).code == 0

    moved = lineage("export", "--events", "--store", old).out
    assert lineage("ingest", "-", "--store", new, input=moved).code == 0

    assert sum('"lineageCommand"' in line for line in moved.splitlines()) == 5
    assert dumped(new) == dumped(old)
    assert (
        lineage("tag", ORDERS, "--json", "--store", new).items
        == lineage("tag", ORDERS, "--json", "--store", old).items
    )
    assert lineage("undelete", "--store", new).out == lineage("undelete", "--store", old).out != ""
    assert sorted(lineage("export", "--events", "--store", new).out.splitlines()) == sorted(
        moved.splitlines()
    )


@pytest.mark.usefixtures("warehouse")
def test_that_rejected_events_stay_behind_is_said(lineage: Lineage) -> None:
    assert "Rejected" not in lineage("export", "--events").err
    assert lineage("ingest", "-", input='{"no": "event"}').code == 1
    said = lineage("export", "--events")
    assert "Rejected events are not among them: 1" in said.err
    assert '{"no"' not in said.out


@pytest.mark.usefixtures("warehouse")
def test_what_would_be_pruned_is_told_and_then_removed(lineage: Lineage) -> None:
    """DD-25: a retired pipeline is deleted, then pruned, and the rest stays as it was."""
    retired = "anchor_shop.bash_extract"
    assert lineage("prune").code == 2
    assert lineage("prune", "--before", "1d", "--older-than", "1d").code == 2
    assert lineage("prune", "--older-than", "soon", "--yes").code == 2
    assert lineage("prune", "--job", retired).code == 2, "nobody is asked"
    assert lineage("delete", retired).code == 0

    planned = lineage("prune", "--decommissioned", "--dry-run", "--json").items["items"]
    assert planned[0]["events"] == 2
    assert any(node.endswith(retired) for node in planned[0]["nodes"])
    assert lineage("undelete").out != ""

    assert lineage("prune", "--decommissioned", "--yes", "--json").items["items"] == planned
    assert lineage("undelete").out == ""
    assert lineage("status", "--json").items["items"][0]["events"] == 57
    assert "0 events of 0 runs removed" in lineage("prune", "--older-than", "5200w", "--yes").out


def test_names_send_nothing_to_a_terminal_but_text(lineage: Lineage, tmp_path: Path) -> None:
    """A name may hold what moves the cursor or sets a title: it is shown, and not done."""
    wild = "wild\x1b]0;title\x07\r\x9b2J"
    event = json.loads((FIXTURES / "dbt.jsonl").read_text("utf-8").splitlines()[0])
    event |= {
        "inputs": [{"namespace": wild, "name": wild}],
        "outputs": [{"namespace": wild, "name": f"{wild}2"}],
    }
    event["job"] = {"namespace": wild, "name": wild}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event), "utf-8")
    commands = [
        *(["ingest", file], ["upstream", wild], ["upstream", f"{wild}2"], ["runs"], ["search", "wild"]),
        *(["tag", wild, f"{wild}2", "--add", wild], ["tag", wild, f"{wild}2"], ["history", f"{wild}2"]),
        *(["delete", wild, f"{wild}2"], ["undelete"], ["undelete", f"{wild}2"], ["path", wild, f"{wild}2"]),
        *(["prune", "--namespace", wild, "--dry-run"], ["columns", wild, wild[:-1]], ["coverage"]),
        *(["export", "--format", "dot"], ["export", "--format", "mermaid"], ["diagnose", wild, f"{wild}2"]),
    ]
    for command in commands:
        said = lineage(*command)
        assert {char for char in said.out + said.err if not char.isprintable()} <= {"\n"}, command
