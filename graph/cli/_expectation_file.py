"""The file in which expectations are declared."""

from __future__ import annotations

import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any

from graph.errors import InvalidQueryError


def read_expectations(path: Path) -> dict[str, Any]:
    """Return what a file declares, as JSON has it; InvalidQueryError that names what is wrong in the file."""
    from graph.queries import expectations_of

    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidQueryError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidQueryError(f"{path} is no TOML: {error}") from error
    if not told:
        raise InvalidQueryError(f'{path} declares nothing: write [dataset."NAME"] or [job."NAME"]')
    plain: dict[str, Any] = _plain(told)
    try:
        expectations_of(plain)
    except InvalidQueryError as error:
        raise InvalidQueryError("\n".join(f"{path}: {line}" for line in str(error).split("\n"))) from None
    return plain


def _plain(value: Any) -> Any:
    """Return a value without TOML's own kinds of value: 06:30:00 is "06:30:00"."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return list(map(_plain, value))
    return value.isoformat() if isinstance(value, date | time) else value
