"""Columns that a query names and its lineage does not: an ORDER BY, a subquery's column that nobody asks for.

No value of theirs gets anywhere, yet the query fails when they are gone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from lineage.sql import StatementLineage

_WORD = re.compile(
    r"""'(?:[^']|'')*'|"(?P<a>[^"]+)"|`(?P<b>[^`]+)`|\[(?P<c>[^\[\]]+)\]|(?P<d>[^\W\d][\w$]*+)"""
)
_NAMES = (
    re.compile(r"""(?<![\w$])([^\W\d][\w$]*+)["`\]]?\s*+\."""),
    re.compile(r"""\bas\s++["`\[]?([^\W\d][\w$]*+)""", re.IGNORECASE),
    re.compile(r"""(?<![\w$])([^\W\d][\w$]*+)["`\]]?\s++as\s*+\(""", re.IGNORECASE),
)
_BEHIND = re.compile(r"\s*([.(]?)")

_GRAMMAR = """
    select distinct all top from where group by having order limit offset fetch first next row rows
    only percent as on using join inner left right full outer cross natural lateral union intersect
    except minus with recursive and or not in is null like ilike rlike regexp similar escape between
    exists any some case when then else end true false unknown asc desc nulls last over partition
    range groups unbounded preceding following current window filter within cast try_cast interval
    extract at time zone timestamp date datetime timestamptz int integer bigint smallint tinyint
    numeric decimal float double precision real text varchar char character string boolean bool json
    jsonb uuid bytea blob binary varying array for update share of nowait skip locked values qualify
    tablesample current_date current_time current_timestamp localtime localtimestamp year month day
    hour minute second week quarter epoch ties collate default materialized
"""
_KEYWORDS = frozenset(_GRAMMAR.split())


def mentioned(statement: StatementLineage) -> set[str]:
    """Return the words of a query, folded, that may be columns and that its lineage does not tell of."""
    told = _told(statement)
    tables = {table.parts[-1].casefold() for table in statement.inputs}
    found, before = set(), ""
    for match in _WORD.finditer(statement.text):
        word = next((part for part in match.groups() if part is not None), None)
        if word is None:
            continue
        behind = _BEHIND.match(statement.text, match.end())
        is_name = behind is not None and behind[1] != ""  # of a table, an alias or a function
        folded = word.casefold()
        quoted = match["d"] is None
        if (
            not is_name
            and before != "as"
            and before not in tables
            and folded not in told
            and (quoted or folded not in _KEYWORDS)
        ):
            found.add(folded)
        before = folded
    return found - _aliases(statement)


def _told(statement: StatementLineage) -> set[str]:
    tables = [part for table in (*statement.inputs, *statement.temporary) for part in table.parts]
    columns = [edges.output.column for edges in statement.columns]
    columns += [source.column for edges in statement.columns for source in (*edges.inputs, *edges.indirect)]
    return {name.casefold() for name in (*tables, *columns)}


def _aliases(statement: StatementLineage) -> set[str]:
    """Return the words that stand before a dot somewhere, or behind AS: names of tables and of results."""
    named = [word for pattern in _NAMES for word in pattern.findall(statement.text)]
    return {name.casefold() for name in named}


def mentioned_columns(words: Collection[str], columns: Iterable[str]) -> list[str]:
    """Return the columns that are among the words, as the table spells them."""
    return [column for column in columns if column.casefold() in words]
