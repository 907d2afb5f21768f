"""JSON out: one encoding of values, and the one shape of errors.

An error is `{"code": 404, "message": "..."}`, as Marquez answers; where several things are wrong with a
request `errors` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from graph.questions.wire import MEDIA_TYPE, dumps


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON; None is written as null and left out nowhere."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def answered(
    request: Request,
    record: Any,
    published: Callable[[Any], Any] = methodcaller("as_json"),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a record as it is published, or whole where a client of this release asks for it so."""
    if request.headers.get("accept") == MEDIA_TYPE:
        return Response(dumps(record), headers=headers, media_type=MEDIA_TYPE)
    return json_response(published(record), headers=headers)


def error_response(
    code: int, message: str, *, errors: Sequence[str] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error in its one shape."""
    content: dict[str, Any] = {"code": code, "message": message}
    if errors:
        content["errors"] = list(errors)
    return json_response(content, code, headers)
