"""Files stay small, functions shorter, and modules are named after their subject."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("lineage", "producers", "graph")

FILE_LINES = 400
FUNCTION_LINES = 60
NAMES_OF_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "core", "misc"}


def sources() -> list[Path]:
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(found) >= len(PACKAGES)
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_source_file_is_long() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}

    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{name(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {function: lines for function, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def test_no_module_is_named_after_nothing() -> None:
    named = [
        (name(path), {part.strip("_") for part in Path(name(path)).with_suffix("").parts})
        for path in sources()
    ]

    assert [path for path, words in named if words & NAMES_OF_NOTHING] == []
