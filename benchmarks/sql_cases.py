"""How much of recorded SQL lineage `lineage.sql.extract` reproduces.

The cases and their scorer are reference material that lies beside some checkouts:

    python ../shared/sql-cases/score.py benchmarks.sql_cases:lineage

Two answers, because OpenLineage and the recorded suites mean different things by a column's sources.
`direct` gives what OpenLineage calls DIRECT: the columns a value is made of. The recorded suites know no
INDIRECT; they list every column that stands in the output's expression, so also the condition of a CASE
and the keys of a window, which for OpenLineage are INDIRECT. `lineage` gives these too. Neither gives what
decides about rows alone (JOIN, FILTER, GROUP_BY, SORT): no suite lists it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lineage.sql import ColumnEdges, Source, extract

Answer = dict[str, Any]
"""`{"inputs": [table], "outputs": [table], "columns": [[table, column, [[table, column], ...]], ...]}`"""

Schema = Mapping[str, Mapping[str, str]]

_IN_EXPRESSIONS = frozenset({"CONDITIONAL", "WINDOW"})


def lineage(sql: str, dialect: str | None, schema: Schema) -> Answer:
    """Return tables and the columns that stand in each output's expression.

    Raises ValueError where no statement was understood.
    """
    return _answer(sql, dialect, schema, _IN_EXPRESSIONS)


def direct(sql: str, dialect: str | None, schema: Schema) -> Answer:
    """Return tables and DIRECT column sources; raises ValueError as `lineage` does."""
    return _answer(sql, dialect, schema, frozenset())


def _answer(sql: str, dialect: str | None, schema: Schema, also: frozenset[str]) -> Answer:
    result = extract(sql, dialect=dialect, schema=schema, apart=True)
    if result.problems and all(statement.kind == "UNKNOWN" for statement in result.statements):
        raise ValueError("; ".join(result.problems))

    def sources(edges: ColumnEdges) -> list[Source]:
        return [*edges.inputs, *(source for source in edges.indirect if source.subtype in also)]

    return {
        "inputs": [table.name for table in result.inputs],
        "outputs": [table.name for table in result.outputs],
        "columns": [
            [edges.output.table, edges.output.column, [[s.table, s.column] for s in sources(edges)]]
            for edges in result.columns
        ],
    }


def main(quick: bool) -> None:
    """Score the cases, where they are."""
    root = Path(__file__).resolve().parent.parent
    scorer = root.parent / "shared" / "sql-cases" / "score.py"
    if not scorer.is_file():
        print("the recorded cases are not here (../shared/sql-cases)")
        return
    for function in ("lineage",) if quick else ("lineage", "direct"):
        command = [sys.executable, str(scorer), f"benchmarks.sql_cases:{function}"]
        subprocess.run(command, cwd=root, check=True)
