"""`lineage serve`."""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from typing import Annotated

import typer

from graph.cli._options import Store
from graph.cli._store import location_of
from graph.errors import StoreError
from graph.store import open_store
from lineage.errors import MissingDependencyError

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="0: a free one.")]


def serve(host: Host = "127.0.0.1", port: Port = 5000, store: Store = None) -> None:
    """Answer Marquez's REST API and our own over HTTP, and take events in, until stopped."""
    for package in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingDependencyError(package, extra="server")
    location = location_of(store)
    if location == ":memory:":
        raise StoreError(location, "a server needs a store that several connections share: give a file")
    # What is wrong with the store is told here, in words, and not out of a server that did not start.
    with closing(open_store(location)):
        pass
    import uvicorn

    from graph.api import ServerSettings, create_app

    uvicorn.run(create_app(ServerSettings(location)), host=host, port=port, access_log=False)
