"""One way of running SQL: what a database offers the store, and SQL that is written once for every engine.

The SQL of the store is written in a neutral text, which `translate` turns into that of an engine:

- `?` and `:name` stand for values;
- `each_key(?) AS k` and `each_text(:names) AS k` are tables with one column, `value`, made of a list of
  integers or texts; the list is passed as a Python list;
- `least(a, b)` and `greatest(a, b)`;
- `CROSS JOIN t AS x ON ...` looks up, for each row so far, the rows of t by an index;
- columns of the row that is there already are qualified in ON CONFLICT ... DO UPDATE.

Integers have 64 bits (`CAST(... AS BIGINT)` makes one of a sum), booleans are integers 0 and 1, texts compare
by their bytes in UTF-8, and a text holds neither a NUL nor a lone surrogate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from graph.store.full_text import FullText

Values = Sequence[Any] | Mapping[str, Any]
Row = tuple[Any, ...]


class Rows(Protocol):
    """What a statement gave: its rows, or how many rows it changed."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""

    def fetchone(self) -> Any:
        """Return the next row, None when there is none."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A connection to a database with the tables of a store, for one thread.

    What the engine raises leaves `execute`, `executemany` and `stream` as it is; `errors` makes a StoreError
    of it that says what to do.
    """

    full_text: FullText
    """How the engine searches words."""

    def execute(self, sql: str, values: Values = ()) -> Rows:
        """Run one statement. Outside of `transaction` it only reads."""

    def executemany(self, sql: str, rows: Iterable[Values]) -> int:
        """Run one statement for each of the rows and return how many rows it changed in all.

        An engine may run it for all of them at once: no two of them change the same row in different ways.
        """

    def stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        """Yield the rows of a long answer as they were when it began; other statements may run meanwhile."""

    def transaction(self) -> AbstractContextManager[None]:
        """Run the block as one transaction that writes; other writers wait, an exception undoes all of it."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Have all that the block reads be of one moment, whatever others write; nothing is written in it."""

    def errors(self) -> AbstractContextManager[None]:
        """Turn what the engine raises in the block into StoreError with what to do about it."""

    def set_patience(self, seconds: float) -> None:
        """Have writes wait so long for other writers."""

    def size(self) -> int:
        """Return how many bytes the tables and indexes of the store take."""

    def close(self) -> None:
        """Give back the connection."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine writes what the neutral text has words for."""

    mark: str
    """A value by its position."""

    name: Callable[[str], str]
    """A value by its name."""

    table_of: Callable[[str, str], str]
    """A table made of a list: of "key" or "text", and of the mark or name of the list."""

    words: Mapping[str, str]
    """Words that the engine has others for: `least`, `greatest`, `%`."""

    lookup: Callable[[str, str, str], str] | None = None
    """A join that looks up: of the table, its alias and the condition. None: CROSS JOIN ... ON is one."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as an engine takes it, and which of its values are lists, by position or name."""

    text: str
    lists: tuple[Any, ...]


_NEUTRAL = re.compile(
    r"""
    (?P<kept> '(?:[^']|'')*' | --[^\n]* | :: )
    | \beach_(?P<of>key|text)\( \s* (?: (?P<listed>\?) | :(?P<list_name>\w+) ) \s* \) (?=\s+AS\b)
    | (?P<mark> \? )
    | :(?P<name> [a-z_]\w* )
    | (?P<word> \b(?:least|greatest)(?=\() | % )
    """,
    re.VERBOSE,
)


def translate(sql: str, dialect: Dialect) -> Statement:
    """Return the statement in the words of an engine."""
    if dialect.lookup is not None:
        sql = _with_lookups(sql, dialect.lookup)
    lists: list[int | str] = []
    marks = 0

    def rewritten(found: re.Match[str]) -> str:
        nonlocal marks
        if found["mark"] or found["listed"]:
            marks += 1
        if found["of"]:
            name = found["list_name"]
            lists.append(name or marks - 1)
            return dialect.table_of(found["of"], dialect.name(name) if name else dialect.mark)
        if found["mark"]:
            return dialect.mark
        if found["name"]:
            return dialect.name(found["name"])
        if found["word"]:
            return dialect.words.get(found["word"], found["word"])
        kept = found["kept"]
        return kept.replace("%", dialect.words.get("%", "%"))

    return Statement(_NEUTRAL.sub(rewritten, sql), tuple(dict.fromkeys(lists)))


_LOOKUP = re.compile(r"\bCROSS JOIN (\w+) AS (\w+) ON ")
_END_OF_CONDITION = re.compile(r"[()]|\b(?:CROSS|JOIN|LEFT|WHERE|GROUP|ORDER|UNION|LIMIT)\b")


def _with_lookups(sql: str, lookup: Callable[[str, str, str], str]) -> str:
    while found := _LOOKUP.search(sql):
        end = _end_of_condition(sql, found.end())
        condition = sql[found.end() : end].rstrip()
        sql = f"{sql[: found.start()]}{lookup(found[1], found[2], condition)} {sql[end:]}"
    return sql


def _end_of_condition(sql: str, start: int) -> int:
    depth = 0
    for found in _END_OF_CONDITION.finditer(sql, start):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth < 0 or (depth == 0 and found[0] not in "()"):
            return found.start()
    return len(sql)
