"""How PostgreSQL finds what a question asks for."""

from __future__ import annotations

from typing import Any

import psycopg

from graph.records import Direction, EdgeKind
from graph.store import LineageStore, _reading


def test_a_look_up_never_reads_a_whole_table(
    postgresql_store: LineageStore, other: psycopg.Connection[Any]
) -> None:
    """However many keys are asked for, and whatever the planner thinks of the recursion."""
    other.execute(
        "INSERT INTO edge SELECT 1, i % 20000, i % 20000 + i % 7 + 1, i, 0, 0"
        " FROM generate_series(1, 100000) AS i;"
        " ANALYZE edge"
    )
    plans: list[str] = []
    db = postgresql_store._db  # type: ignore[attr-defined]

    class Explaining:
        def execute(self, sql: str, values: Any) -> Any:
            plans.append("\n".join(line for (line,) in db.execute("EXPLAIN " + sql, values)))
            return db.execute(sql, values)

    kind, explaining = EdgeKind.FEEDS, Explaining()
    for direction in Direction:
        for keys in ([19_990], list(range(19_000, 19_999))):
            assert _reading.closure(explaining, keys, kind, direction)  # type: ignore[arg-type]
            assert _reading.incident(explaining, keys, kind, direction)  # type: ignore[arg-type]
    assert len(plans) == 8
    for plan in plans:
        assert "Scan using edge_" in plan or "Index Scan on edge_" in plan
        assert "Seq Scan on edge" not in plan, plan
