"""Giving a context variable back, wherever that happens."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TypeVar

T = TypeVar("T")


def give_back(variable: ContextVar[T | None], token: Token[T | None], value: T | None) -> None:
    """Undo the `set` of `value` that gave the token.

    In another task or thread than the one that set it, only that very value is taken away: whatever else
    stands there is that task's own.
    """
    try:
        variable.reset(token)
    except ValueError:  # left in another context than entered
        if value is not None and variable.get() is value:
            variable.set(None)
