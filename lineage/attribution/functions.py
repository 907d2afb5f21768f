"""`instrument_function`: capture the queries of any function, by its dotted name."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from lineage._calls import around_calls, follow
from lineage._guard import guard
from lineage.attribution.plan import active_plan
from lineage.attribution.query import UNRECORDED, Query, begin_query
from lineage.attribution.source import Source
from lineage.errors import InstrumentError

_lock = threading.Lock()
_installed: dict[str, Instrument] = {}

_READING = guard("reading the query of a call")

_PLAIN = frozenset({type(None), bool, int, float, str, bytes, list, tuple, dict})
"""Results that are certainly nothing to wait for."""


def instrument_function(
    target: str,
    *,
    query_arg: str | int | None = None,
    db_system: str | None = None,
    client: str | None = None,
    **source: Any,
) -> Instrument:
    """Capture one query for each call of the function at a dotted name, from now on.

    `target` names a function or a method: `app.db.execute`, `app.db.Database.execute`. `query_arg` says which
    argument is the statement, by name or by position (from 0, without `self` and `cls`). `source` are the
    further arguments of `Source`. The names that other modules imported the function under are taken along.

    Results, exceptions, generators, coroutines, static and class methods stay what they are. `uninstall()`
    of what is returned puts everything back. The same call again changes nothing; InstrumentError is raised
    for a target or argument that is not there, or that is instrumented already in another way.
    """
    instrument = Instrument(target, query_arg, db_system, client, source)
    instrument.apply()
    return _installed[target]


class Instrument:
    """A function whose queries are captured."""

    def __init__(
        self,
        target: str,
        query_arg: str | int | None,
        db_system: str | None,
        client: str | None,
        source: Mapping[str, Any],
    ) -> None:
        self.target = target
        self._settings = (query_arg, db_system, client, dict(source))
        self._query_arg = query_arg
        self._source = Source(db_system, client, **source)
        self._undo: list[Callable[[], None]] = []

    def apply(self) -> None:
        """Install it; nothing happens where it is installed already."""
        with _lock:
            known = _installed.get(self.target)
            if known is not None:
                if known._settings != self._settings:
                    raise InstrumentError(
                        self.target, "it is instrumented with other settings; uninstall those first"
                    )
                return
            self._install()
            _installed[self.target] = self

    def uninstall(self) -> None:
        """Put the function back under all its names; nothing happens where it is not installed."""
        with _lock:
            while self._undo:
                self._undo.pop()()
            if _installed.get(self.target) is self:
                del _installed[self.target]

    def _install(self) -> None:
        owner, name, found = _found(self.target)
        function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
        if not callable(function) or isinstance(function, type):
            raise InstrumentError(self.target, "it is no function or method")
        bound = isinstance(owner, type) and not isinstance(found, staticmethod)
        wrapper = self._wrapped(function, _argument(self.target, function, self._query_arg, bound))
        replacement = type(found)(wrapper) if isinstance(found, staticmethod | classmethod) else wrapper
        self._replace(owner, name, found, replacement)
        if isinstance(owner, ModuleType):
            for module, alias in _aliases(found, (owner, name)):
                self._replace(module, alias, found, replacement)

    def _replace(self, owner: Any, name: str, found: Any, replacement: Any) -> None:
        own = name in vars(owner)
        try:
            setattr(owner, name, replacement)
        except (AttributeError, TypeError) as error:
            raise InstrumentError(
                self.target, f"it cannot be replaced ({type(owner).__name__} is not written in Python)"
            ) from error

        def undo() -> None:
            if vars(owner).get(name) is replacement:  # what others put in its place since is theirs
                if own:
                    setattr(owner, name, found)
                else:
                    delattr(owner, name)

        self._undo.append(undo)

    def _wrapped(
        self, function: Callable[..., Any], query_of: Callable[[tuple[Any, ...], Mapping[str, Any]], object]
    ) -> Callable[..., Any]:
        source = self._source
        code = getattr(function, "__code__", None)

        def begin(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Query:
            plan = active_plan()
            if plan is None:
                return UNRECORDED
            query: object = None
            with _READING:
                query = query_of(args, kwargs)
            return begin_query(query, source, frame=sys._getframe(1), function=code, plan=plan)

        if (
            inspect.iscoroutinefunction(function)
            or inspect.isgeneratorfunction(function)
            or inspect.isasyncgenfunction(function)
        ):
            return around_calls(function, begin)

        def call(*args: Any, **kwargs: Any) -> Any:
            query = begin(args, kwargs)
            if query is UNRECORDED:
                return function(*args, **kwargs)
            query.__enter__()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                query.end(error)
                raise
            if type(result) in _PLAIN:
                query.end()
                return result
            query.leave()
            followed = False
            with guard("following the result of a call"):
                result, followed = follow(result, query)
            if not followed:
                query.end()
            return result

        with guard("taking over a function's name"):
            functools.update_wrapper(call, function)
        return call


def _found(target: str) -> tuple[Any, str, Any]:
    """Return what holds the function, its name there, and what stands under it (a staticmethod as such)."""
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        owner = _imported(target, ".".join(parts[:length]))
        if owner is None:
            continue
        for part in parts[length:-1]:
            owner = getattr(owner, part, None)
        found = inspect.getattr_static(owner, parts[-1], None) if owner is not None else None
        if found is None:
            raise InstrumentError(target, f"{'.'.join(parts[:length])} has no {'.'.join(parts[length:])}")
        return owner, parts[-1], found
    raise InstrumentError(target, "give a dotted name, package.module.function, that can be imported")


def _imported(target: str, name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return None
        raise InstrumentError(target, f"importing {name} failed: {error}") from error
    except ImportError as error:
        raise InstrumentError(target, f"importing {name} failed: {error}") from error


def _argument(
    target: str, function: Callable[..., Any], query_arg: str | int | None, bound: bool
) -> Callable[[tuple[Any, ...], Mapping[str, Any]], object]:
    """Return how to find the statement among the arguments of a call."""
    if query_arg is None:
        return lambda args, kwargs: None
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise InstrumentError(target, "its arguments cannot be read; leave query_arg out") from None
    position, name = _position(target, parameters, query_arg, bound)
    default = next((p.default for p in parameters if p.name == name and p.default is not p.empty), None)

    def query_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
        if name is not None and name in kwargs:
            return kwargs[name]
        return args[position] if position is not None and len(args) > position else default

    return query_of


def _position(
    target: str, parameters: list[inspect.Parameter], query_arg: str | int, bound: bool
) -> tuple[int | None, str | None]:
    """Return where the argument stands when it is positional, and its name when it has one."""
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_more = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if isinstance(query_arg, int):
        place = query_arg + (1 if bound else 0)
        if place < len(positional):
            named = positional[place]
            return place, None if named.kind is named.POSITIONAL_ONLY else named.name
        if takes_more:
            return place, None
    else:
        for place, parameter in enumerate(positional):
            if parameter.name == query_arg:
                return place, query_arg
        if any(p.name == query_arg and p.kind is p.KEYWORD_ONLY for p in parameters):
            return None, query_arg
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return None, query_arg
    known = ", ".join(p.name for p in parameters[1 if bound else 0 :]) or "none"
    raise InstrumentError(target, f"it has no argument {query_arg!r}; its arguments are: {known}")


def _aliases(found: Any, but: tuple[Any, str]) -> list[tuple[ModuleType, str]]:
    """Return the other names that loaded modules know a function by."""
    return [
        (module, name)
        for module in list(sys.modules.values())
        if isinstance(module, ModuleType)
        for name, value in list(vars(module).items())
        if value is found and (module, name) != but
    ]


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
