"""Context as a test sees it: programs run in processes of their own, and the events of queries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lineage.context import current, parents

ROOT = Path(__file__).resolve().parents[3]

PROLOGUE = """
import json, os
from lineage.context import bind, current, use

def who():
    here = current()
    return here.actor if here is not None else None
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Any]:
    """Give a function that runs a program and returns what its last line says in JSON."""

    def run(text: str, **environment: str) -> Any:
        path = tmp_path / "program.py"
        path.write_text(PROLOGUE + text, encoding="utf-8")
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", **environment}
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, text=True, env=variables, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Begin outside any context, whatever a test before has left, and end there."""
    parents.process_parent.cache_clear()
    assert current() is None
    yield
    parents.process_parent.cache_clear()
    assert current() is None, "the test left its context behind"
