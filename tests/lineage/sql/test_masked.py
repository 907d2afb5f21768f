"""The lineage of a statement as the `sql` facet carries it, without its literals, is that of the original."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sql_cases

from lineage.redaction import mask_sql
from lineage.sql import ColumnEdges, SqlLineage, StatementLineage, Table, dialect_of, extract

CASES = sql_cases.all_cases()
CORPORA = ("openlineage", "sqllineage_column", "sqllineage_lateral", "sqllineage_table", "tpch")

PIVOTED = "the values pivoted become the names of columns, and values are what is hidden"

EXCEPTIONS = {
    "tests_copy::parse_pivot_derived_table#1": PIVOTED,
    "bigquery/queries: pivot with two aggregates": PIVOTED,
    "duckdb/queries: a pivot with listed values": PIVOTED,
}
"""Cases whose columns are not the same, and why; their tables are."""

Schema = Mapping[str, Mapping[str, str] | Sequence[str]]
Lineage = dict[str, Any]


def read(sql: str, dialect: str | None, schema: Schema, default_schema: str | None) -> Lineage:
    """Return all that an answer says, the texts of expressions and problems aside."""
    found = extract(sql, dialect=dialect, schema=schema, default_schema=default_schema)
    return {
        "tables": [tables(statement) for statement in (*found.statements, *found.collapsed)],
        "columns": [columns(each.columns) for each in (*found.statements, *found.collapsed, found)],
        "certain": [statement.certain for statement in found.statements],
        "in all": (names(found.inputs), names(found.outputs)),
    }


def tables(statement: StatementLineage | SqlLineage) -> tuple[Any, ...]:
    kind = statement.kind if isinstance(statement, StatementLineage) else ""
    return kind, names(statement.inputs), names(statement.outputs)


def names(tables: Sequence[Table]) -> list[tuple[tuple[str, ...], bool]]:
    return [(table.parts, table.is_path) for table in tables]


def columns(edges: Sequence[ColumnEdges]) -> list[tuple[Any, ...]]:
    return [(column.output, column.inputs, column.indirect) for column in edges]


def differences(
    name: str, sql: str, dialect: str | None, schema: Schema, default_schema: str | None = None
) -> list[str]:
    """Return what masking changes and must not: for an exception, that it changes nothing of the columns."""
    known = dialect_of(dialect) if dialect else None
    written = read(sql, dialect, schema, default_schema)
    masked = read(mask_sql(sql, dialect=known), dialect, schema, default_schema)
    wrong = [
        f"{name}: {what}: {masked[what]}, not {written[what]}"
        for what in written
        if written[what] != masked[what]
    ]
    if name not in EXCEPTIONS:
        return wrong
    if not wrong:
        return [f"{name} has the same lineage now: take it off the list"]
    return [each for each in wrong if not each.startswith(f"{name}: columns: ")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_masked_statement_has_its_lineage(case: sql_cases.Case) -> None:
    found = differences(case.name, case.sql, case.dialect, case.schema, case.default_schema)

    assert found == []


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_masked_recorded_statement_has_its_lineage(shared: Path, corpus: str) -> None:
    text = (shared / "sql-cases" / f"{corpus}.jsonl").read_text(encoding="utf-8")
    recorded = [json.loads(line) for line in text.splitlines() if line.strip()]
    assert len(recorded) > 10

    found = [
        wrong
        for case in recorded
        for wrong in differences(case["id"], case["sql"], case["dialect"], case["schema"])
    ]

    assert found == []


def test_masking_hides_something_in_many_of_these_statements() -> None:
    changed = [case for case in CASES if mask_sql(case.sql, dialect=dialect_of(case.dialect)) != case.sql]

    assert len(changed) > len(CASES) / 4
