"""Made-up SQL with the lineage it has: the maker knows where each column comes from, for it put it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

COLUMNS = ("c0", "c1", "c2", "c3")
TABLES = ("raw.orders", "raw.customers", "shop.items", "stock", "prices")
STEPS = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")

Sources = dict[tuple[str, str], str]
"""Subtypes by table and column."""


@dataclass
class Query:
    """A query, the columns it gives in order, and the tables it reads anywhere."""

    text: str
    columns: list[tuple[str, Sources]]
    tables: set[str]


@dataclass
class Statement:
    """A statement with the tables it reads, the one it writes, and the sources of the columns written."""

    kind: str
    text: str
    inputs: set[str]
    output: str
    columns: dict[str, Sources] = field(default_factory=dict)


def stronger(one: str, other: str) -> str:
    return max(one, other, key=STEPS.index)


def united(*all_sources: Sources, step: str = "IDENTITY") -> Sources:
    """Return the sources of something made of several, each at least as strong as the step taken."""
    found: Sources = {}
    for sources in all_sources:
        for source, subtype in sources.items():
            found[source] = stronger(found.get(source, step), stronger(subtype, step))
    return found


class Maker:
    """Draws queries; names are counted, so that none stands for two things."""

    def __init__(self, draw: Callable[[st.SearchStrategy[object]], object]) -> None:
        self._draw = draw
        self._count = 0

    def pick(self, *choices: object) -> object:
        return self._draw(st.sampled_from(choices))

    def number(self, least: int, most: int) -> int:
        found = self._draw(st.integers(least, most))
        assert isinstance(found, int)
        return found

    def name(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def query(self, depth: int, width: int) -> Query:
        """Return a query that gives so many columns, with fresh names."""
        kind = self.pick("select", "select", "select", "grouped", "union", "with") if depth else "select"
        if kind == "union":
            return self.union(depth, width)
        if kind == "with":
            return self.with_clause(depth, width)
        return self.select(depth, width, grouped=kind == "grouped")

    def union(self, depth: int, width: int) -> Query:
        one, other = self.query(depth - 1, width), self.query(depth - 1, width)
        both = zip(one.columns, other.columns, strict=True)
        arms = [f"SELECT * FROM ({arm.text}) AS {self.name('u')}" for arm in (one, other)]
        return Query(
            " UNION ALL ".join(arms),
            [(name, united(sources, others)) for (name, sources), (_, others) in both],
            one.tables | other.tables,
        )

    def with_clause(self, depth: int, width: int) -> Query:
        name, inner = self.name("w"), self.query(depth - 1, self.number(1, 3))
        outer = self.select(depth - 1, width, grouped=False, first=Query(name, inner.columns, inner.tables))
        return Query(f"WITH {name} AS ({inner.text}) {outer.text}", outer.columns, outer.tables)

    def select(self, depth: int, width: int, *, grouped: bool, first: Query | None = None) -> Query:
        items = [first] if first is not None else []
        items += [self.source(depth) for _ in range(self.number(0 if items else 1, 2))]
        text, seen, tables = "", [], set[str]()
        for item in items:
            alias = self.name("a")
            columns = [(f"{alias}.{name}", sources) for name, sources in item.columns]
            if text:
                join = self.pick("JOIN", "LEFT JOIN", "CROSS JOIN")
                condition = f" ON {self.any_of(seen)[0]} = {self.any_of(columns)[0]}"
                text += f" {join} {item.text} AS {alias}{'' if join == 'CROSS JOIN' else condition}"
            else:
                text = f"{item.text} AS {alias}"
            seen += columns
            tables |= item.tables
        made = [self.expression(seen, depth, tables, plain=grouped) for _ in range(width)]
        named = [(self.name("x"), *expression) for expression in made]
        listed = ", ".join(f"{expression} AS {name}" for name, expression, _ in named)
        where = self.condition(seen, depth, tables)
        if grouped:
            value, sources = self.any_of(seen)
            listed = ", ".join([*(f"{e} AS {n}" for n, e, _ in named[1:]), f"sum({value}) AS {named[0][0]}"])
            keys = ", ".join(e for _, e, _ in named[1:])
            named = [*named[1:], (named[0][0], value, united(sources, step="AGGREGATION"))]
            where += f" GROUP BY {keys}" if keys else ""
        return Query(
            f"SELECT {listed} FROM {text}{where}", [(name, sources) for name, _, sources in named], tables
        )

    def source(self, depth: int) -> Query:
        if depth and self.number(0, 1):
            inner = self.query(depth - 1, self.number(1, 3))
            return Query(f"({inner.text})", inner.columns, inner.tables)
        table = str(self.pick(*TABLES))
        return Query(table, [(name, {(table, name): "IDENTITY"}) for name in COLUMNS], {table})

    def any_of(self, seen: list[tuple[str, Sources]]) -> tuple[str, Sources]:
        return seen[self.number(0, len(seen) - 1)]

    def expression(
        self, seen: list[tuple[str, Sources]], depth: int, tables: set[str], *, plain: bool
    ) -> tuple[str, Sources]:
        """Return a scalar expression over the columns seen, and its DIRECT sources."""
        (one, its), (two, others), (three, _) = (self.any_of(seen) for _ in range(3))
        kinds = ("column", "sum", "call") if plain else ("column", "sum", "call", "case", "rank", "literal")
        kind = self.pick(*kinds, *(("scalar",) if depth and not plain else ()))
        if kind == "column":
            return one, united(its)
        if kind == "scalar":
            inner = self.select(depth - 1, 1, grouped=True)
            tables |= inner.tables
            return f"({inner.text})", inner.columns[0][1]
        if kind == "rank":
            return f"row_number() OVER (PARTITION BY {one} ORDER BY {two} DESC)", {}
        if kind == "literal":
            return str(self.pick("1", "'x'", "NULL")), {}
        both = united(its, others, step="TRANSFORMATION")
        if kind == "case":
            return f"CASE WHEN {three} > 0 THEN {one} ELSE {two} END", both
        return (f"{one} + {two}" if kind == "sum" else f"coalesce({one}, {two})"), both

    def condition(self, seen: list[tuple[str, Sources]], depth: int, tables: set[str]) -> str:
        kind = self.pick("", "", "compare", "exists", "in") if depth else self.pick("", "compare")
        if not kind:
            return ""
        column, _ = self.any_of(seen)
        if kind == "compare":
            return f" WHERE {column} > {self.pick('0', chr(39) + 'x' + chr(39))}"
        inner = self.select(depth - 1, 1, grouped=False)
        tables |= inner.tables
        return f" WHERE {'EXISTS' if kind == 'exists' else column + ' IN'} ({inner.text})"


@st.composite
def statements(draw: Callable[[st.SearchStrategy[object]], object]) -> Statement:
    """Make INSERT, CREATE TABLE AS, CREATE VIEW, MERGE and UPDATE statements."""
    maker = Maker(draw)
    kind = str(maker.pick("insert", "table", "view", "merge", "update"))
    query = maker.query(3, maker.number(2, 3))
    output = f"mart.{kind}_target"
    if kind in ("table", "view"):
        text = f"CREATE {kind.upper()} {output} AS {query.text}"
        return Statement(kind, text, query.tables, output, dict(query.columns))
    targets = [f"k{place}" for place in range(len(query.columns))]
    written = {name: sources for name, (_, sources) in zip(targets, query.columns, strict=True)}
    if kind == "insert":
        text = f"INSERT INTO {output} ({', '.join(targets)}) {query.text}"
        return Statement(kind, text, query.tables, output, written)
    pairs = [(target, f"q.{name}") for target, (name, _) in zip(targets, query.columns, strict=True)]
    if kind == "update":
        changes = ", ".join(f"{target} = {source}" for target, source in pairs)
        text = f"UPDATE {output} SET {changes} FROM ({query.text}) AS q WHERE {output}.k9 = {pairs[0][1]}"
        return Statement(kind, text, query.tables, output, written)
    changes = ", ".join(f"{target} = {source}" for target, source in pairs[1:])
    text = (
        f"MERGE INTO {output} AS t USING ({query.text}) AS q ON t.k0 = {pairs[0][1]} "
        f"WHEN MATCHED THEN UPDATE SET {changes} "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(targets)}) VALUES ({', '.join(s for _, s in pairs)})"
    )
    return Statement(kind, text, query.tables, output, written)
