"""`lineage import`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_events import at, run_event
from marquez_server import MarquezServer

Lineage = Callable[..., Any]


@pytest.fixture
def marquez() -> Iterator[MarquezServer]:
    with MarquezServer(token="secret") as server:
        for n in range(10):
            server.post(run_event(f"{n}", "COMPLETE", n * 60, inputs=["a"], outputs=["b"]))
        server.dataset("ns", "b", at(1), tags=["PII"])
        yield server


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGE_IMPORT_TOKEN", "secret")


def test_the_history_of_a_marquez_comes_over_and_again_nothing(
    lineage: Lineage, marquez: MarquezServer
) -> None:
    first = lineage("import", "marquez", marquez.url)
    again = lineage("import", "marquez", marquez.url, "--json")

    assert (first.out, first.err, first.code) == ("11 accepted, 0 duplicate, 0 rejected\n", "", 0)
    assert again.items["items"] == [{"accepted": 0, "duplicate": 11, "rejected": 0}]
    assert lineage("upstream", "b", "--json").answer["nodes"][-1]["id"] == "job:ns:job"


def test_what_came_before_an_error_is_kept_and_the_rest_comes_later(
    lineage: Lineage, marquez: MarquezServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.importers.marquez.history.PAGE", 4)
    asked: list[str] = []

    def broken(path: str) -> int | None:
        asked.extend([path] * ("/events/" in path))
        return 500 if len(asked) > 2 else None

    marquez.fault = broken
    said = lineage("import", "marquez", marquez.url)
    marquez.fault = lambda path: None

    assert said.code == 3
    assert said.out == "7 accepted, 0 duplicate, 0 rejected\n"
    assert "HTTP 500" in said.err
    assert "--since 2026-01-01T00:06:00.000Z" in said.err
    rest = lineage("import", "marquez", marquez.url, "--since", "2026-01-01T00:06:00.000Z")
    assert rest.out == "4 accepted, 1 duplicate, 0 rejected\n"
    assert lineage("import", "marquez", marquez.url).out == "0 accepted, 11 duplicate, 0 rejected\n"


def test_an_event_that_is_rejected_is_a_dead_letter(lineage: Lineage, marquez: MarquezServer) -> None:
    event = run_event("odd", "COMPLETE", 5)
    event["job"]["name"] = " "
    marquez.events.append(event)

    said = lineage("import", "marquez", marquez.url)

    assert said.code == 1
    assert said.out == "11 accepted, 0 duplicate, 1 rejected\n"
    assert 'rejected: job.name is " ", not a name' in said.err
    assert len(lineage("deadletters", "list", "--json").items["items"]) == 1


def test_what_marquez_no_longer_shows_is_told_to_people(lineage: Lineage, marquez: MarquezServer) -> None:
    del marquez.datasets["ns", "a"]

    said = lineage("import", "marquez", marquez.url)

    assert said.code == 0
    assert "here they are kept: a." in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing", "x"], 2, "known are: dbt, marquez"),
        (["marquez", "http://localhost:5000", "--namespace", "x"], 2, "leave out --namespace"),
        (["marquez", "nowhere"], 2, "http://localhost:5000"),
        (["marquez", "http://localhost:1"], 3, "cannot be reached"),
        (["marquez", "http://localhost:1", "--since", "soon"], 2, "'soon' is no time"),
        (["marquez", "http://localhost:1", "--ca-file", "none.pem"], 2, "none.pem"),
        (["marquez", "http://localhost:1", "--timeout", "0"], 2, "--timeout"),
        (["marquez"], 2, "SOURCE"),
    ],
)
def test_what_cannot_be_imported_is_told_and_leaves_no_store(
    lineage: Lineage, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    ended = lineage("import", *arguments, "--store", tmp_path / "new.db")

    assert ended.code == code
    assert said in ended.err
    assert not (tmp_path / "new.db").exists()


def test_a_wrong_token_is_told_and_not_shown(lineage: Lineage, marquez: MarquezServer) -> None:
    ended = lineage("import", "marquez", marquez.url, "--token", "guessed-wrong")

    assert ended.code == 3
    assert "token was refused" in ended.err
    assert "guessed-wrong" not in ended.err
