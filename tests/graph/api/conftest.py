"""A server on a port of its own, over a store on each of the engines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from graph.api import ServerSettings, create_app


class Served:
    """A running server. `get` and the others take a path and raise for no status."""

    def __init__(self, url: str, location: str) -> None:
        self.url = url
        self.location = location
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, **{"timeout": 30, **options})

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)


@contextmanager
def running(app: FastAPI, location: str = "") -> Iterator[Served]:
    """Serve an application from a thread of this process, with uvicorn on a real port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server takes too long to start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        served = Served(f"http://127.0.0.1:{port}", location)
        with served.session:
            yield served
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def serve_app() -> Iterator[Callable[[FastAPI], Served]]:
    """Give a function that serves an application of the test's own."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(running(app))


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Give a function that serves a store, with settings; all are stopped after the test."""
    with ExitStack() as stack:

        def start(location: str, **settings: Any) -> Served:
            return stack.enter_context(running(create_app(ServerSettings(location, **settings)), location))

        yield start


@pytest.fixture
def served(place: str, serve: Callable[..., Served]) -> Served:
    """A server over an empty store, on each of the engines."""
    return serve(place)
