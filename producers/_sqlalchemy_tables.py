"""The columns of tables that SQLAlchemy has as objects: told with texts that say `*`, on the same engine.

Known are tables of statements that an engine has compiled, DDL included, and such as were reflected from it.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any
from weakref import WeakKeyDictionary, ref

from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.schema import Table
from sqlalchemy.sql import visitors

from lineage._guard import guard
from lineage.attribution import KnownTable

MAX_TABLES = 2_000
"""Of one engine; further ones are not known."""

_STAR = re.compile(r"(?:select|distinct|all|,|\.)\s*\*", re.IGNORECASE)
_REFLECTING = guard("noting a reflected table")


class _Tables:
    """The tables of one engine: what was compiled is looked at when a text asks for it."""

    __slots__ = ("columns", "compiled")

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, None]] = {}
        self.compiled: deque[ref[Any]] = deque(maxlen=MAX_TABLES)

    def learn(self) -> None:
        while self.compiled:
            compiled = self.compiled.popleft()()
            for table in _named(compiled.statement) if compiled is not None else ():
                if table.fullname in self.columns or len(self.columns) < MAX_TABLES:
                    self.columns[str(table.fullname)] = {str(column.name): None for column in table.columns}


_known: WeakKeyDictionary[Any, _Tables] = WeakKeyDictionary()


def _of(dialect: Any) -> _Tables:
    found = _known.get(dialect)
    return found if found is not None else _known.setdefault(dialect, _Tables())


def _named(statement: Any) -> list[Table]:
    element = getattr(statement, "element", None)  # of a CREATE TABLE
    if isinstance(element, Table):
        return [element]
    return [one for one in visitors.iterate(statement) if isinstance(one, Table)]


def tables_of(statement: str, context: Any) -> tuple[KnownTable, ...]:
    """Return the tables whose columns a statement leaves out; remember those of a newly compiled one."""
    compiled = context.compiled
    if compiled is not None and context.cache_hit is not CacheStats.CACHE_HIT:
        _of(context.dialect).compiled.append(ref(compiled))
    if "*" not in statement or _STAR.search(statement) is None:
        return ()
    tables = _of(context.dialect)
    tables.learn()
    words = set(re.findall(r"\w+", statement.casefold()))
    return tuple(
        KnownTable(name, tuple(columns))
        for name, columns in list(tables.columns.items())
        if columns and words.issuperset(re.findall(r"\w+", name.casefold())[-1:])
    )


def reflected(inspector: Any, table: Table, column: Any) -> None:
    """Remember a column that was read from the database; a listener to `column_reflect`."""
    with _REFLECTING:
        columns = _of(inspector.dialect).columns
        if table.fullname in columns or len(columns) < MAX_TABLES:
            columns.setdefault(str(table.fullname), {})[str(column["name"])] = None
