"""`lineage coverage`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_events import run_event

Lineage = Callable[..., Any]
DAY = 86_400


@pytest.fixture
def pipeline(lineage: Lineage) -> None:
    """Put a pipeline of three layers into the store, with a lost run and a blind job."""
    events = [
        run_event("1", "START", 0, job="load", inputs=["bronze.o"], outputs=["silver.o"]),
        run_event("1", "COMPLETE", 60, job="load", inputs=["bronze.o"], outputs=["silver.o"]),
        run_event("2", "COMPLETE", 70, job="build", inputs=["silver.o"], outputs=["gold.revenue"]),
        run_event("3", "START", 80, job="build", inputs=["silver.o"], outputs=["gold.revenue"]),
        run_event("4", "COMPLETE", 5 * DAY, job="blind", outputs=["gold.forecast"]),
    ]
    body = "\n".join(map(json.dumps, events))
    assert lineage("ingest", "-", input=body).code == 0


def states(said: Any) -> dict[str, str]:
    return {item["check"]: item["state"] for item in said.items["items"]}


@pytest.mark.usefixtures("pipeline")
def test_a_build_fails_where_lineage_is_missing_and_passes_where_enough_is_there(lineage: Lineage) -> None:
    """DD-17, DD-18: the checklist ends with 1 when a check falls short of the bar."""
    said = lineage("coverage", "--json")

    assert said.code == 1
    assert states(said) == {
        "events": "ok",
        "run-ends": "failed",
        "error-context": "skipped",
        "layers": "failed",
        "critical-columns": "skipped",
        "stale": "ok",
    }
    layers = next(item for item in said.items["items"] if item["check"] == "layers")
    assert [finding["node"] for finding in layers["findings"]] == ["dataset:ns:gold.forecast"]
    assert lineage("coverage", "--fail-under", "0.6").code == 0
    assert lineage("coverage", "--check", "stale", "--check", "events").code == 0
    assert lineage("coverage", "--check", "stale", "--older-than", "2d").code == 1


@pytest.mark.usefixtures("pipeline")
def test_critical_names_come_one_by_one_and_from_a_file(lineage: Lineage, tmp_path: Path) -> None:
    """DD-19: critical columns are named where they are kept."""
    file = tmp_path / "critical.txt"
    file.write_text("# the board looks at these\ngold.forecast\n\nno.such.thing\n", encoding="utf-8")

    said = lineage("coverage", "--check", "critical-columns", "--critical-file", file, "--json")

    assert said.code == 1
    (item,) = said.items["items"]
    assert [finding["where"] for finding in item["findings"]] == ["gold.forecast", "no.such.thing"]
    assert said.items["query"]["critical"] == ["gold.forecast", "no.such.thing"]


@pytest.mark.usefixtures("pipeline")
def test_people_see_what_is_covered_what_is_missing_and_what_to_do(lineage: Lineage) -> None:
    """DD-17: what is listed says which run it is and what to do."""
    said = lineage("coverage")

    assert said.code == 1
    assert "run-ends          3 of 4   75 %    FAILED" in said.out
    assert "critical-columns                   skipped: " in said.out
    assert "build  no end since it began  2026-01-01T00:01:20.000Z" in said.out
    assert "run-ends: Have its process end it" in said.out


@pytest.mark.usefixtures("pipeline")
def test_findings_beyond_the_limit_are_counted(lineage: Lineage) -> None:
    said = lineage(
        "coverage", "--check", "stale", "--as-of", "2027-01-01T00:00:00Z", "--limit", "2", "--json"
    )

    (item,) = said.items["items"]
    assert (len(item["findings"]), item["missing"], item["total"]) == (2, 7, 7)
    told = lineage("coverage", "--check", "stale", "--as-of", "2027-01-01T00:00:00Z", "--limit", "2").err
    assert "There is more of stale: --limit 7" in told


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--layer", "gold="], "NAME=PATTERN"),
        (["--layer", "a", "--layer", "a"], "two layers"),
        (["--since", "soon"], "'soon' is no time"),
        (["--as-of", "soon"], "'soon' is no time"),
        (["--older-than", "2099-01-01T00:00:00Z"], "older_than"),
        (["--fail-under", "90"], "--fail-under"),
        (["--check", "all"], "--check"),
        (["--critical", "o"], "may mean any of"),
        (["--critical-file", "missing.txt"], "missing.txt"),
    ],
)
def test_wrong_usage_ends_with_2(lineage: Lineage, arguments: list[str], said: str) -> None:
    ended = lineage("coverage", *arguments)

    assert ended.code == 2
    assert said in ended.err


def test_a_store_that_is_not_there_ends_with_3(lineage: Lineage, tmp_path: Path) -> None:
    assert lineage("coverage", "--store", tmp_path / "none.db").code == 3
