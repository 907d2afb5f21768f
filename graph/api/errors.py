"""What an error of ours, of a request or of the framework becomes for the client: a status and one shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graph.api.rendering import error_response
from graph.errors import (
    AmbiguousNameError,
    GraphError,
    InvalidEventError,
    InvalidQueryError,
    StoreError,
    UnknownNameError,
)

logger = logging.getLogger("lineage.server")

RETRY_SECONDS = 5
"""When a client may try again what the store could not do."""

_STATUS: tuple[tuple[type[GraphError], int], ...] = (
    (UnknownNameError, 404),
    (AmbiguousNameError, 400),
    (InvalidQueryError, 400),
    (InvalidEventError, 422),
    (StoreError, 503),
)


class ApiError(HTTPException):
    """An answer that is an error: its status, its message, and what is wrong where that is several things."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.errors = tuple(errors)


def not_found(message: str) -> ApiError:
    """Return the answer to a request about something that there is not."""
    return ApiError(404, message)


def add_handlers(app: FastAPI) -> None:
    """Have every error leave the application in the one shape."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(GraphError, _of_graph)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(Exception, _of_a_fault)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    errors = error.errors if isinstance(error, ApiError) else ()
    return error_response(error.status_code, error.detail, errors=errors, headers=error.headers)


async def _of_graph(request: Request, error: Exception) -> Response:
    status = next((status for type_, status in _STATUS if isinstance(error, type_)), 500)
    if status == 503:
        # Where the store is and why it fails is for those who run it.
        logger.error("the store failed: %s", error)
        return unavailable()
    return error_response(status, str(error))


def unavailable() -> Response:
    """Return what is answered while the store cannot be read or written."""
    return error_response(
        503,
        "the store cannot be reached or written at the moment; try again later",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


async def _of_validation(request: Request, error: Exception) -> Response:
    """Answer as Marquez does: 400 for parameters, 422 for a body, each problem in words."""
    assert isinstance(error, RequestValidationError)
    as_marquez = request.scope["path"].startswith("/api/v1/")
    problems = [_problem(each, as_marquez=as_marquez) for each in error.errors()]
    in_body = any(each["loc"][:1] == ("body",) for each in error.errors())
    return error_response(422 if in_body else 400, "; ".join(problems), errors=problems)


def _problem(problem: Mapping[str, Any], *, as_marquez: bool) -> str:
    where, *path = problem["loc"]
    name = ".".join(map(str, path))
    kind = {"query": "query param", "path": "path param"}.get(where, where)
    if as_marquez and problem["type"] == "missing":
        return f"{kind} {name} must not be null"
    if as_marquez and problem["type"] == "greater_than_equal":
        return f"{kind} {name} must be greater than or equal to {problem['ctx']['ge']}"
    return f"{kind} {name}: {problem['msg']}" if name else f"{kind}: {problem['msg']}"


async def _of_a_fault(request: Request, error: Exception) -> Response:
    return error_response(500, "the server failed at this request; it was logged")
