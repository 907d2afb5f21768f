"""How long each temporary table of a script lives, and under which names.

A table is temporary that is declared so, or that the script both makes and drops. A table that the script
fills and then renames is known by its new name from the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lineage.sql.results import StatementLineage, Table

MAKING = frozenset(
    {"CREATE TABLE", "CREATE TABLE AS", "CREATE VIEW", "SELECT INTO", "CACHE TABLE", "DECLARE"}
)
"""Kinds of statements that make their last output anew."""

RENAME, SWAP = "ALTER TABLE RENAME", "ALTER TABLE SWAP"
DROPS = frozenset({"DROP TABLE", "DROP VIEW"})
Spans = dict[str, list[tuple[int, int]]]


def table_key(table: Table) -> str:
    """Return what the names of two tables are compared by."""
    return table.name.casefold()


def temporary_tables(statements: Sequence[StatementLineage]) -> Spans:
    """Return from where to where in the script, as numbers of statements, each name is a temporary table."""
    lives = _Lives()
    for number, statement in enumerate(statements):
        if statement.kind in DROPS:
            for table in statement.outputs:
                lives.drop(table_key(table), number)
        elif statement.kind == RENAME and statement.inputs and statement.outputs:
            lives.rename(table_key(statement.inputs[0]), table_key(statement.outputs[0]), number)
        elif statement.kind == SWAP:
            for table in statement.outputs:
                lives.make(table_key(table), number)
        elif statement.kind in MAKING:
            for table in statement.outputs[-1:]:
                lives.make(table_key(table), number)
        for table in statement.temporary:
            lives.declare(table_key(table), number)
    return lives.ended(len(statements))


@dataclass
class _Life:
    """From where a table of a script is known by which names, and whether it is declared temporary."""

    names: list[tuple[str, int]]
    declared: bool = False

    def spans(self, end: int) -> Iterator[tuple[str, tuple[int, int]]]:
        ends = [start - 1 for _, start in self.names[1:]]
        for (name, start), last in zip(self.names, [*ends, end], strict=True):
            yield name, (start, last)


class _Lives:
    def __init__(self) -> None:
        self._alive: dict[str, _Life] = {}
        self._dropped: dict[str, int] = {}  # before it is made: a script that cleans up behind an earlier one
        self._spans: Spans = {}

    def make(self, name: str, number: int) -> None:
        self._alive.setdefault(name, _Life([(name, self._dropped.pop(name, number))]))

    def declare(self, name: str, number: int) -> None:
        self.make(name, number)
        self._alive[name].declared = True

    def rename(self, old: str, new: str, number: int) -> None:
        life = self._alive.pop(old, None)
        if life is None:
            self.make(new, number)
        else:
            life.names.append((new, number))
            self._alive[new] = life

    def drop(self, name: str, number: int) -> None:
        life = self._alive.pop(name, None)
        if life is None:
            self._dropped[name] = number
        else:
            self._end(life, number)

    def ended(self, last: int) -> Spans:
        for life in self._alive.values():
            if life.declared:
                self._end(life, last)
        return self._spans

    def _end(self, life: _Life, number: int) -> None:
        for name, span in life.spans(number):
            self._spans.setdefault(name, []).append(span)
