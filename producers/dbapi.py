"""Queries of any driver after the DB-API (PEP 249), by its module: `producers.install("dbapi", "pymysql")`.

Hooks the classes of the module's connections and cursors, as `connect` shows them. One query per call of
`execute`, `executemany` and `callproc`, however a cursor works inside. Drivers whose types are made in C take
no hooks, which is said when they are installed or first connect.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from importlib import import_module
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary, ref

from lineage._guard import guard, logger
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from lineage.sql.dialects import dialect_of
from producers._base import Producer, replace
from producers._dbapi import captured, ending, endings

_SYSTEMS = {
    "MySQLdb": "mysql",
    "clickhouse_connect": "clickhouse",
    "clickhouse_driver": "clickhouse",
    "cx_Oracle": "oracle",
    "ibm_db_dbi": "db2",
    "oracledb": "oracle",
    "pg8000": "postgresql",
    "prestodb": "presto",
    "pyhive": "hive",
    "pymssql": "mssql",
    "pymysql": "mysql",
    "redshift_connector": "redshift",
    "teradatasql": "teradata",
    "vertica_python": "vertica",
}
"""What the modules of drivers are for, where their names do not say so."""

_TRANSACTIONAL = frozenset(
    ["db2", "mssql", "mysql", "oracle", "postgresql", "redshift", "sqlite", "teradata", "vertica"]
)
_HOSTS = ("host", "server", "hostname", "server_hostname")
_DATABASES = ("database", "db", "dbname", "catalog")
_FIXED = 1 << 8
"""The flag of types that take no attributes (Py_TPFLAGS_IMMUTABLETYPE)."""


def source_of(module: str, told: Callable[[tuple[str, ...]], Any]) -> Source:
    """Return what is known of a connection; `told` gives what it was opened with under one of some names."""
    top = module.partition(".")[0]
    system = _SYSTEMS.get(top, top)
    host, port, database = told(_HOSTS), told(("port",)), told(_DATABASES)
    namespace = None
    if isinstance(host, str) and host:
        with guard("naming a database"):
            place = f"[{host}]" if ":" in host else host
            namespace, _ = database_namespace(f"{system}://{place}{f':{port}' if port else ''}")
    return Source(
        system,
        module,
        db_name=_text(database),
        db_host=host if isinstance(host, str) else None,
        dialect=dialect_of(system),
        namespace=namespace,
    )


def _text(value: object) -> str | None:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return text if isinstance(text, str) and text else None


class _Session:
    """What is known of one connection."""

    __slots__ = ("module", "source", "transactions")

    def __init__(self, module: ModuleType, source: Source) -> None:
        self.module = module
        self.source = source
        self.transactions = Transactions()


class DBAPIProducer(Producer):
    """Captures the queries of the modules that it is given; there is no `everywhere`."""

    name = "dbapi"
    minimum = "2.0"

    def __init__(self) -> None:
        super().__init__()
        self._hooked: set[tuple[Any, str]] = set()

    def hook(self, undo: ExitStack) -> None:
        """Hook nothing yet: a module is hooked as it is given, a class as it is met."""
        undo.callback(self._hooked.clear)

    def install(self, target: Any = None) -> None:
        """Instrument a module of the DB-API, given as itself or by its name.

        Raises InstrumentError where it is none, is too old, or its types take no hooks.
        """
        if target is None:
            raise InstrumentError(self.name, "give a module of the DB-API, or its name, such as 'pymysql'")
        module = self.subject(target)
        super().install(module)
        if isinstance(module.connect, type):
            self.hook_connection(module.connect, module)
        else:
            self._put(module, "connect", partial(_connecting, module))

    def subject(self, target: Any) -> Any:
        """Return the module; raises InstrumentError for what is none after the DB-API."""
        module = target
        if isinstance(target, str):
            try:
                module = import_module(target)
            except ImportError as error:
                raise InstrumentError(target, f"it cannot be imported: {error}") from error
        if not isinstance(module, ModuleType):
            what = type(module).__name__
            raise InstrumentError(self.name, f"give a module of the DB-API, or its name, not {what}")
        level = getattr(module, "apilevel", None)
        if not callable(getattr(module, "connect", None)) or not isinstance(level, str):
            raise InstrumentError(module.__name__, "it is no module of the DB-API: no connect and apilevel")
        if level < self.minimum:
            raise InstrumentError(module.__name__, f"its DB-API {level} is too old, 2.0 is needed")
        for name in ("Connection", "Cursor"):
            kind = getattr(module, name, None)
            if isinstance(kind, type) and kind.__flags__ & _FIXED:
                raise InstrumentError(module.__name__, f"its {name} is made in C and takes no hooks")
        return module

    def version(self) -> str:
        """Return the level of the DB-API."""
        return "2.0"

    def hook_connection(self, kind: type, module: ModuleType) -> None:
        """Hook the class of a module's connections, once."""
        self._put_method(kind, "cursor", partial(_making_cursors, module))
        for name, ended in _ENDINGS.items():
            self._put_method(kind, name, partial(ending, ended=ended))

    def hook_cursor(self, kind: type) -> None:
        """Hook the class of a cursor, once."""
        for name, text in _TEXTS.items():
            self._put_method(kind, name, partial(_captured, text))

    def _put_method(self, kind: type, name: str, hooked: Callable[[Any], Callable[..., Any]]) -> None:
        for holder in kind.__mro__:
            if name in vars(holder):
                self._put(holder, name, hooked)
                return

    def _put(self, holder: Any, name: str, hooked: Callable[[Any], Callable[..., Any]]) -> None:
        if (holder, name) in self._hooked:
            return
        with self._lock:
            if self._undo is None or (holder, name) in self._hooked:
                return
            self._hooked.add((holder, name))
            try:
                replace(holder, name, hooked(vars(holder)[name]), self._undo)
            except TypeError:  # a type made in C
                what = f"{holder.__module__}.{holder.__qualname__}"
                logger.warning("Not instrumented: %s.%s takes no hook", what, name)


PRODUCER = DBAPIProducer()

_sources: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()
"""By connection, and by cursor: not every driver lets a cursor be asked for its connection."""

_BEGINNING = guard("beginning a database query")
_CONNECTING = guard("hooking a database connection")


def _connecting(module: ModuleType, connect: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(connect)
    def call(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        with _CONNECTING:
            if PRODUCER.watches(module):
                PRODUCER.hook_connection(type(connection), module)
                given = inspect.signature(connect).bind(*args, **kwargs)
                arguments = {**given.arguments, **given.arguments.get("kwargs", {})}
                _note(connection, module, arguments)
        return connection

    return call


def _note(connection: Any, module: ModuleType, arguments: dict[str, Any]) -> _Session:
    known_by_itself = getattr(connection, "__dict__", {})

    def told(names: tuple[str, ...]) -> Any:
        known = (arguments.get(name, known_by_itself.get(name)) for name in names)
        return next((value for value in known if isinstance(value, str | bytes | int) and value), None)

    session = _sources[connection] = _Session(module, source_of(module.__name__, told))
    return session


def _making_cursors(module: ModuleType, cursor: Callable[..., Any]) -> Callable[..., Any]:
    by_class = isinstance(module.connect, type)

    @wraps(cursor)
    def call(connection: Any, /, *args: Any, **kwargs: Any) -> Any:
        made = cursor(connection, *args, **kwargs)
        with _CONNECTING:
            session = _sources.get(connection)
            if session is None and by_class and PRODUCER.watches(module):
                session = _note(connection, module, {})
            if session is not None:
                PRODUCER.hook_cursor(type(made))
                _sources[made] = session
                _connections[made] = ref(connection)
        return made

    return call


_connections: WeakKeyDictionary[Any, ref[Any]] = WeakKeyDictionary()


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return args[0] if args else next(iter(kwargs.values()), None)


def _procedure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return f"CALL {_first(args, kwargs)}()"


_TEXTS = {"execute": _first, "executemany": _first, "callproc": _procedure}


def _captured(text: Callable[..., object], method: Callable[..., Any]) -> Callable[..., Any]:
    def begin(cursor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Query:
        begun = UNRECORDED
        with _BEGINNING:
            session = _sources.get(cursor)
            if session is None or not PRODUCER.watches(session.module):
                return UNRECORDED
            frame = sys._getframe(1)
            begun = begin_query(text(args, kwargs), session.source, frame=frame)
            begun.enter(frame)
        return begun

    return captured(method, begin, _standing)


def _standing(cursor: Any) -> tuple[Transactions, bool | None]:
    """Return a connection's transactions, and whether it is in one, as far as the driver says by itself.

    Properties may ask the server (`autocommit` and `database` of MySQL's own driver do): attributes alone are
    read, and the property that drivers answer from what the server told with its last result.
    """
    session = _sources[cursor]
    connection = _connections[cursor]()
    status = getattr(connection, "__dict__", {}).get("server_status")  # of PyMySQL
    if isinstance(status, int):
        return session.transactions, bool(status & 1)
    for name in ("in_transaction", "_in_transaction"):
        if isinstance(inside := getattr(connection, name, None), bool):
            return session.transactions, inside
    return session.transactions, True if _begins_by_itself(session, connection) else None


def _begins_by_itself(session: _Session, connection: Any) -> bool:
    """Whether a statement begins a transaction, as PEP 249 has it: warehouses commit each by itself."""
    if session.source.db_system not in _TRANSACTIONAL:
        return False
    if session.module.__name__ == "MySQLdb":  # where it is no question to the server
        return not connection.get_autocommit()
    return getattr(connection, "__dict__", {}).get("autocommit") is not True


def _transactions_of(connection: Any) -> Transactions | None:
    session = _sources.get(connection)
    return session.transactions if session is not None else None


_ENDINGS = endings(_transactions_of)
