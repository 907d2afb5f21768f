"""For whom the current code works: an operation, an actor, a request, a job, a session, an agent."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar, cast

from lineage._calls import around_calls
from lineage._guard import guard
from lineage.context.variables import give_back

F = TypeVar("F", bound=Callable[..., Any])

Scalar = str | int | float | bool
MAX_ATTRIBUTES = 32
MAX_CHARACTERS = 256
MAX_BITS = 256
"""Longer texts are cut, further attributes and larger numbers left out: what every query says stays small."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """What is known about for whom a query runs; None where it was not said."""

    operation: str | None = None
    actor: str | None = None
    request_id: str | None = None
    job_id: str | None = None
    session_id: str | None = None
    agent: str | None = None
    attributes: tuple[tuple[str, Scalar], ...] = ()


_NOBODY = Attribution()
"""Stands for: nobody, whatever was said outside."""


class Scope:
    """An attribution while it holds.

    `ended` is set when its block was left: a task that outlives the block can tell. `generation` tells in
    which process it was opened: after a fork nothing of the parent's is true of the child's work.
    """

    __slots__ = ("attribution", "ended", "generation")

    def __init__(self, attribution: Attribution) -> None:
        self.attribution = attribution
        self.ended = False
        self.generation = _generation


_generation = 0
active_scope: ContextVar[Scope | None] = ContextVar("lineage_scope", default=None)


def current_scope() -> Scope | None:
    """Return the scope that code here is inside of, also one that has ended since; None outside any."""
    scope = active_scope.get()
    if scope is None or scope.generation != _generation or scope.attribution is _NOBODY:
        return None
    return scope


def current() -> Attribution | None:
    """Return for whom code here works; None where nothing was said."""
    scope = current_scope()
    return scope.attribution if scope is not None else None


class Held(Protocol):
    """What one entered block holds, until it is left."""

    def __enter__(self) -> Attribution | None: ...

    def __exit__(self, *_: object) -> None: ...

    @property
    def holds(self) -> bool:
        """Whether it is this that holds where the question is asked."""


class Block:
    """A context manager, also asynchronous; entered again, and by many tasks and threads at once."""

    __slots__ = ("_hold", "_open")

    def __init__(self, hold: Callable[[], Held]) -> None:
        self._hold = hold
        self._open: list[Held] = []

    def __enter__(self) -> Attribution | None:
        held = self._hold()
        self._open.append(held)
        return held.__enter__()

    def __exit__(self, *_: object) -> None:
        entered = tuple(self._open)
        # The one entered here. Left in another context than entered, it is known only if it is the only one.
        mine = [held for held in entered if held.holds] or (entered if len(entered) == 1 else ())
        if mine:
            self._open.remove(mine[-1])
            mine[-1].__exit__()

    async def __aenter__(self) -> Attribution | None:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()


class _Used:
    """One attribution around one piece of work; None for nobody's."""

    __slots__ = ("_given", "_scope", "_token")

    def __init__(self, given: Attribution | None) -> None:
        self._given = given
        self._scope: Scope | None = None
        self._token: Token[Scope | None] | None = None

    def __enter__(self) -> Attribution | None:
        known = _NOBODY if self._given is None else _joined(current(), self._given)
        self._scope = Scope(known)
        self.enter()
        return known if known is not _NOBODY else None

    def __exit__(self, *_: object) -> None:
        if self._scope is not None:
            self._scope.ended = True
        self.leave()

    def enter(self) -> None:
        self._token = active_scope.set(self._scope)

    def leave(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            give_back(active_scope, token, self._scope)

    @property
    def holds(self) -> bool:
        return active_scope.get() is self._scope


class Use(Block):
    """`use(...)` and `nobody()`: a block, and a decorator."""

    __slots__ = ("_given",)

    def __init__(self, given: Attribution | None) -> None:
        super().__init__(lambda: _Used(given))
        self._given = given

    def __call__(self, function: F) -> F:
        """Hold around each call of a function, method, coroutine function or generator."""
        given = self._given
        return cast("F", around_calls(function, lambda args, kwargs: _Used(given)))


def use(
    operation: str | None = None,
    actor: str | None = None,
    request_id: str | None = None,
    job_id: str | None = None,
    session_id: str | None = None,
    agent: str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
) -> Use:
    """Say for whom the code inside works, as a context manager or as a decorator.

    What is not given is as outside; `attributes` are added to those outside. Values that are no strings
    become such; what cannot be read is left out, and nothing raises.
    """
    return Use(
        Attribution(
            text_of(operation),
            text_of(actor),
            text_of(request_id),
            text_of(job_id),
            text_of(session_id),
            text_of(agent),
            scalars(attributes),
        )
    )


def nobody() -> Use:
    """Have no attribution inside: for work that must not be counted to who happened to start it."""
    return Use(None)


def text_of(value: object) -> str | None:
    """Return a value as text of bounded length; None for what is empty or cannot be read."""
    if value is None:
        return None
    if type(value) is str:  # nearly always: without the fence, as nothing can fail
        return value[:MAX_CHARACTERS] or None
    text = ""
    with guard("reading an attribution"):
        text = str(value)[:MAX_CHARACTERS]
    return text or None


def scalars(attributes: Mapping[str, Any] | None) -> tuple[tuple[str, Scalar], ...]:
    """Return attributes as plain values, copied now: later changes of the caller's are not ours."""
    if attributes is None:
        return ()
    found: dict[str, Scalar] = {}
    with guard("reading attributes"):
        for key, value in dict(attributes).items():
            if len(found) == MAX_ATTRIBUTES:
                break
            name = text_of(key)
            plain = _scalar(value)
            if name is not None and plain is not None:
                found[name] = plain
    return tuple(found.items())


def _scalar(value: object) -> Scalar | None:
    if isinstance(value, int):
        return value if value.bit_length() <= MAX_BITS else None
    return value if isinstance(value, float) else text_of(value)


def _joined(outside: Attribution | None, inside: Attribution) -> Attribution:
    if outside is None:
        return inside
    values: dict[str, Any] = {
        name: getattr(inside, name) if getattr(inside, name) is not None else getattr(outside, name)
        for name in _NAMES
    }
    if outside.attributes:
        both = {**dict(outside.attributes), **dict(inside.attributes)}
        values["attributes"] = tuple(both.items())[-MAX_ATTRIBUTES:]
    return Attribution(**values)


_NAMES = tuple(one.name for one in fields(Attribution))


def _forget_after_fork() -> None:
    # A value of the parent's request would be taken for every later piece of work of the child.
    global _generation
    _generation += 1
    active_scope.set(None)


os.register_at_fork(after_in_child=_forget_after_fork)
