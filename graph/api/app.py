"""The ASGI application over a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from graph.api.bodies import Bounded
from graph.api.errors import add_handlers
from graph.api.gate import Gate, Keeper
from graph.api.metrics import Metrics
from graph.api.observing import Observed
from graph.api.openapi import document
from graph.api.paths import RawPaths
from graph.api.routes import ROUTERS
from graph.api.routes.ingest import ROUTES
from graph.api.settings import ServerSettings
from graph.api.stores import StorePool
from graph.api.texts import check_texts
from lineage.version import VERSION

_BODY = 4 * 1024 * 1024
"""How large a body may be that is no event: names, changes, descriptions."""


def create_app(settings: ServerSettings) -> FastAPI:
    """Return the application; it opens the store when it is started and closes it when it ends."""

    metrics = Metrics()
    cors = Middleware(CORSMiddleware, allow_origins=settings.cors, allow_methods=["*"], allow_headers=["*"])

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.stores = StorePool(settings, metrics)
        app.state.keeper = Keeper(app.state.stores)
        await app.state.stores.open()
        try:
            yield
        finally:
            await app.state.keeper.close()
            await app.state.stores.close()

    app = FastAPI(
        title="lineage-graph",
        version=VERSION,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url="/api/v2/openapi.json",
        dependencies=[Depends(check_texts)],
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(Observed, metrics=metrics),
            Middleware(RawPaths),
            *([cors] if settings.cors else []),
            Middleware(Gate, settings=settings),
            Middleware(Bounded, limit=_BODY),
        ],
    )
    app.state.settings = settings
    app.state.metrics = metrics
    add_handlers(app)
    app.router.routes[:0] = ROUTES
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app
