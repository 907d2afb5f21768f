"""Reading what an orchestrator gives to the code it runs: objects of its own, or anything of their form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lineage._guard import guard

_READING = guard("reading an orchestrator's context")


def read(of: Any, name: str) -> Any:
    """Return what a mapping or an object has under a name; None where it has nothing, or raises."""
    found = None
    with _READING:
        found = of.get(name) if isinstance(of, Mapping) else getattr(of, name, None)
    return found


def text_of(value: Any) -> str | None:
    """Return a value as text; None for what is none, as a method of the same name."""
    text = None
    with _READING:
        text = None if value is None or callable(value) else str(value)
    return text or None
