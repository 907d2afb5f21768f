"""`--as-of` and `lineage compare`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from made_events import dataset, run_event, run_id, schema

Lineage = Callable[..., Any]
NOON = "2026-01-01T12:00:00Z"


def versioned(version: str) -> dict[str, Any]:
    return {"sourceCodeLocation": {"type": "git", "url": "https://example.com", "version": version}}


@pytest.fixture
def changed(lineage: Lineage) -> Lineage:
    """A store whose job read another table on the second day, and wrote another column."""
    events = []
    for number in range(11):
        source, column = ("old", "x") if number == 0 else ("new", "y")
        events.append(
            run_event(
                f"r{number}",
                "COMPLETE",
                number * 86_400,
                inputs=[source],
                outputs=[dataset("t", schema=schema("id", column))],
                job_facets=versioned("v1" if number == 0 else "v2"),
            )
        )
    assert lineage("ingest", "-", input=b"\n".join(json.dumps(one).encode() for one in events)).code == 0
    return lineage


def names(answer: Any) -> set[str]:
    return {node["name"] for node in answer["nodes"] if node["type"] == "DATASET"}


def test_questions_are_answered_as_of_a_time_and_say_so(changed: Lineage) -> None:
    then, now = (changed("upstream", "t", *more, "--json").answer for more in (["--as-of", NOON], []))
    assert (names(then), names(now)) == ({"t", "old"}, {"t", "new"})
    assert then["query"]["asOf"] == "2026-01-01T12:00:00.000Z"
    assert "asOf" not in now["query"]
    assert names(changed("downstream", "old", "--as-of", NOON, "--json").answer) == {"old", "t"}
    assert changed("path", "old", "t", "--as-of", NOON).code == 0
    assert changed("path", "old", "t").code == 1
    assert changed("columns", "t.x", "--as-of", NOON).code == 0
    assert changed("columns", "t.x").code == 2
    assert names(changed("impact", "old", "--as-of", NOON, "--json").answer) == {"old", "t"}
    said = changed("runs", "--as-of", NOON, "--json").items
    assert [run["runId"] for run in said["items"]] == [run_id("r0")]
    assert said["query"]["asOf"] == "2026-01-01T12:00:00.000Z"
    assert "old" in changed("export", "--as-of", NOON, "--format", "dot").out
    assert "new" not in changed("export", "--as-of", NOON, "--format", "dot").out
    assert changed("queries", "--as-of", NOON, "--json").items["query"]["asOf"] is not None


def test_what_was_not_there_yet_is_not_found(changed: Lineage) -> None:
    said = changed("upstream", "new", "--as-of", NOON)
    assert said.code == 2
    assert "nothing in the store is called 'new'" in said.err


@pytest.mark.parametrize("command", ["upstream", "compare"])
def test_what_is_no_time_is_told(changed: Lineage, command: str) -> None:
    ask = ["upstream", "t", "--as-of", "soon"] if command == "upstream" else ["compare", "soon"]
    said = changed(*ask)
    assert said.code == 2
    assert "'soon' is no time" in said.err


def test_events_are_not_exported_as_of_a_time(changed: Lineage) -> None:
    assert changed("export", "--format", "events", "--as-of", NOON).code == 2


def test_compare_names_what_differs_and_fails_when_it_is_asked_to(changed: Lineage) -> None:
    said = changed("compare", NOON, "2026-01-31T00:00:00Z")
    assert said.code == 0
    rows = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "appeared feeds edge new -> t by job" in rows
    assert "vanished feeds edge old -> t by job" in rows
    assert "vanished field t.x text, maybe renamed to y" in rows
    assert changed("compare", NOON, "--fail-on-change").code == 1
    nothing = changed("compare", NOON, "2026-01-01T13:00:00Z", "--fail-on-change")
    assert (nothing.code, nothing.out) == (0, "")
    assert "Nothing differs" in nothing.err


def test_compare_takes_runs_and_versions_of_a_job(changed: Lineage) -> None:
    of_runs = changed("compare", run_id("r0"), run_id("r1"), "--json").items
    of_versions = changed("compare", "--job", "job", "--json").items
    assert of_runs["items"] == of_versions["items"] != []
    assert of_runs["query"]["before"] == {"run": run_id("r0"), "codeVersion": "v1"}
    assert of_versions["query"]["after"] == {"run": run_id("r10"), "codeVersion": "v2"}
    mixed = changed("compare", run_id("r0"), NOON)
    assert mixed.code == 2
    assert "a run is compared with a run" in mixed.err
    assert changed("compare").code == 2
    assert changed("compare", "v1", "--job", "job").code == 2
    assert "no version 'v3'" in changed("compare", "v1", "v3", "--job", "job").err


def test_a_long_comparison_comes_in_pages(changed: Lineage) -> None:
    whole = changed("compare", NOON, "--json").items
    assert whole["next"] is None
    assert len(whole["items"]) > 4
    first = changed("compare", NOON, "--limit", "3", "--json").items
    rest = changed("compare", NOON, "--cursor", first["next"], "--json").items
    assert first["items"] + rest["items"] == whole["items"]
    assert f"({len(whole['items'])} in all): --cursor 3" in changed("compare", NOON, "--limit", "3").err
    assert changed("compare", NOON, "--cursor", "x").code == 2
    assert changed("compare", NOON, "--limit", "3", "--fail-on-change").code == 1
