"""What is known of a statement before its columns are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lineage.sql.queries import Queries
from lineage.sql.relations import Flow, Output, Rest
from lineage.sql.results import Table
from lineage.sql.sources import table_relation


@dataclass(frozen=True, slots=True)
class Written:
    """Columns written to a table, None for the result of a bare query; `rows` decides about its rows."""

    table: Table | None
    columns: Sequence[Output | Rest]
    rows: Flow
    doubt: str | None = None


def copied(source: Table, target: Table | None) -> Callable[[Queries], Iterable[Written]]:
    """Return the columns of a target that takes all of a source's as they are."""

    def columns(queries: Queries) -> Iterable[Written]:
        if target is not None:
            yield Written(target, table_relation([source], queries.catalog).columns, Flow())

    return columns


@dataclass
class Plan:
    """A statement's tables, found first so that they outlive a fault in the columns, and the work for those.

    `creates` says that the target has the columns written and no others, or those in `defines`; `temporary`
    that the target does not outlive its session; `opaque` says why the statement was not understood.
    """

    kind: str
    inputs: list[Table] = field(default_factory=list)
    outputs: list[Table] = field(default_factory=list)
    columns: Callable[[Queries], Iterable[Written]] = lambda queries: ()
    creates: bool = False
    temporary: bool = False
    defines: Sequence[str] = ()
    opaque: str | None = None
