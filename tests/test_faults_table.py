"""docs/faults.md and the tests agree on which faults of others are shown not to be ours."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "faults.md"

SECTIONS = {"3": 29, "2.1.3": 19, "2.2": 14, "2.3": 6}
EXPECTED = [f"{section}-{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]

ID = re.compile(r"(?:3|2\.1\.3|2\.2|2\.3)-\d+")
NAMED = re.compile(rf"\bfault ({ID.pattern})\b", re.IGNORECASE)
TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")


@dataclass(frozen=True)
class Row:
    id: str
    what: str
    state: str
    tests: tuple[str, ...]


def rows() -> list[Row]:
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if ID.match(line.removeprefix("| ")):
            id_, what, state, tests = (cell.strip() for cell in line.strip().strip("|").split("|"))
            names = tuple(tests.split("<br>")) if tests else ()
            assert all(TEST.fullmatch(name) for name in names), f"{id_}: write `path::test`, <br> between two"
            found.append(Row(id_, what, state, tuple(name.strip("`") for name in names)))
    return found


@cache
def named_on_disk() -> dict[str, frozenset[str]]:
    """Return the faults that each test's docstring names."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                name = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                found[name] = frozenset(NAMED.findall(ast.get_docstring(node) or ""))
    return found


def test_the_table_has_every_fault_once_and_in_order() -> None:
    assert [row.id for row in rows()] == EXPECTED
    assert [row.id for row in rows() if not row.what] == []


def test_a_fault_is_shown_by_tests_or_planned() -> None:
    assert [row.id for row in rows() if row.state not in {"shown", "planned"}] == []
    assert [row.id for row in rows() if (row.state == "shown") != bool(row.tests)] == []


def test_every_test_in_the_table_exists_and_names_its_fault() -> None:
    named = named_on_disk()
    listed = [(row.id, name) for row in rows() for name in row.tests]

    assert [entry for entry in listed if entry[1] not in named] == []
    assert [(id_, name) for id_, name in listed if id_ not in named[name]] == []


def test_what_tests_show_is_not_called_planned() -> None:
    planned = {row.id for row in rows() if row.state == "planned"}
    assert [(name, shown & planned) for name, shown in named_on_disk().items() if shown & planned] == []
