"""What the requests of Marquez's API have in common: names in the path, and pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Path, Query, Request

from graph.api.errors import ApiError
from graph.api.openapi import failing

Namespace = Annotated[str, Path(description="The name of a namespace, percent-encoded.")]
Name = Annotated[str, Path(description="A name, percent-encoded.")]

Answers = dict[int | str, dict[str, Any]]
LISTED: Answers = failing(400, 503)
"""How requests fail that need nothing to be there."""

FOUND: Answers = failing(400, 404, 503)
"""How requests fail about something that has to be there."""

WRITTEN: Answers = failing(400, 404, 422, 503)
"""How requests with a body fail."""

_LARGEST = 2**31 - 1


class Page(NamedTuple):
    """The part of a list that is asked for."""

    limit: int
    offset: int


def _page(
    request: Request,
    limit: Annotated[int, Query(ge=0, le=_LARGEST, description="How many at most.")] = 100,
    offset: Annotated[int, Query(ge=0, le=_LARGEST, description="Behind how many.")] = 0,
) -> Page:
    """Return what is asked for, no longer than the server allows."""
    return Page(min(limit, request.app.state.settings.page_limit), offset)


Paged = Annotated[Page, Depends(_page)]


def moment(name: str, text: str) -> datetime:
    """Return the time in a query parameter; 400 where it is none. A `+` that came as a blank is one."""
    try:
        time = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
    except ValueError:
        raise ApiError(400, f"query param {name} is no time such as 2026-01-31T12:00:00Z: {text!r}") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
