"""The gate before the routes: who may pass, and the record of who was refused and what administrators did."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.api.errors import unavailable
from graph.api.rendering import error_response
from graph.api.rules import Need, need_of
from graph.api.settings import ServerSettings
from graph.api.stores import StorePool
from graph.errors import StoreError
from graph.ingest.commands import given_by
from graph.store.access import AuditRecord, Role, Token, id_in, is_of
from graph.store.base import LineageStore

logger = logging.getLogger("lineage.server")

_KNOWN_SECONDS = 5.0
"""How long a token that was revoked may go on working."""

_WAITING = 10_000


class Keeper:
    """Knows the tokens of the store, and writes the record."""

    def __init__(self, stores: StorePool) -> None:
        self._stores = stores
        self._tokens: dict[str, Token] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._guards = False
        self._waiting: deque[AuditRecord] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def token(self, text: str) -> Token | None:
        """Return the valid token that the text is, None where it is none; StoreError where that is open."""
        id_ = id_in(text)
        if id_ is None:
            return None
        # One that is not known may be new.
        await self._read(_KNOWN_SECONDS if id_ in self._tokens else 0)
        found = self._tokens.get(id_)
        return found if found is not None and is_of(text, found) and found.is_valid(time.time_ns()) else None

    async def guards(self) -> bool:
        """Tell whether there is a valid token, or was; StoreError where that is open."""
        if not self._guards:
            await self._read(_KNOWN_SECONDS)
            self._guards = any(token.is_valid(time.time_ns()) for token in self._tokens.values())
        return self._guards

    async def allows_still(self, token: Token | None) -> bool:
        """Tell whether a request that goes on may go on: its token was not revoked, nor did it expire.

        Where there was none to be, it is whether that is so still. StoreError where that is open.
        """
        if token is None:
            return not await self.guards()
        await self._read(_KNOWN_SECONDS)
        known = self._tokens.get(token.id)
        return known is not None and known.is_valid(time.time_ns())

    def record(self, record: AuditRecord) -> None:
        """Have something recorded, with all else that comes until it is."""
        if len(self._waiting) >= _WAITING:
            logger.error("the record is too far behind: a call of %r was not recorded", record.client)
            return
        self._waiting.append(record)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Wait until all is recorded."""
        if self._writing is not None:
            await self._writing

    async def _read(self, age: float) -> None:
        """Have tokens be known as of so many seconds ago, or later."""
        wanted = time.monotonic() - age
        async with self._reading:
            if self._read_at < wanted:
                began = time.monotonic()
                known = await self._stores.ask(lambda store: store.access.tokens())
                self._tokens = {token.id: token for token in known}
                self._read_at = began

    async def _write(self) -> None:
        while self._waiting:
            records = list(self._waiting)
            self._waiting.clear()
            try:
                await self._stores.change(_keep, records)
            except StoreError as error:
                logger.error("%d calls could not be recorded: %s", len(records), error)


def _keep(store: LineageStore, records: Sequence[AuditRecord]) -> None:
    store.access.record(records)


class Gate:
    """Stands before the routes. What a request may is decided here, before anything of it is read."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        need = need_of(scope["method"], scope["path"])
        scope["caller"] = None
        try:
            # Whether the process lives is told without the store.
            if need.role is not None and await self._is_guarded(scope):
                scope["caller"] = await _keeper(scope).token(_bearer(headers))
                refusal = _refusal(need, scope["caller"])
            else:
                refusal = _foreign(headers, self.settings)
        except StoreError:
            await unavailable()(scope, receive, send)
            return
        if refusal is not None:
            status, reason = refusal
            _record(scope, headers, status, reason)
            challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            await error_response(status, reason, headers=challenge)(scope, receive, send)
            return
        caller: Token | None = scope["caller"]
        with given_by("" if caller is None else caller.name):
            if need.role is Role.ADMIN:
                await self._recorded(scope, receive, send, headers)
            else:
                await self.app(scope, receive, send)

    async def _is_guarded(self, scope: Scope) -> bool:
        access = self.settings.access
        return await _keeper(scope).guards() if access is None else access

    async def _recorded(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            if "refused" not in scope:
                _record(scope, headers, status, scope.get("deed", "administrative"))


def _bearer(headers: Headers) -> str:
    scheme, _, text = headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _refusal(need: Need, token: Token | None) -> tuple[int, str] | None:
    """Return the status and the reason to refuse a request, None where it may pass."""
    assert need.role is not None
    if token is None:
        return 401, "a valid token is needed: send it as Authorization: Bearer TOKEN"
    if not token.role.covers(need.role):
        return 403, f"this needs the role {need.role}; the token has the role {token.role}"
    if need.in_handler or not token.namespaces:
        return None
    if need.namespace is None:
        return 403, f"the token is for {_listed(token)} only, and this is not about one namespace"
    if not token.allows(need.namespace):
        return 403, f"the token is for {_listed(token)} only, not for {need.namespace!r}"
    return None


def _listed(token: Token) -> str:
    return ", ".join(map(repr, token.namespaces))


def _foreign(headers: Headers, settings: ServerSettings) -> tuple[int, str] | None:
    """Refuse pages of other sites, where everybody on this machine may do everything.

    A browser would carry their requests to this machine, also by a name that they have point at it.
    """
    if settings.access or not settings.local or "*" in settings.cors:
        return None
    origin, host = headers.get("origin"), headers.get("host", "")
    if host and not _is_local(f"//{host}"):
        return 403, f"this server answers this machine only, not by the name {host!r}"
    if origin is not None and origin not in settings.cors and not _is_local(origin):
        return 403, f"pages of {origin!r} may not ask here: allow that by --cors"
    return None


@lru_cache(maxsize=256)
def _is_local(url: str) -> bool:
    """Tell whether the host in a URL is this machine by its own name or number."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False


def _record(scope: Scope, headers: Headers, status: int, reason: str) -> None:
    token: Token | None = scope["caller"]
    sent = id_in(_bearer(headers)) or ""
    client = (scope.get("client") or [""])[0]
    who = "" if token is None else token.name
    _keeper(scope).record(
        AuditRecord(time.time_ns(), sent[:100], who, client, scope["method"], scope["path"], status, reason)
    )


def _keeper(scope: Scope) -> Keeper:
    keeper: Keeper = scope["app"].state.keeper
    return keeper


def check_namespaces(request: Request, namespaces: set[str]) -> str | None:
    """Return why the token of a request does not do for these namespaces, None where it does."""
    token: Token | None = request.scope["caller"]
    if token is None:
        return None
    beyond = sorted(namespace for namespace in namespaces if not token.allows(namespace))
    return f"the token is for {_listed(token)} only, not for {beyond[0]!r}" if beyond else None


async def may_go_on(request: Request) -> bool:
    """Tell whether a request that is answered for long may go on being answered."""
    settings: ServerSettings = request.app.state.settings
    return settings.access is False or await _keeper(request.scope).allows_still(request.scope["caller"])


def refuse(request: Request, reason: str) -> None:
    """Record that a route refused a request, or a part of it."""
    request.scope["refused"] = True
    _record(request.scope, request.headers, 403, reason)


def record(request: Request, what: str) -> None:
    """Record what only an administrator may do, of a request that others may make, too."""
    _record(request.scope, request.headers, 200, what)


def tell_deed(request: Request, what: str) -> None:
    """Say what an administrator's request did; the record says it then."""
    request.scope["deed"] = what
