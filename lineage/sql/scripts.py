"""A script's statements united, and its temporary tables collapsed into what they were made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from lineage.datasets import parse_dataset
from lineage.errors import InvalidNameError
from lineage.sql.collapsing import collapse
from lineage.sql.results import SqlLineage, StatementLineage, Table


def united(
    statements: Sequence[StatementLineage],
    problems: Iterable[str],
    engine: str,
    dialect: str | None,
    default_namespace: str | None = None,
) -> SqlLineage:
    """Return the lineage of a script from that of its statements; their problems follow those given."""
    statements = [_named(statement, default_namespace) for statement in statements]
    problems = list(problems)
    for number, statement in enumerate(statements, 1):
        prefix = f"statement {number}: " if len(statements) > 1 else ""
        problems += [prefix + problem for problem in statement.problems]
    collapsed = collapse(statements)
    return SqlLineage(
        tuple(statements),
        collapsed,
        unique(table for statement in collapsed for table in statement.inputs),
        unique(table for statement in collapsed for table in statement.outputs),
        tuple(edges for statement in collapsed for edges in statement.columns),
        tuple(problems),
        engine,
        dialect,
    )


def unique(tables: Iterable[Table]) -> tuple[Table, ...]:
    """Return each table once, in the order they come first."""
    return tuple(dict.fromkeys(tables))


def _named(statement: StatementLineage, default_namespace: str | None) -> StatementLineage:
    """Return a statement whose tables have their namespaces."""
    tables = (*statement.inputs, *statement.outputs)
    if default_namespace is None and not any(table.is_path for table in tables):
        return statement

    def named(table: Table) -> Table:
        return replace(table, namespace=_path_namespace(table) if table.is_path else default_namespace)

    return replace(
        statement,
        inputs=tuple(named(table) for table in statement.inputs),
        outputs=tuple(named(table) for table in statement.outputs),
        temporary=tuple(named(table) for table in statement.temporary),
    )


def _path_namespace(table: Table) -> str | None:
    """Return a file's own namespace; that of a relative path depends on where the program ran."""
    if not (urlsplit(table.name).scheme or table.name.startswith("/")):
        return None
    try:
        return parse_dataset(table.name).namespace
    except InvalidNameError:
        return None
