"""How a dataset was derived, with which parameters, and by which version of the code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from repositories import made_repository

from graph.queries.run_list import parameters_of, said_facet
from lineage import track_lineage
from lineage.provenance import repository

CODE = {"commit": "0123456789abcdef0123456789abcdef01234567", "branch": "main", "dirty": True}


@pytest.fixture
def commit(tmp_path: Path) -> str:
    """Two runs of a job whose code lies in a repository; return its commit."""
    program = "def build(day, region):\n    return day\n"
    made = made_repository(tmp_path / "shop", build_py=program)
    repository.repository_of.cache_clear()
    space: dict[str, Any] = {}
    exec(compile(program, str(tmp_path / "shop/build.py"), "exec"), space)
    for region in ("eu", "us"):
        tracked = track_lineage(
            name="build", inputs="raw", outputs="mart", provenance="full", parameters=["region"]
        )
        tracked(space["build"])("2026-01-01", region)
    return made


def test_three_questions_tell_how_something_was_made(commit: str, lineage: Callable[..., Any]) -> None:
    """PV-16: how it was derived, with which parameters, and by which version of the code."""
    made_from = lineage("upstream", "mart", "--json").answer
    assert {node["name"] for node in made_from["nodes"]} == {"mart", "raw", "build"}

    runs = lineage("runs", "build", "--versions", "--json").items["items"]
    regions = [run["parameters"]["region"] for run in runs]
    assert regions == ["us", "eu"]
    days = {run["parameters"]["day"] for run in runs}
    assert len(days) == 1
    assert days.pop().startswith("hmac-sha256:")
    assert [run["code"]["commit"] for run in runs] == [commit] * 2

    table = lineage("runs", "build", "--versions").out
    assert commit[:12] in table
    assert "region=us" in table
    assert "day=#" in table
    assert "parameters" not in lineage("runs", "build").out


def test_what_a_run_did_not_tell_is_not_there() -> None:
    assert parameters_of({}) == {}
    assert parameters_of({"executionParameters": {"parameters": [{"key": "a"}, {"no": "key"}, 3]}}) == {
        "a": None
    }
    assert said_facet({"lineageGraph_code": {**CODE, "_producer": "p"}}, "lineageGraph_code") == CODE
    assert said_facet({"lineageGraph_code": "odd"}, "lineageGraph_code") == {}
