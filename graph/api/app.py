"""The ASGI application over a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from graph.api.bodies import STREAMED, Bounded
from graph.api.errors import add_handlers
from graph.api.following import Follower
from graph.api.gate import Gate, Keeper
from graph.api.metrics import Metrics
from graph.api.observing import Observed
from graph.api.openapi import document
from graph.api.paths import RawPaths
from graph.api.routes import ROUTERS
from graph.api.routes.ingest import ROUTES
from graph.api.settings import ServerSettings
from graph.api.stopping import told_to_stop
from graph.api.stores import StorePool
from graph.api.texts import check_texts
from lineage.version import VERSION

_BODY = 4 * 1024 * 1024
"""How large a body may be that is no event: names, changes, descriptions."""


class Application(FastAPI):
    """FastAPI for all that is asked, and plain Starlette before it for the events that come in.

    What FastAPI does around each request costs about as much as to keep an event.
    """

    events: Starlette

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] in STREAMED and scope["method"] == "POST":
            await self.events(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: ServerSettings) -> Application:
    """Return the application; it opens the store when it is started and closes it when it ends."""

    metrics = Metrics()
    cors = Middleware(CORSMiddleware, allow_origins=settings.cors, allow_methods=["*"], allow_headers=["*"])
    observed = Middleware(Observed, metrics=metrics)
    guarded = [*([cors] if settings.cors else []), Middleware(Gate, settings=settings)]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.stores = StorePool(settings, metrics)
        app.state.keeper = Keeper(app.state.stores)
        app.state.follower = Follower(app.state.stores)
        await app.state.stores.open()
        try:
            with told_to_stop(app.state.follower.close):
                yield
        finally:
            app.state.follower.close()
            await app.state.keeper.close()
            await app.state.stores.close()

    app = Application(
        title="lineage-graph",
        version=VERSION,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url="/api/v2/openapi.json",
        dependencies=[Depends(check_texts)],
        docs_url=None,
        redoc_url=None,
        middleware=[observed, Middleware(RawPaths), *guarded, Middleware(Bounded, limit=_BODY)],
    )
    app.state.settings = settings
    app.state.metrics = metrics
    add_handlers(app)
    # They answer nothing there, but other methods with 405, and are described with all others.
    app.router.routes[:0] = ROUTES
    app.events = Starlette(
        routes=ROUTES, middleware=[observed, *guarded], exception_handlers=app.exception_handlers
    )
    app.events.state = app.state
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app
