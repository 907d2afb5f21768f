"""The columns of tables that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineage.sql.results import Table


class Catalog:
    """Columns by table, found by the dotted name's end, either way round, without regard to case.

    `orders` finds `shop.public.orders` and the reverse. Two tables that fit equally well find nothing
    unless `default_schema` settles it. A file is found by its whole path.
    """

    def __init__(
        self,
        schema: Mapping[str, Sequence[str]] | None = None,
        default_schema: str | None = None,
    ) -> None:
        self._default = f"{default_schema.casefold()}." if default_schema else ""
        self._columns: dict[str, tuple[str, ...]] = {}
        self._by_last_part: dict[str, list[str]] = {}
        for name, columns in (schema or {}).items():
            self._put(name, columns)

    def use(self, default_schema: str | None) -> None:
        """Set another default schema for what follows."""
        self._default = f"{default_schema.casefold()}." if default_schema else ""

    def columns(self, table: Table) -> tuple[str, ...] | None:
        """Return a table's columns in order, or None when they are not known."""
        name = table.name.casefold()
        if name in self._columns or table.is_path:
            return self._columns.get(name)
        if len(table.parts) == 1 and self._default + name in self._columns:
            return self._columns[self._default + name]
        alike = [known for known in self._by_last_part.get(_last_part(name), ()) if _ends_alike(known, name)]
        if len(alike) > 1:
            alike = [known for known in alike if _ends_alike(known, self._default + name)]
        return self._columns[alike[0]] if len(alike) == 1 else None

    def learn(self, table: Table, columns: Sequence[str]) -> None:
        """Take over the columns of a table that a statement has just made."""
        if "*" not in columns:
            self._put(table.name, columns)

    def _put(self, name: str, columns: Sequence[str]) -> None:
        if not columns:
            return
        key = name.casefold()
        if key not in self._columns:
            self._by_last_part.setdefault(_last_part(key), []).append(key)
        self._columns[key] = tuple(columns)


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _ends_alike(one: str, other: str) -> bool:
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")
