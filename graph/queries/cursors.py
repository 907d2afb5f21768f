"""Cursors: where the next page of a list begins, as a text that means nothing to who passes it on."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from graph.errors import InvalidQueryError


def counted(cursor: str | None) -> int | None:
    """Return the number that a cursor is, None for none; InvalidQueryError when it is no number.

    Such are for lists that do not change while somebody turns their pages.
    """
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise _no_cursor(cursor)
    return int(cursor)


def packed(place: Sequence[str | int]) -> str:
    """Return the cursor for what comes behind a place."""
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def unpacked(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """Return the place that was packed, whose parts are of these kinds; InvalidQueryError for anything else.

    Texts are such as a store can hold, numbers have 64 bits.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(text)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _no_cursor(cursor) from error
    if not isinstance(place, list) or [type(part) for part in place] != list(kinds):
        raise _no_cursor(cursor)
    if not all(map(_can_be_looked_up, place)):
        raise _no_cursor(cursor)
    return tuple(place)


def _can_be_looked_up(part: str | int) -> bool:
    if isinstance(part, int):
        return -(2**63) <= part < 2**63
    return "\0" not in part and part.encode("utf-8", "replace").decode("utf-8") == part


def _no_cursor(cursor: str) -> InvalidQueryError:
    """Return the error for a text that is no cursor."""
    shown = cursor if len(cursor) <= 100 else f"{cursor[:100]}..."
    return InvalidQueryError(
        f"{shown!r} is no cursor: give the `next` of the page before, or none for the first page"
    )
