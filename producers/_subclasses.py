"""Drivers whose connections and cursors are C types, which take no attributes: subclasses of them capture.

Whoever connects gets a connection of such a subclass, whose cursors are of such subclasses too. They have
the names of their bases, pass for them, and do what these do; no method is asked twice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from operator import attrgetter
from typing import Any
from weakref import WeakValueDictionary

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from producers._base import Producer
from producers._dbapi import captured, ending

_MAKING = guard("preparing a database connection")
_BEGINNING = guard("beginning a database query")

Text = Callable[[Any, tuple[Any, ...], dict[str, Any]], object]
"""Gives the statement of a call of a cursor's method."""


class Session:
    """What is known of one connection: of which class the host asked for it, and its transactions."""

    __slots__ = ("kind", "source", "transactions")

    def __init__(self, kind: type, source: Source) -> None:
        self.kind = kind
        self.source = source
        self.transactions = Transactions()


class Driver:
    """What there is to know of a driver: its types, and which of their methods run statements."""

    def __init__(
        self,
        connection: type,
        cursor: type,
        *,
        factory: tuple[str, int],
        texts: Mapping[str, Text],
        committing: tuple[str, ...],
        rolling_back: tuple[str, ...],
        inside: Callable[[Any], bool],
    ) -> None:
        """`factory` is the keyword and place of the class in a call of `connection.cursor`."""
        self.connection = connection
        self.cursor = cursor
        self.factory = factory
        self.texts = texts
        self.committing = committing
        self.rolling_back = rolling_back
        self.inside = inside


class Subclasses:
    """The capturing subclasses of a driver's types, each made when it is first needed."""

    def __init__(self, producer: Producer, driver: Driver) -> None:
        self._producer = producer
        self._driver = driver
        # By the id of the base, which a subclass keeps: neither keeps a class of the host alive.
        self._made: WeakValueDictionary[int, type] = WeakValueDictionary()

    def connection_class(self, factory: Any) -> type | None:
        """Return the class to connect with instead of what the host asked for; None for that itself."""
        kind = self._driver.connection if factory is None else factory
        if not isinstance(kind, type) or not issubclass(kind, self._driver.connection):
            return None
        if not self._producer.watches(kind):
            return None
        return self._subclass(kind, self._methods_of_connection)

    def opened(self, connection: Any, source: Source) -> None:
        """Note where a connection leads; one of another class is not captured."""
        kind = type(connection)
        base = kind.__base__
        if base is not None and self._made.get(id(base)) is kind:
            connection._lineage_session = Session(base, source)

    def _subclass(self, base: type, methods: Callable[[type], dict[str, Any]]) -> type:
        made = self._made.get(id(base))
        if made is None:
            named = {name: getattr(base, name) for name in ("__module__", "__qualname__", "__doc__")}
            # Of two threads that make one at once, both get the first.
            made = self._made.setdefault(id(base), type(base.__name__, (base,), named | methods(base)))
        return made

    def _methods_of_connection(self, base: Any) -> dict[str, Any]:
        driver = self._driver
        methods: dict[str, Any] = {"__slots__": ("_lineage_session",), "cursor": self._cursor_method(base)}
        for names, stands in ((driver.committing, True), (driver.rolling_back, False)):
            for name in names:
                methods[name] = ending(getattr(base, name), self._ended(stands))
        methods["__exit__"] = self._leaving(base.__exit__)
        for name, text in driver.texts.items():
            shortcut = getattr(base, name, None)
            if shortcut is None:
                continue
            if shortcut is getattr(driver.connection, name):  # makes a cursor by itself, not by `cursor`
                methods[name] = self._shortcut(shortcut, name)
            else:
                methods[name] = captured(shortcut, self._begin_with(text, _itself), self._standing_of_itself)
        return methods

    def _shortcut(self, shortcut: Any, name: str) -> Callable[..., Any]:
        @wraps(shortcut)
        def call(connection: Any, *args: Any, **kwargs: Any) -> Any:
            ours = None
            with _MAKING:
                if _session(connection) is not None:
                    ours = self._subclass(self._driver.cursor, self._methods_of_cursor)
            if ours is None:
                return shortcut(connection, *args, **kwargs)
            make: Any = self._driver.connection
            return getattr(make.cursor(connection, ours), name)(*args, **kwargs)

        return call

    def _ended(self, commits: bool) -> Callable[[Any, bool], None]:
        def ended(connection: Any, done: bool) -> None:
            session = _session(connection)
            if session is not None and not self._driver.inside(connection):
                session.transactions.commit() if commits and done else session.transactions.rollback()

        return ended

    def _leaving(self, leave: Any) -> Callable[..., Any]:
        committing, rolling_back = (ending(leave, self._ended(commits)) for commits in (True, False))

        @wraps(leave)
        def exit_(connection: Any, kind: Any, *rest: Any) -> Any:
            return (committing if kind is None else rolling_back)(connection, kind, *rest)

        return exit_

    def _cursor_method(self, base: Any) -> Callable[..., Any]:
        make, driver = base.cursor, self._driver

        def cursor(connection: Any, *args: Any, **kwargs: Any) -> Any:
            plain = False
            with _MAKING:
                plain = _session(connection) is not None and self._is_plain(connection, make, args, kwargs)
            if plain:
                word, place = driver.factory
                ours = self._subclass(driver.cursor, self._methods_of_cursor)
                if len(args) > place:
                    args = (*args[:place], ours, *args[place + 1 :])
                else:
                    kwargs = {**kwargs, word: ours}
            made = make(connection, *args, **kwargs)
            if not plain:
                with _MAKING:
                    self._adopt(connection, made)
            return made

        return cursor

    def _is_plain(self, connection: Any, make: Any, args: Any, kwargs: Any) -> bool:
        """Whether a call of `cursor` makes a cursor of the driver's own type."""
        word, place = self._driver.factory
        asked = args[place] if len(args) > place else kwargs.get(word)
        if asked is None:
            asked = getattr(connection, word, None)
            if asked is None:
                return make is self._driver.connection.cursor  # type: ignore[attr-defined]
        return asked is self._driver.cursor

    def _adopt(self, connection: Any, made: Any) -> None:
        """Make a cursor of a class of Python, which the host or an extension defined, one that captures."""
        kind = type(made)
        is_ours = self._made.get(id(kind.__base__)) is kind
        if _session(connection) is None or is_ours or not isinstance(made, self._driver.cursor):
            return
        if kind is not self._driver.cursor:
            made.__class__ = self._subclass(kind, self._methods_of_cursor)

    def _methods_of_cursor(self, base: type) -> dict[str, Any]:
        methods: dict[str, Any] = {"__slots__": ()}
        for name, text in self._driver.texts.items():
            begin = self._begin_with(text, attrgetter("connection"))
            methods[name] = captured(getattr(base, name), begin, self._standing)
        return methods

    def _begin_with(self, text: Text, connection_of: Callable[[Any], Any]) -> Callable[..., Query]:
        def begin(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Query:
            begun = UNRECORDED
            with _BEGINNING:
                session = _session(connection_of(cursor))
                if session is None or not self._producer.watches(session.kind):
                    return UNRECORDED
                frame = sys._getframe(1)
                begun = begin_query(text(cursor, args, kwargs), session.source, frame=frame)
                begun.enter(frame)
            return begun

        return begin

    def _standing(self, cursor: Any) -> tuple[Transactions, bool]:
        return self._standing_of_itself(cursor.connection)

    def _standing_of_itself(self, connection: Any) -> tuple[Transactions, bool]:
        session = _session(connection)
        transactions = session.transactions if session is not None else Transactions()
        return transactions, self._driver.inside(connection)


def _session(connection: Any) -> Session | None:
    found: Session | None = getattr(connection, "_lineage_session", None)
    return found


def _itself(connection: Any) -> Any:
    return connection


def first_argument(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """Return the statement of `execute(statement, ...)`."""
    return args[0] if args else next(iter(kwargs.values()), None)
