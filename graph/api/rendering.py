"""JSON out: one encoding of values, and the one shape of errors.

An error is `{"code": 404, "message": "..."}`, as Marquez answers; where several things are wrong with a
request `errors` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON; None is written as null and left out nowhere."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def error_response(
    code: int, message: str, *, errors: Sequence[str] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error in its one shape."""
    content: dict[str, Any] = {"code": code, "message": message}
    if errors:
        content["errors"] = list(errors)
    return json_response(content, code, headers)
