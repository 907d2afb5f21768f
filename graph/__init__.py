"""The lineage-graph backend: open a store with `open_store`, ask it with `graph.queries`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph.store import open_store as open_store

__all__ = ["open_store"]


def __getattr__(name: str) -> Any:
    """Load public names on first use."""
    if name == "open_store":
        from graph.store import open_store

        return open_store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
