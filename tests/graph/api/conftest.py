"""A server on a port of its own, over a store on each of the engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi import FastAPI
from served import Served, running

from graph.api import ServerSettings, create_app


@pytest.fixture
def serve_app() -> Iterator[Callable[[FastAPI], Served]]:
    """Give a function that serves an application of the test's own."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(running(app))


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Give a function that serves a store, open to all unless told otherwise; stopped after the test."""
    with ExitStack() as stack:

        def start(location: str, **settings: Any) -> Served:
            return stack.enter_context(
                running(create_app(ServerSettings(location, **{"access": False, **settings})), location)
            )

        yield start


@pytest.fixture
def served(place: str, serve: Callable[..., Served]) -> Served:
    """A server over an empty store, on each of the engines."""
    return serve(place)
