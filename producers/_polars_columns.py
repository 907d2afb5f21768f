"""What the columns of a frame are made from, and the expressions of polars as such.

An expression is a tree of nodes as polars' own view of its plans has them (`NodeTraverser`); of one that the
view does not show nothing is known, and nothing of the column that it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lineage.datasets import Dataset

DIRECT, INDIRECT = "DIRECT", "INDIRECT"
IDENTITY, TRANSFORMATION, AGGREGATION = "IDENTITY", "TRANSFORMATION", "AGGREGATION"


class Source(NamedTuple):
    """A column that another is made from, and how: a type and subtype of OpenLineage's."""

    dataset: tuple[str, str]
    column: str
    type: str = DIRECT
    subtype: str = IDENTITY

    def changed(self, subtype: str) -> Source:
        """Return it as used once more: of a value that stays what it is, an aggregate, a computation."""
        if self.type == INDIRECT or _WEIGHT[subtype] <= _WEIGHT[self.subtype]:
            return self
        return self._replace(subtype=subtype)

    def deciding(self, subtype: str) -> Source:
        """Return it as what decides rather than what is shown."""
        return self if self.type == INDIRECT else self._replace(type=INDIRECT, subtype=subtype)


_WEIGHT = {IDENTITY: 0, TRANSFORMATION: 1, AGGREGATION: 2}

Sources = frozenset[Source] | None
"""What one column is made from; None where that is not known."""


@dataclass(slots=True)
class Origin:
    """What a frame is made from.

    `columns` are those of the frame by name, `rows` what decides about its rows. `whole` says that it is made
    of nothing besides `inputs`: no frame of the program's whose own origin is not known.
    """

    columns: dict[str, Sources]
    rows: frozenset[Source] = frozenset()
    inputs: dict[tuple[str, str], Dataset] = field(default_factory=dict)
    whole: bool = True
    decided: bool = True
    """Whether all that decides about the rows is known."""

    @property
    def known(self) -> bool:
        """Whether it is known of every column what it is made from."""
        return self.whole and self.decided and None not in self.columns.values()


def of_dataset(dataset: Dataset, columns: Iterable[str]) -> Origin:
    """Return the origin of a frame as it was read."""
    name = dataset.namespace, dataset.name
    return Origin({each: frozenset([Source(name, each)]) for each in columns}, inputs={name: dataset})


def unknown(columns: Iterable[str]) -> Origin:
    """Return the origin of a frame of which none is known."""
    return Origin(dict.fromkeys(columns), whole=False)


class UnknownExpressionError(Exception):
    """Nothing is known of an expression."""


View = Callable[[int], Any]
"""Gives the node of an expression by its number."""

_MOST_NODES = 10_000


class Expressions:
    """Reads the expressions of a plan; of too large a plan they are unknown."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._left = _MOST_NODES

    def sources(self, node: int, columns: Mapping[str, Sources]) -> Sources:
        """Return what an expression over these columns is made from."""
        try:
            return self._of(node, columns, 0)
        except (UnknownExpressionError, NotImplementedError, AttributeError):
            return None

    def _of(self, node: int, columns: Mapping[str, Sources], depth: int) -> frozenset[Source]:
        self._left -= 1
        if self._left < 0 or depth > 200:
            raise UnknownExpressionError
        seen = self._view(node)
        kind = type(seen).__name__

        def each(*numbers: int) -> Iterable[Source]:
            for number in numbers:
                yield from self._of(number, columns, depth + 1)

        if kind == "Column":
            known = columns.get(seen.name)
            if known is None:
                raise UnknownExpressionError
            return known
        if kind not in _KINDS:
            raise UnknownExpressionError
        return frozenset(_KINDS[kind](seen, each))


Each = Callable[..., Iterable[Source]]
"""Gives the sources of the expressions of these numbers."""


def _computed(*names: str, subtype: str = TRANSFORMATION) -> Callable[[Any, Each], Iterable[Source]]:
    """Return what makes a value of what these attributes of a node name."""
    return lambda seen, each: changed(each(*_numbers(seen, names)), subtype)


def _decided(value: str, *by: str, subtype: str) -> Callable[[Any, Each], Iterable[Source]]:
    """Return what takes the values of one attribute as they are, and has others decide which."""
    return lambda seen, each: [*each(getattr(seen, value)), *deciding(each(*_numbers(seen, by)), subtype)]


def _conditional(seen: Any, each: Each) -> Iterable[Source]:
    values = changed(each(seen.truthy, seen.falsy), TRANSFORMATION)
    return [*values, *deciding(each(seen.predicate), "CONDITIONAL")]


def _windowed(*over: str) -> Callable[[Any, Each], Iterable[Source]]:
    def made(seen: Any, each: Each) -> Iterable[Source]:
        values = changed(each(seen.function), TRANSFORMATION)
        return [*values, *deciding(each(*_numbers(seen, over)), "WINDOW")]

    return made


def _numbers(seen: Any, names: Iterable[str]) -> Iterable[int]:
    for name in names:
        value = getattr(seen, name)
        yield from value if isinstance(value, list | tuple) else () if value is None else (value,)


_KINDS: dict[str, Callable[[Any, Each], Iterable[Source]]] = {
    **dict.fromkeys(("Literal", "Len"), lambda seen, each: ()),
    "Alias": lambda seen, each: each(seen.expr),
    "BinaryExpr": _computed("left", "right"),
    **dict.fromkeys(("Cast", "Sort", "Explode"), _computed("expr")),
    "Agg": _computed("arguments", subtype=AGGREGATION),
    "Function": _computed("input"),
    "Ternary": _conditional,
    "Filter": _decided("input", "by", subtype="FILTER"),
    "SortBy": _decided("expr", "by", subtype="SORT"),
    "Gather": _decided("expr", "idx", subtype="FILTER"),
    "Slice": _decided("input", "offset", "length", subtype="FILTER"),
    "Window": _windowed("partition_by", "order_by"),
    "Rolling": _windowed("index_column"),
}
"""By the kind of a node: what its value is made from."""


def changed(sources: Iterable[Source], subtype: str) -> Iterable[Source]:
    """Return sources as used in a computation or an aggregate."""
    return [source.changed(subtype) for source in sources]


def deciding(sources: Iterable[Source], subtype: str) -> Iterable[Source]:
    """Return sources as what decides."""
    return [source.deciding(subtype) for source in sources]
