"""Which dataset a table of a SQL text is: settled by what the statement and its event say, or left open.

In this order: the statement's own namespace, database and default schema; the one dataset of the event whose
name ends with the table's; the event's other datasets in a database whose naming we know, for the parts
that all of them share. What that does not settle stays without an edge: a guess would join two tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from lineage.datasets import normalise, parse_dataset
from lineage.datasets.platforms import platform_of
from lineage.errors import InvalidNameError
from lineage.sql.dialects import dialect_of
from lineage.sql.results import Table

Name = tuple[str, str]
"""Namespace and name of a dataset."""

_DUCKDB_LEVELS = 3
_UPPER_CASE = frozenset({"snowflake", "oracle", "db2"})


@dataclass(frozen=True, slots=True)
class Context:
    """Where a statement ran, as far as it is known, and the datasets its event lists."""

    datasets: tuple[Name, ...]
    namespace: str | None = None
    database: str | None = None
    default_schema: str | None = None
    dialect: str | None = None

    def known_dialect(self) -> str | None:
        """Return the statement's dialect, else that of the one kind of database it can have run on."""
        if self.dialect:
            return dialect_of(self.dialect)
        namespaces = [self.namespace] if self.namespace else [namespace for namespace, _ in self.datasets]
        dialects = {dialect for namespace in namespaces if (dialect := dialect_of(namespace))}
        return dialects.pop() if len(dialects) == 1 else None


def settle(tables: Iterable[Table], context: Context) -> dict[str, Name]:
    """Return the datasets of these tables by table name; a table that nothing settles is left out."""
    tables = list(tables)
    settled: dict[str, Name] = {}
    for table in tables:
        if table.is_path:
            found = _path(table, context)
        else:
            found = _by_statement(table, context) or _by_ending(table.name, context)
        if found is not None:
            settled[table.name] = found
    namespace = _database(context)
    schemas = _searched(tables, settled, namespace)
    for table in tables:
        if table.name not in settled and not table.is_path:
            found = (
                _by_siblings(table, namespace, context, schemas) if namespace else _as_written(table, context)
            )
            if found is not None:
                settled[table.name] = found
    return {name: normalise(*found) for name, found in settled.items()}


def _database(context: Context) -> str | None:
    """Return the namespace of the one database that the statement can have run on."""
    given = [context.namespace] if context.namespace else [namespace for namespace, _ in context.datasets]
    namespaces = {namespace for namespace in given if _is_database(namespace)}
    return namespaces.pop() if len(namespaces) == 1 else None


def _is_database(namespace: str) -> bool:
    platform = platform_of(namespace.partition("://")[0])
    return platform is not None and platform.kind in {"database", "embedded"}


def _path(table: Table, context: Context) -> Name | None:
    """Name a file: one with a scheme or an absolute path by itself, another only by the event's datasets."""
    text = table.name
    if urlsplit(text).scheme or text.startswith("/"):
        try:
            dataset = parse_dataset(text)
        except InvalidNameError:
            return None
        return dataset.namespace, dataset.name
    # A relative path means something in the folder of the program that ran it, which is not known here.
    relative = text.removeprefix("./")
    return _only(name for name in context.datasets if name[1] == relative or name[1].endswith(f"/{relative}"))


def _by_statement(table: Table, context: Context) -> Name | None:
    if context.namespace is None:
        return None
    missing = _missing_parts(context.namespace, table)
    if missing is None:
        return None
    given = [context.database, context.default_schema]
    if missing + len(table.parts) == 2:
        # Where databases and schemas are the same thing, either word names it.
        given = [context.database or context.default_schema]
    prefix = given[:missing]
    if len(prefix) < missing or not all(prefix):
        return None
    parts = _in_case(table.parts, context.namespace, [tuple(filter(None, given))])
    return context.namespace, ".".join(part for part in (*prefix, *parts) if part)


def _as_written(table: Table, context: Context) -> Name | None:
    """Name a table in a namespace that the statement gives and whose rules we do not know."""
    if context.namespace is None:
        return None
    given = [part for part in (context.database, context.default_schema) if part]
    prefix = given[: max(0, 1 + len(given) - len(table.parts))]
    return context.namespace, ".".join((*prefix, *table.parts))


def _by_ending(name: str, context: Context) -> Name | None:
    """Return the one dataset of the event whose name ends so; case counts only to tell two apart."""
    datasets = [one for one in context.datasets if context.namespace in (None, one[0])]
    exact = {one for one in datasets if one[1] == name or one[1].endswith(f".{name}")}
    if exact:
        return _only(exact)
    folded = name.casefold()
    return _only(
        one for one in datasets if one[1].casefold() == folded or one[1].casefold().endswith(f".{folded}")
    )


def _by_siblings(
    table: Table, namespace: str, context: Context, schemas: Sequence[tuple[str, ...]]
) -> Name | None:
    siblings = [tuple(name.split(".")) for ns, name in context.datasets if ns == namespace]
    missing = _missing_parts(namespace, table)
    if missing is None:
        return None
    full = [parts for parts in siblings if len(parts) == missing + len(table.parts)]
    prefixes = {parts[:missing] for parts in full} if missing == 1 else set(schemas)
    if missing and len(prefixes) != 1:
        return None
    prefix = prefixes.pop() if missing else ()
    return namespace, ".".join((*prefix, *_in_case(table.parts, namespace, full)))


def _searched(
    tables: Iterable[Table], settled: dict[str, Name], namespace: str | None
) -> list[tuple[str, ...]]:
    """Return where other tables written without a schema were found: the schemas the text searches."""
    found = set()
    for table in tables:
        place = settled.get(table.name)
        if place is not None and place[0] == namespace and len(table.parts) == 1 and not table.is_path:
            found.add(tuple(place[1].split(".")[:-1]))
    return sorted(found)


def _missing_parts(namespace: str, table: Table) -> int | None:
    """Return how many parts the name lacks to be full there; None when that cannot be told."""
    platform = platform_of(namespace.partition("://")[0])
    if platform is None or not _is_database(namespace):
        return None
    if platform.scheme == "sqlite":
        return 0 if len(table.parts) <= 2 else None
    missing = (platform.levels or _DUCKDB_LEVELS) - len(table.parts)
    return missing if missing >= 0 else None


def _in_case(parts: tuple[str, ...], namespace: str, siblings: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return names without quotes in the case that the platform stores them in, as the siblings show.

    What the connection says of the database and the schema it is in shows it too.
    """
    upper = namespace.partition("://")[0] in _UPPER_CASE
    if upper and any(siblings) and all(part.isupper() for sibling in siblings for part in sibling):
        return tuple(part.upper() if part.islower() else part for part in parts)
    return parts


def _only(names: Iterable[Name]) -> Name | None:
    found = set(names)
    return found.pop() if len(found) == 1 else None
