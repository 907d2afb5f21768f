"""How PostgreSQL finds what a question asks for."""

from __future__ import annotations

from typing import Any

import psycopg

from graph.records import Direction, EdgeKind
from graph.store import LineageStore, _edges


def test_a_look_up_never_reads_a_whole_table(
    postgresql_store: LineageStore, other: psycopg.Connection[Any]
) -> None:
    """However many keys are asked for, and whatever the planner thinks of the recursion."""
    other.execute(
        "INSERT INTO node (number, key, type, namespace, name, named)"
        " SELECT i, 10 * i, 1, 'warehouse', 'table_' || i, 1 FROM generate_series(1, 100000) AS i;"
        "INSERT INTO edge (source, kind, target, owner, transformation, origin)"
        " SELECT 1 + i % 20000, 1, 1 + i % 20000 + i % 7 + 1, i, 0, 0 FROM generate_series(1, 100000) AS i;"
        " ANALYZE edge, node"
    )
    plans: list[str] = []
    db = postgresql_store._db  # type: ignore[attr-defined]

    class Explaining:
        def execute(self, sql: str, values: Any) -> Any:
            plans.append("\n".join(line for (line,) in db.execute("EXPLAIN " + sql, values)))
            return db.execute(sql, values)

    kind, explaining = EdgeKind.FEEDS, Explaining()
    for direction in Direction:
        for numbers in ([19_990], range(19_000, 19_999)):
            keys = [10 * number for number in numbers]
            assert _edges.closure(explaining, keys, kind, direction)  # type: ignore[arg-type]
            assert _edges.incident(explaining, keys, kind, direction)  # type: ignore[arg-type]
    assert len(plans) == 8
    for plan in plans:
        assert "using edge_" in plan or "Index Scan on edge_" in plan, plan
        assert "Seq Scan on edge" not in plan, plan
        assert "Seq Scan on node" not in plan, plan
