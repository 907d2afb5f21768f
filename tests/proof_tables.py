"""The tables of docs/ that say which tests prove what, and what the tests' docstrings say themselves."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")


@dataclass(frozen=True)
class Row:
    """A row of a table: an id, what it stands for, its state, and the tests that prove it."""

    id: str
    what: str
    state: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Docstring:
    """A test's own docstring and that of its module; empty where there is none."""

    test: str
    module: str


def rows(table: Path, row_id: re.Pattern[str]) -> list[Row]:
    """Return the rows of a Markdown file's tables whose first cell begins with such an id."""
    found = []
    for line in table.read_text(encoding="utf-8").splitlines():
        if row_id.match(line.removeprefix("| ")):
            id_, what, state, tests = (cell.strip() for cell in line.strip().strip("|").split("|"))
            names = tuple(tests.split("<br>")) if tests else ()
            assert all(TEST.fullmatch(name) for name in names), f"{id_}: write `path::test`, <br> between two"
            found.append(Row(id_, what, state, tuple(name.strip("`") for name in names)))
    return found


@cache
def docstrings() -> dict[str, Docstring]:
    """Return the docstrings of every test, by its name (`tests/path.py::test`)."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        heading = ast.get_docstring(module) or ""
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                name = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                found[name] = Docstring(ast.get_docstring(node) or "", heading)
    return found
