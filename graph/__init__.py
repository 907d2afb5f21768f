"""The lineage-graph backend: open a store with `open_store`, ask it with `graph.queries`.

`create_app` makes a server of it, for which the extra `server` is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph.api import create_app as create_app
    from graph.store import open_store as open_store

_HOME = {"create_app": "graph.api", "open_store": "graph.store"}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Load public names on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
