"""The WSGI middleware: on a real server, and the bare protocol, checked by wsgiref's validator."""

from __future__ import annotations

import io
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from lineage import inject
from lineage.context import Scope, active_run, current, current_scope, use
from lineage.middleware import WSGIMiddleware

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RUN = "01941f29-7c00-7077-bcef-1a2b3c4d5e6f"

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


def who() -> tuple[str | None, str | None, str | None]:
    known = current()
    return (known.operation, known.actor, known.request_id) if known else (None, None, None)


def environ(path: str = "/", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"PATH_INFO": path, **more}
    setup_testing_defaults(made)
    return made


def seen(middleware: Callable[[App], App], **request: Any) -> tuple[str | None, str | None, str | None]:
    found: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        found.append(who())
        return []

    middleware(app)(environ(**request), lambda *_: None)
    assert who() == (None, None, None)
    (one,) = found
    return one  # type: ignore[no-any-return]


def test_a_request_has_its_context() -> None:
    found = seen(WSGIMiddleware, path="/people/42", HTTP_X_REQUEST_ID="r-1", REQUEST_METHOD="POST")
    assert found == ("POST /people/{id}", None, "r-1")
    assert seen(WSGIMiddleware, path="/b", SCRIPT_NAME="/a", HTTP_TRACEPARENT=TRACE)[::2] == (
        "GET /a/b",
        TRACE[3:35],
    )
    assert (
        seen(lambda app: WSGIMiddleware(app, actor=lambda environ: environ["user"]), user="ada")[1] == "ada"
    )


def test_a_path_is_read_as_utf_8() -> None:
    assert seen(WSGIMiddleware, path="/größe".encode().decode("latin-1"))[0] == "GET /größe"


def test_strangers_are_not_believed_and_trusted_callers_are() -> None:
    headers = {"HTTP_BAGGAGE": "lineage.actor=mallory", "HTTP_OPENLINEAGE_PARENT_ID": f"ns/job/{RUN}"}
    runs: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        runs.append((who()[1], active_run.get() is not None, "baggage" in inject()))
        return []

    WSGIMiddleware(app)(environ(**headers), None)
    WSGIMiddleware(app, trust=True)(environ(**headers), None)
    WSGIMiddleware(app, trust=lambda environ: environ["REMOTE_ADDR"] == "10.0.0.1")(environ(**headers), None)
    WSGIMiddleware(app, trust=lambda environ: 1 / 0)(environ(REMOTE_ADDR="10.0.0.1", **headers), None)

    assert runs[0] == runs[2] == runs[3] == (None, False, True)
    assert runs[1] == ("mallory", True, True)


class Streaming:
    """An application that streams, and notes for whom each step of it runs."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.scopes: list[Scope | None] = []

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            for number in range(3):
                self.seen.append(who()[0])
                self.scopes.append(current_scope())
                yield b"%d" % number
        finally:
            self.seen.append(("closed", who()[0]))


def test_a_streamed_answer_keeps_its_context_and_the_server_does_not_get_it() -> None:
    app = Streaming()
    with use(operation="server"):
        answer = WSGIMiddleware(app)(environ("/stream"), lambda *_: None)
        pieces = []
        for piece in answer:
            assert who()[0] == "server"
            assert app.scopes[-1] is not None
            assert not app.scopes[-1].ended
            pieces.append(piece)
        answer.close()  # type: ignore[attr-defined]
        assert who()[0] == "server"

    assert pieces == [b"0", b"1", b"2"]
    assert app.seen == ["GET /stream"] * 3 + [("closed", "GET /stream")]
    assert app.scopes[-1] is not None
    assert app.scopes[-1].ended


def test_an_answer_that_the_client_does_not_want_is_closed_in_its_context() -> None:
    app = Streaming()
    answer = iter(WSGIMiddleware(app)(environ("/stream"), lambda *_: None))
    assert next(answer) == b"0"
    answer.close()  # type: ignore[attr-defined]

    assert app.seen == ["GET /stream", ("closed", "GET /stream")]
    assert who()[0] is None


def test_two_answers_that_one_thread_streams_in_turn_keep_apart() -> None:
    apps = [Streaming(), Streaming()]
    answers = [
        iter(WSGIMiddleware(app)(environ(f"/{name}"), lambda *_: None))
        for app, name in zip(apps, "ab", strict=True)
    ]
    for _ in range(3):
        for answer in answers:
            next(answer)

    assert [app.seen for app in apps] == [["GET /a"] * 3, ["GET /b"] * 3]


def test_answers_that_are_complete_go_through_as_they_are() -> None:
    """What has a length gives servers a Content-Length, and files their sendfile."""
    complete = [b"one"], (b"one", b"two"), {b"one": 1}, io.BytesIO(b"file"), FileWrapper(io.BytesIO(b"file"))
    for answer in complete:
        assert WSGIMiddleware(lambda environ, start, answer=answer: answer)(environ(), None) is answer  # type: ignore[misc]


def test_errors_are_the_applications_own() -> None:
    error = KeyError("theirs")

    def fails(environ: Any, start_response: Any) -> list[bytes]:
        raise error

    def fails_later(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield b"0"
        raise error

    with pytest.raises(KeyError) as raised:
        WSGIMiddleware(fails)(environ(), None)
    assert raised.value is error
    answer = iter(WSGIMiddleware(fails_later)(environ(), None))
    assert next(answer) == b"0"
    with pytest.raises(KeyError) as raised:
        next(answer)
    assert raised.value is error
    assert who()[0] is None


def test_a_request_that_cannot_be_read_is_answered_all_the_same() -> None:
    called: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        called.append(environ)
        return [b"fine"]

    for request in ({}, {"REQUEST_METHOD": 3, "PATH_INFO": 4}, {1: 2}):
        assert WSGIMiddleware(app)(request, None) == [b"fine"]  # type: ignore[arg-type]
    assert len(called) == 3


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Callable[[App], str]]:
    """Give a function that serves an application on a real server and returns its address."""
    running: list[tuple[WSGIServer, threading.Thread]] = []

    def serve(app: App) -> str:
        made = make_server("127.0.0.1", 0, app, handler_class=Quiet)
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        running.append((made, thread))
        return f"http://127.0.0.1:{made.server_port}"

    yield serve
    for made, thread in running:
        made.shutdown()
        thread.join()
        made.server_close()


def test_a_real_server_gets_answers_that_keep_to_the_protocol(server: Callable[[App], str]) -> None:
    """wsgiref's validator stands on both sides of the middleware."""
    app = Streaming()
    address = server(validator(WSGIMiddleware(validator(app))))
    for _ in range(2):
        with urllib.request.urlopen(f"{address}/orders/42?x=1", timeout=10) as answer:
            assert answer.read() == b"012"
    assert app.seen == (["GET /orders/{id}"] * 3 + [("closed", "GET /orders/{id}")]) * 2


def test_a_short_answer_keeps_its_length(server: Callable[[App], str]) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"short"]

    with urllib.request.urlopen(server(WSGIMiddleware(app)), timeout=10) as answer:
        assert answer.headers["Content-Length"] == "5"
