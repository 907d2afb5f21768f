"""Texts that no store can hold, or look for: with a NUL, or with half of a surrogate pair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request

from graph.api.errors import ApiError


async def check_texts(request: Request) -> None:
    """Raise ApiError (400) where a name, a parameter or a text in the body of a request is one of these."""
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        _check(f"{name}, as it stands in the address,", value)
        _check("a parameter's name", name)
    if request.method in {"POST", "PUT", "PATCH"} and (body := await request.body()):
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            return  # told by whoever reads it
        for text in _texts(told):
            _check(f"{text[:50]!r} in the body", text)


def _texts(told: Any) -> Iterator[str]:
    waiting = [told]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value


def _check(what: str, text: Any) -> None:
    if not isinstance(text, str):
        return
    if "\0" in text:
        raise ApiError(400, f"{what} holds a NUL")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ApiError(400, f"{what} is no Unicode text") from None
