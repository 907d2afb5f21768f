"""The server: Marquez's REST API under /api/v1, and our own under /api/v2, over a store.

`create_app` makes the ASGI application; `lineage serve` runs it.
"""

from __future__ import annotations

from graph.api.app import create_app
from graph.api.settings import ServerSettings

__all__ = ["ServerSettings", "create_app"]
