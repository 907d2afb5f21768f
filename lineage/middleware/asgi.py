"""ASGI: Starlette, FastAPI, Quart, Litestar, Django under an ASGI server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from lineage._guard import guard
from lineage.context.carriers import Attached
from lineage.middleware.request import Rules, name_of_path

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class ASGIMiddleware:
    """Open the context of each HTTP request: `app.add_middleware(ASGIMiddleware)`, or around any ASGI app.

    Its operation is `METHOD route`, or the path without ids where no router tells; its request id is
    `X-Request-ID`, else the trace's id, else made. `actor` is a function of ASGI's scope. `trust` says, as a
    whole or as a function of the scope, whether attribution and run are taken from the headers as well: only
    behind what removes such headers from strangers. It holds until the answer is complete, background tasks
    included. Other protocols pass. Nothing is raised, and the request and its answer are not touched.
    """

    def __init__(
        self,
        app: App,
        *,
        actor: Callable[[Scope], object] | None = None,
        trust: bool | Callable[[Scope], bool] = False,
    ) -> None:
        self.app = app
        self._rules = Rules(actor, trust)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer as the application does."""
        around = self._open(scope) if scope.get("type") == "http" else None
        if around is None:
            await self.app(scope, receive, send)
            return
        with around:
            await self.app(scope, receive, send)

    def _open(self, scope: Scope) -> Attached | None:
        with guard("opening the context of a request"):
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
            route = None
            with guard("finding the route of a request"):
                route = _route(scope, self.app)
            return self._rules.open(scope, scope["method"], route or name_of_path(scope["path"]), headers)
        return None


def _route(scope: Scope, app: Any) -> str | None:
    """Return the template of the route that a Starlette router will choose; None without such a router."""
    chosen = getattr(scope.get("route"), "path", None)
    if isinstance(chosen, str):
        return chosen
    routes = getattr(scope.get("app", app), "routes", None)
    return _find(routes, dict(scope)) if isinstance(routes, list) else None


def _find(routes: Iterable[Any], scope: dict[str, Any]) -> str | None:
    """Return what `routes` choose as Starlette does: the first full match, else one for other methods."""
    partial = None
    for route in routes:
        match, inside = route.matches(scope)
        path = getattr(route, "path", "")
        if match.name == "FULL":
            below = getattr(route, "routes", None)
            return path + (_find(below, {**scope, **inside}) or "") if below else path
        if match.name == "PARTIAL" and partial is None:
            partial = path
    return partial
