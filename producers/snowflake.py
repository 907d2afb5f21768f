"""Queries of snowflake-connector-python: cursors of every class, and what they submit without waiting.

Hooks the cursor classes, so cursors that are there already are seen. One query per call of `execute`,
`executemany`, `execute_async` and `callproc`, however many statements a call makes; `execute_string` and
`write_pandas` make several calls. `execute_async` submits: its time is that of the submission, it says so in
the attribute `asynchronous`, and it claims what it wrote once its result or its status shows that it was
done. What the connector does by itself (COMMIT, ROLLBACK, settings) is no query.

The history of queries is not asked: it is joined later, by the query's id.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from lineage.attribution.transactions import Work
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from lineage.redaction import shape_sql
from producers._base import Producer, argument, missing, module_version, replace
from producers._dbapi import ending, endings, finish, settle, starred

try:
    from snowflake import connector as snowflake
    from snowflake.connector.cursor import DictCursor, SnowflakeCursor
except ImportError as error:
    raise missing("snowflake-connector-python", "snowflake", error) from error

Connection = snowflake.SnowflakeConnection

MAX_SUBMITTED = 1_000
"""Queries of one connection whose results may still be asked for; of more the oldest claim nothing."""

_LIBRARY = "snowflake.connector"
_OWN = frozenset(
    [
        "autocommit",
        "commit",
        "rollback",
        "set_autocommit",
        "set_client_prefetch_threads",
        "snowflake_version",
        "wait_until_ready",
    ]
)
"""The functions of the connector that execute what nobody asked for."""

_COUNTED = re.compile(r"(?:select|with|values|insert|update|delete|merge|show|desc|describe|list|ls)\b")
"""Statements whose number of rows is one of rows: that of others is of messages, as of a CREATE TABLE AS."""

_COMMITTING = re.compile(r"(?:create|alter|drop|undrop|truncate|comment|grant|revoke)\b(?! session)")
"""Statements that commit the transaction they are executed in."""

_BEGINNING = guard("beginning a Snowflake query")
_ENDING = guard("ending a Snowflake query")
_SETTING = guard("noting a connection's autocommit")
_SETTLING = guard("noting how a submitted Snowflake query ended")


def source_of(account: str, host: str | None, database: str | None, schema: str | None) -> Source:
    """Return what is known of a connection: where it leads, and which names complete those of its tables."""
    namespace = None
    with guard("naming a database"):
        found = _ACCOUNT.fullmatch(host or "")
        namespace, _ = database_namespace(f"snowflake://{found[1] if found else account}")
    return Source(
        "snowflake",
        "snowflake-connector-python",
        db_name=database or None,
        db_host=host or None,
        dialect="snowflake",
        namespace=namespace,
        default_schema=schema or None,
    )


_ACCOUNT = re.compile(r"(.+?)(?:\.privatelink)?\.snowflakecomputing\.(?:com|cn)", re.IGNORECASE)


class SnowflakeProducer(Producer):
    """Captures the queries of all connections, or of some."""

    name = "snowflake"
    minimum = "3.12.4"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods of the cursor classes that run statements, and what ends their transactions."""
        for kind in cursor_classes():
            for name, text in _TEXTS.items():
                if name in vars(kind):
                    replace(kind, name, _captured(vars(kind)[name], text), undo)
            if "query_result" in vars(kind):
                replace(kind, "query_result", _asking_for_result(vars(kind)["query_result"]), undo)
        for name, ended in _ENDINGS.items():
            if name in vars(Connection):
                replace(Connection, name, ending(vars(Connection)[name], ended), undo)
        replace(Connection, "autocommit", _setting_autocommit(vars(Connection)["autocommit"]), undo)
        for name in ("get_query_status", "get_query_status_throw_if_error"):
            replace(Connection, name, _asking_for_status(vars(Connection)[name]), undo)

    def subject(self, target: Any) -> Any:
        """Return the connection itself."""
        if not isinstance(target, Connection):
            raise InstrumentError(self.name, f"give a connection, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the connector's version."""
        return module_version(snowflake)


PRODUCER = SnowflakeProducer()


def cursor_classes() -> list[type]:
    """Return the connector's own classes that cursors are made of."""
    kinds = dict.fromkeys(kind for cursor in (SnowflakeCursor, DictCursor) for kind in cursor.__mro__)
    return [kind for kind in kinds if kind.__module__.startswith(_LIBRARY)]


class _Session:
    """What is known of one connection."""

    __slots__ = ("autocommit", "place", "source", "submitted", "transactions")

    def __init__(self) -> None:
        self.autocommit: bool | None = None
        self.place: tuple[Any, ...] | None = None
        self.source = _UNKNOWN
        self.transactions = Transactions()
        self.submitted: OrderedDict[str, Work] = OrderedDict()


_UNKNOWN = Source("snowflake", "snowflake-connector-python", dialect="snowflake")
_sources: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()


def _setting_autocommit(method: Callable[..., Any]) -> Callable[..., Any]:
    """Note what a connection is set to: older ones keep what they were opened with."""

    @wraps(method)
    def autocommit(connection: Any, mode: Any) -> Any:
        result = method(connection, mode)
        with _SETTING:
            _session(connection).autocommit = mode
        return result

    return autocommit


def _session(connection: Any) -> _Session:
    session = _sources.get(connection)
    return session if session is not None else _sources.setdefault(connection, _Session())


def _source(connection: Any) -> Source:
    """Return what a connection's queries are told with: USE changes it, and the connector knows."""
    session = _session(connection)
    place = tuple(_known(connection, name) for name in ("account", "host", "database", "schema"))
    if session.place != place:
        session.source, session.place = source_of(*place), place
    return session.source


def _known(connection: Any, name: str) -> Any:
    """Return what the connector knows; its own properties count who asks them and report that home."""
    info = vars(connection).get("_connection_info")
    return info[name] if info is not None else getattr(connection, name)


def _result(cursor: Any) -> Any:
    """Return what has the row count and the id of the latest query: newer cursors keep them apart."""
    return vars(cursor).get("_query_result") or cursor


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return args[0] if args else kwargs.get("command", kwargs.get("operation"))


def _procedure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return f"CALL {args[0] if args else kwargs['procname']}()"


_TEXTS = {"execute": _first, "executemany": _first, "execute_async": _first, "callproc": _procedure}


def _is_own(frame: FrameType) -> bool:
    """Whether it is the connector that executes something by itself, seen from its frame."""
    return frame.f_code.co_name in _OWN and str(frame.f_globals.get("__name__")).startswith(_LIBRARY)


def _captured(method: Callable[..., Any], text: Callable[..., object]) -> Callable[..., Any]:
    """Return a cursor's method with a query around each of its calls."""
    submits = method.__name__ == "execute_async"

    @wraps(method)
    def call(cursor: Any, /, *args: Any, **kwargs: Any) -> Any:
        query, asynchronous = UNRECORDED, submits
        with _BEGINNING:
            asynchronous = submits or bool(kwargs.get("_exec_async"))
            if _is_own(sys._getframe(1)):
                return _done_by_itself(method, cursor, args, kwargs)
            if not kwargs.get("_describe_only"):
                query = _begin(cursor, text, args, kwargs)
        try:
            result = method(cursor, *args, **kwargs)
        except BaseException as error:
            _end(query, cursor, error, asynchronous=asynchronous)
            raise
        _end(query, cursor, None, asynchronous=asynchronous)
        return result

    return call


def _begin(cursor: Any, text: Callable[..., object], args: Any, kwargs: Any) -> Query:
    """Begin the query of a call of a cursor's method, open while our caller runs."""
    connection = cursor._connection
    if not PRODUCER.everywhere and not PRODUCER.watches(connection):
        return UNRECORDED
    frame = sys._getframe(1)
    begun = begin_query(text(args, kwargs), _source(connection), frame=frame)
    begun.enter(frame)
    return begun


def _end(query: Query, cursor: Any, error: BaseException | None, *, asynchronous: bool) -> None:
    """End a query with what its cursor knows of it. Never raises."""
    if query is UNRECORDED:
        return
    told: Any = None
    with _ENDING:
        result = _result(cursor)
        identity = getattr(error, "sfqid", None) if error is not None else result.sfqid
        query.set(query_id=identity, attributes={"snowflake.query_id": identity} if identity else None)
        if asynchronous:
            query.set(attributes={"asynchronous": True})
            if error is None and identity:
                _submitted(query, cursor, identity)
        elif _COUNTED.match(_shape(query)):
            told = result
        if error is None and not asynchronous:
            query.tables = starred(query, _columns(result))
    if query.transaction is None:
        settle(query, partial(_standing, query), cursor, error)
    finish(query, told, error)


def _columns(result: Any) -> list[str]:
    """Return the names of a result's columns, without asking the cursor, which would report it home."""
    known = vars(result) if hasattr(result, "__dict__") else {}
    described = known.get("_description") or getattr(result, "description_v2", None) or ()
    return [column.name for column in described]


def _shape(query: Query) -> str:
    return shape_sql(query.text, dialect="snowflake")[0] or ""


def _standing(query: Query, cursor: Any) -> tuple[Transactions, bool | None]:
    """Return a connection's transactions, and whether it is in one: without autocommit it always is."""
    connection = cursor._connection
    session = _session(connection)
    if _COMMITTING.match(_shape(query)):
        return session.transactions, False
    autocommit = connection._autocommit if session.autocommit is None else session.autocommit
    return session.transactions, True if autocommit is False else None


def _submitted(query: Query, cursor: Any, identity: str) -> None:
    session = _session(cursor._connection)
    query.transaction = session.submitted[identity] = Work()
    if len(session.submitted) > MAX_SUBMITTED:
        session.submitted.popitem(last=False)


def _settle(connection: Any, identity: Any, stands: bool) -> None:
    """Note how a query ended that was submitted here."""
    session = _sources.get(connection)
    work = session.submitted.pop(str(identity), None) if session is not None else None
    if work is not None:
        work.outcome = stands


_SCANNED = re.compile(r"select \* from table\(result_scan\('([^']+)'\)\)")


def _done_by_itself(method: Callable[..., Any], cursor: Any, args: Any, kwargs: Any) -> Any:
    """Execute what the connector asks by itself: the results of a submitted query, for one."""
    result = method(cursor, *args, **kwargs)
    with _SETTLING:
        found = _SCANNED.fullmatch(str(_first(args, kwargs)))
        if found is not None:
            _settle(cursor._connection, found[1], True)
    return result


def _asking_for_result(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(cursor: Any, /, *args: Any, **kwargs: Any) -> Any:
        found = method(cursor, *args, **kwargs)
        with _SETTLING:
            _settle(cursor._connection, argument(args, kwargs, 0, "qid"), True)
        return found

    return call


def _asking_for_status(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(connection: Any, /, *args: Any, **kwargs: Any) -> Any:
        status = method(connection, *args, **kwargs)
        with _SETTLING:
            identity = argument(args, kwargs, 0, "sf_qid")
            if status.name == "SUCCESS":
                _settle(connection, identity, True)
            elif Connection.is_an_error(status):
                _settle(connection, identity, False)
        return status

    return call


def _transactions_of(connection: Any) -> Transactions | None:
    session = _sources.get(connection)
    return session.transactions if session is not None else None


_ENDINGS = endings(_transactions_of)
