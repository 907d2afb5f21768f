"""Several registrations in one module live beside each other."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from lineage import instrument_function

Told = Callable[[], list[dict[str, Any]]]


def read(query: str) -> str:
    return query


def write(query: str) -> str:
    return query


def test_a_second_function_of_a_module_is_not_dropped(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 2.3-3: every function of a module is captured, and undoing one leaves the other."""
    app: Any = types.ModuleType("registered_app")
    app.read, app.write = read, write
    monkeypatch.setitem(sys.modules, "registered_app", app)
    first = instrument_function("registered_app.read", query_arg="query", client="reader")
    second = instrument_function("registered_app.write", query_arg="query", client="writer")

    app.read("select 1")
    app.write("delete from t")
    assert [event["client"] for event in told()] == ["reader", "writer"]

    first.uninstall()
    app.read("select 1")
    app.write("delete from t")
    assert [event["client"] for event in told()] == ["reader", "writer", "writer"]
    second.uninstall()
    assert (app.read, app.write) == (read, write)
