"""The ASGI middleware: Starlette on a real server, and the bare protocol."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from lineage import inject, track_run
from lineage.context import active_run, current, current_scope, use
from lineage.middleware import ASGIMiddleware
from lineage.testing import capture

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RUN = "01941f29-7c00-7077-bcef-1a2b3c4d5e6f"
BELIEVED = {
    "baggage": "lineage.actor=mallory,lineage.request_id=r-9,theirs=1",
    "OPENLINEAGE-PARENT-ID": f"ns/job/{RUN}",
}

Answer = tuple[int, dict[str, str], bytes]


def here() -> dict[str, Any]:
    known = current()
    run = active_run.get()
    return {
        "operation": known.operation if known else None,
        "actor": known.actor if known else None,
        "request_id": known.request_id if known else None,
        "run": run.identity.run_id if run else None,
        "sends": dict(inject()).get("traceparent"),
    }


async def tell(request: Request) -> Response:
    await asyncio.sleep(0)
    return JSONResponse(here())


async def tell_in_thread(request: Request) -> Response:
    return JSONResponse(await asyncio.to_thread(here))


def tell_from_pool(request: Request) -> Response:
    return JSONResponse(here())  # Starlette calls it in its thread pool


late: list[Any] = []


async def stream(request: Request) -> Response:
    async def pieces() -> Any:
        for _ in range(3):
            await asyncio.sleep(0.01)
            scope = current_scope()
            yield json.dumps([here()["operation"], scope.ended if scope else None]) + "\n"

    def afterwards() -> None:
        late.append((here()["operation"], current_scope()))

    return StreamingResponse(pieces(), background=BackgroundTask(afterwards))


async def fail(request: Request) -> Response:
    raise KeyError("theirs")


def actor(scope: Any) -> object:
    name = dict(scope["headers"]).get(b"x-user")
    if name == b"broken":
        raise RuntimeError("the session store is down")
    return name.decode() if name is not None else None


ROUTES = [
    Route("/orders/{order_id}/lines/{line}", tell),
    Route("/orders", tell, methods=["POST"]),
    Route("/reports/2026", tell),
    Route("/thread", tell_in_thread),
    Route("/pool", tell_from_pool),
    Route("/stream", stream),
    Route("/fail", fail),
    Mount("/api", routes=[Mount("/v1", routes=[Route("/people/{name}", tell)])]),
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that answers `tell` and others with what they see."""
    app = Starlette(routes=ROUTES)
    app.add_middleware(
        ASGIMiddleware, actor=actor, trust=lambda scope: (b"x-gateway", b"1") in scope["headers"]
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", loop="asyncio"))
    logging.getLogger("uvicorn.error").disabled = True
    with use(actor="whoever started the server", operation="start"):
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
        thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listener.close()
    logging.getLogger("uvicorn.error").disabled = False


def get(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            method, path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def seen(port: int, path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    status, _, body = get(port, path, method, **headers)
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/orders/42/lines/7?secret=x", "GET /orders/{order_id}/lines/{line}"),
        ("POST", "/orders", "POST /orders"),
        ("GET", "/reports/2026", "GET /reports/2026"),
        ("GET", "/api/v1/people/alice", "GET /api/v1/people/{name}"),
        ("GET", "/thread", "GET /thread"),
        ("GET", "/pool", "GET /pool"),
    ],
)
def test_a_request_is_named_after_its_route(port: int, method: str, path: str, operation: str) -> None:
    """DR-15: also in threads that the framework starts for it; and nothing of who started the server."""
    found = seen(port, path, method, X_Request_ID="r-1")
    assert found == {"operation": operation, "actor": None, "request_id": "r-1", "run": None, "sends": None}


def test_a_stranger_is_believed_a_trace_and_a_request_id_only(port: int) -> None:
    found = seen(port, "/thread", **BELIEVED, traceparent=TRACE)

    assert (found["actor"], found["run"]) == (None, None)
    assert found["request_id"] == TRACE[3:35]
    assert found["sends"] == TRACE


def test_a_trusted_caller_is_believed_all_of_it(port: int) -> None:
    found = seen(port, "/thread", X_Gateway="1", **BELIEVED)

    assert (found["actor"], found["request_id"], found["run"]) == ("mallory", "r-9", RUN)
    assert found["operation"] == "GET /thread"
    assert seen(port, "/thread", X_Gateway="1", X_User="ada", **BELIEVED)["actor"] == "ada"


@pytest.mark.parametrize("bad", ["x" * 129, "a b", "", "ö"])
def test_a_request_id_that_is_long_or_strange_is_not_taken(port: int, bad: str) -> None:
    made = seen(port, "/thread", X_Request_ID=bad)["request_id"]

    assert len(made) == 32
    assert int(made, 16)
    assert seen(port, "/thread", X_Request_ID=bad, traceparent=TRACE)["request_id"] == TRACE[3:35]


def test_the_actor_is_who_the_application_says(port: int) -> None:
    assert seen(port, "/thread", X_User="ada")["actor"] == "ada"
    assert seen(port, "/thread")["actor"] is None


def test_an_actor_that_cannot_be_had_is_none_and_the_request_goes_on(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = seen(port, "/thread", X_User="broken", X_Request_ID="r-1")

    assert (found["actor"], found["request_id"], found["operation"]) == (None, "r-1", "GET /thread")


def test_a_streamed_answer_keeps_its_context_until_its_end(port: int) -> None:
    late.clear()
    _, _, body = get(port, "/stream")

    assert [json.loads(line) for line in body.splitlines()] == [["GET /stream", False]] * 3
    deadline = time.monotonic() + 10
    while not late and time.monotonic() < deadline:
        time.sleep(0.01)
    ((operation, scope),) = late
    assert operation == "GET /stream"
    deadline = time.monotonic() + 10
    while not scope.ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert scope.ended


def test_answers_are_as_without_it(port: int) -> None:
    assert get(port, "/fail")[0] == 500
    assert get(port, "/nothing/here")[0] == 404
    assert get(port, "/orders", "GET")[0] == 405


async def call(app: Any, path: str = "/", headers: Any = (), **scope: Any) -> list[dict[str, Any]]:
    """Call an ASGI app as a server does, and return what it sent."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    whole = {"type": "http", "method": "GET", "path": path, "headers": list(headers), **scope}
    await app(whole, receive, send)
    return sent


App = Callable[[Any, Any, Any], Awaitable[None]]


def test_a_thousand_concurrent_requests_do_not_bleed() -> None:
    """DR-15: each awaits, starts tasks and threads; no one sees another's actor, request or run."""
    wrong: list[Any] = []
    answered: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        number = scope["path"].removeprefix("/")
        expected = {"operation": "GET /{id}", "actor": f"actor {number}", "request_id": f"r-{number}"}

        async def check() -> None:
            await asyncio.sleep(0.0001 * (int(number) % 7))
            found = here()
            if {**found, **expected} != found:
                wrong.append((expected, found))

        await asyncio.gather(check(), asyncio.create_task(check()))
        if int(number) % 10 == 0:
            thread = await asyncio.to_thread(here)
            if {**thread, **expected} != thread:
                wrong.append((expected, thread))
        await check()
        answered.append(number)

    wrapped = ASGIMiddleware(app, actor=lambda scope: "actor " + scope["path"].removeprefix("/"))

    async def main() -> None:
        await asyncio.gather(
            *(call(wrapped, f"/{number}", [(b"x-request-id", b"r-%d" % number)]) for number in range(1000))
        )

    asyncio.run(main())
    assert wrong == []
    assert len(answered) == 1000


def test_a_request_begins_anew_and_leaves_nothing() -> None:
    """DR-15: neither what the server was started in, nor a run around it, is the request's."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(here())

    found: list[dict[str, Any]] = []

    async def main() -> None:
        with use(actor="starter"), track_run("serve"):
            await call(ASGIMiddleware(app))
            assert (here()["actor"], here()["run"] is not None) == ("starter", True)

    with capture():
        asyncio.run(main())
    assert (found[0]["actor"], found[0]["run"]) == (None, None)


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_protocols_pass_untouched(kind: str) -> None:
    given: list[Any] = []

    async def app(*arguments: Any) -> None:
        given.append((*arguments, here()["operation"]))

    async def main() -> None:
        with use(operation="outer"):
            await ASGIMiddleware(app)(scope, receive, send)

    scope, receive, send = {"type": kind}, object(), object()
    asyncio.run(main())
    assert given == [(scope, receive, send, "outer")]
    assert given[0][0] is scope


def test_the_scope_and_what_is_sent_are_the_very_objects() -> None:
    async def app(*arguments: Any) -> None:
        given.append(arguments)

    given: list[Any] = []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    arguments = (scope, object(), object())
    asyncio.run(ASGIMiddleware(app)(*arguments))  # type: ignore[arg-type]

    assert all(one is other for one, other in zip(given[0], arguments, strict=True))
    assert scope == {"type": "http", "method": "GET", "path": "/", "headers": []}


def test_exceptions_and_cancellation_of_the_application_pass() -> None:
    error = KeyError("theirs")

    async def fails(*_: Any) -> None:
        raise error

    async def hangs(*_: Any) -> None:
        await asyncio.sleep(10)

    async def main() -> None:
        with pytest.raises(KeyError) as raised:
            await call(ASGIMiddleware(fails))
        assert raised.value is error
        task = asyncio.create_task(call(ASGIMiddleware(hangs)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert current() is None

    asyncio.run(main())


@pytest.mark.parametrize(
    "scope",
    [
        {"headers": None},
        {"headers": [(1, 2)]},
        {"method": None},
        {"path": None},
        {"path": "/x", "app": type("Odd", (), {"routes": [object()]})()},
    ],
)
def test_a_request_that_cannot_be_read_is_answered_all_the_same(scope: dict[str, Any]) -> None:
    """Whatever a server or a framework does differently, the application is called once."""

    async def app(*_: Any) -> None:
        called.append(True)

    called: list[bool] = []
    whole = {"type": "http", "method": "GET", "path": "/", "headers": [], **scope}
    asyncio.run(ASGIMiddleware(app)(whole, None, None))
    assert called == [True]


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/people/42", "GET /people/{id}"),
        ("/people/bob@corp.com/inbox", "GET /people/{id}/inbox"),
        ("/f/0198c0de-7c00-7077-bcef-1a2b3c4d5e6f", "GET /f/{id}"),
        ("/reset/" + "Zz" * 30, "GET /reset/{id}"),
        ("/", "GET /"),
        ("", "GET "),
    ],
)
def test_without_a_router_the_path_without_ids_names_the_request(path: str, operation: str) -> None:
    async def app(*_: Any) -> None:
        found.append(here()["operation"])

    found: list[str] = []
    asyncio.run(call(ASGIMiddleware(app), path))
    assert found == [operation]


def test_an_unknown_method_does_not_make_names() -> None:
    async def app(*_: Any) -> None:
        found.append(here()["operation"])

    found: list[str] = []
    asyncio.run(call(ASGIMiddleware(app), "/x", method="EVIL" * 1000))
    assert found == ["OTHER /x"]


def test_an_actor_that_would_have_to_be_awaited_is_none() -> None:
    async def app(*_: Any) -> None:
        found.append(here()["actor"])

    class Later:
        def __await__(self) -> Any:
            yield

    found: list[str | None] = []
    asyncio.run(call(ASGIMiddleware(app, actor=lambda scope: Later())))
    assert found == [None]


def test_a_coroutine_function_as_actor_is_refused_at_once() -> None:
    async def find(scope: Any) -> str:
        return "ada"

    with pytest.raises(TypeError, match="no coroutine functions"):
        ASGIMiddleware(Starlette(), actor=find)
