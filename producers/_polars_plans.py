"""What a lazy frame of polars reads and writes, and what its columns are made from: its plan, walked.

The plan is the one that polars shows to engines beside its own (`NodeTraverser`), as it was written: no step
of it is optimised away. It is asked for when a query is done: polars knows the schemas of all files by then
and reads none again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars

from lineage.datasets import Dataset
from producers._frames import Schema, schema_of
from producers._polars_columns import (
    TRANSFORMATION,
    Expressions,
    Origin,
    Source,
    Sources,
    changed,
    deciding,
    unknown,
)

Scanned = Callable[[list[str], dict[str, Any]], Origin]
"""Gives the origin of a scan of these paths, with the columns and types that it gives."""

Held = Callable[[list[Any]], list[Origin]]
"""Gives the origins of the frames in memory of a plan, in their order."""

_MOST_NODES = 5_000


class Plan:
    """A plan that is walked: `origin` is that of its result, `targets` are the paths that it writes to."""

    def __init__(self, lazy: Any, scanned: Scanned, held: Held) -> None:
        """Raises polars' exceptions for a plan that cannot be made, ValueError for one too large."""
        bare = lazy._ldf.with_optimizations(polars.QueryOptFlags.none()._pyoptflags)
        self._view = bare.visit()
        self._expressions = Expressions(self._view.view_expression)
        self._scanned = scanned
        self.targets: list[str] = []
        self.schema: Schema = None
        order = self._order(self._view.get_node())
        self._frames = self._held(order, held)
        origins: dict[int, Origin] = {}
        for node, inputs in order:
            self._view.set_node(node)
            origins[node] = self._checked([origins[each] for each in inputs], inputs, node)
        self.origin = origins[order[-1][0]]

    def _order(self, root: int) -> list[tuple[int, list[int]]]:
        """Return all nodes with their inputs, each behind its inputs, and the leaves from left to right."""
        found: list[tuple[int, list[int]]] = []
        waiting = [root]
        while waiting:
            node = waiting.pop()
            self._view.set_node(node)
            inputs = list(self._view.get_inputs())
            found.append((node, inputs))
            waiting += inputs
            if len(found) > _MOST_NODES:
                raise ValueError("a plan of too many nodes")
        done: dict[int, list[int]] = {}
        for node, inputs in reversed(found):
            done.setdefault(node, inputs)
        return list(done.items())

    def _held(self, order: Iterable[tuple[int, list[int]]], held: Held) -> dict[int, Origin]:
        leaves = {}
        for node, inputs in order:
            if not inputs:
                self._view.set_node(node)
                try:
                    seen = self._view.view_current_node()
                except (NotImplementedError, ValueError):
                    continue
                if type(seen).__name__ == "DataFrameScan":
                    leaves[node] = polars.DataFrame._from_pydf(seen.df)
        return dict(zip(leaves, held(list(leaves.values())), strict=True))

    def _checked(self, inputs: list[Origin], numbers: list[int], node: int) -> Origin:
        schema = self._view.get_schema()
        names = list(schema)
        try:
            seen = self._view.view_current_node()
        except (NotImplementedError, ValueError):
            return _opaque(names, inputs)
        if type(seen).__name__ == "Sink":  # without columns of its own
            self.targets += _targets(str(seen.payload))
            return inputs[0]
        self.schema = schema_of(schema.items())
        if type(seen).__name__ == "DataFrameScan":
            return _only(self._frames[node], names)
        if type(seen).__name__ == "Scan":
            return self._read(seen, schema)
        made = self._made(seen, names, inputs, numbers)
        return _only(made, names) if made is not None else _opaque(names, inputs)

    def _read(self, seen: Any, schema: dict[str, Any]) -> Origin:
        options = seen.file_options
        given = [(options.row_index or (None,))[0], getattr(options, "include_file_paths", None)]
        own = {name: type_ for name, type_ in schema.items() if name not in given}
        origin = self._scanned(list(seen.paths), own)
        columns = {name: origin.columns[name] if name in own else frozenset() for name in schema}
        return self._filtered(_with(origin, columns), seen.predicate, "FILTER")

    def _made(self, seen: Any, names: list[str], inputs: list[Origin], numbers: list[int]) -> Origin | None:
        kind = type(seen).__name__
        if kind == "MapFunction":
            return self._function(seen.function, names, inputs[0] if inputs else None)
        if kind == "Join":
            left, right = (inputs[numbers.index(each)] for each in (seen.input_left, seen.input_right))
            return self._joined(seen, names, left, right)
        if kind in ("Union", "MergeSorted"):
            return _one_after_another(inputs)
        if kind == "HConcat":
            return _side_by_side(inputs)
        return self._changed(kind, seen, names, inputs[0]) if len(inputs) == 1 else None

    def _changed(self, kind: str, seen: Any, names: list[str], before: Origin) -> Origin | None:
        """Return the origin of what one step makes of one frame; None where the step is not known."""
        if kind in ("SimpleProjection", "Slice", "Cache"):
            return before
        if kind == "Filter":
            return self._filtered(before, seen.predicate, "FILTER")
        if kind == "Sort":
            return self._deciding(before, seen.by_column, "SORT")
        if kind in ("Select", "Reduce", "HStack"):
            made = self._columns(seen.expr if kind == "Select" else seen.exprs, before.columns)
            return _with(before, {**before.columns, **made} if kind == "HStack" else made)
        if kind == "GroupBy":
            return self._grouped(seen, names, before)
        if kind == "Distinct":
            subset = seen.options[1] or ()
            return _deciding_all(before, [before.columns.get(name) for name in subset], "GROUP_BY")
        return None

    def _columns(self, exprs: Iterable[Any], columns: Mapping[str, Sources]) -> dict[str, Sources]:
        return {each.output_name: self._expressions.sources(each.node, columns) for each in exprs}

    def _filtered(self, origin: Origin, predicate: Any, subtype: str) -> Origin:
        return self._deciding(origin, [predicate] if predicate is not None else [], subtype)

    def _deciding(self, origin: Origin, exprs: Iterable[Any], subtype: str) -> Origin:
        sources = [self._expressions.sources(each.node, origin.columns) for each in exprs]
        return _deciding_all(origin, sources, subtype)

    def _grouped(self, seen: Any, names: list[str], before: Origin) -> Origin:
        keys = self._columns(seen.keys, before.columns)
        made = {**keys, **self._columns(seen.aggs, before.columns)}
        over = [each for each in (seen.options.dynamic, seen.options.rolling) if each is not None]
        for options in over:  # time windows: their column, and its boundaries where they are wanted
            index = before.columns.get(options.index_column)
            keys[options.index_column] = index
            moved = None if index is None else frozenset(changed(index, TRANSFORMATION))
            made.update({name: moved for name in names if name not in made})
        grouped = _with(before, made)
        return _deciding_all(grouped, keys.values(), "GROUP_BY")

    def _joined(self, seen: Any, names: list[str], left: Origin, right: Origin) -> Origin | None:
        how, _, _, suffix, coalesce, *_ = seen.options
        how = (how[0] if isinstance(how, tuple) else how).lower()
        if not isinstance(suffix, str) or not isinstance(coalesce, bool) or how not in _JOINS:
            return None
        on_left = [self._expressions.sources(each.node, left.columns) for each in seen.left_on]
        on_right = [self._expressions.sources(each.node, right.columns) for each in seen.right_on]
        keys = {each.output_name for each in seen.left_on} if coalesce else set()
        pairs = {a.output_name: b.output_name for a, b in zip(seen.left_on, seen.right_on, strict=False)}
        made: dict[str, Sources] = {}
        for name in names:
            if name in left.columns and not (how == "right" and name in keys and name in right.columns):
                made[name] = left.columns[name]
                if how == "full" and name in keys:
                    made[name] = _both(made[name], right.columns.get(pairs[name]))
            else:
                made[name] = right.columns.get(name, right.columns.get(name.removesuffix(suffix)))
        joined = Origin(made, left.rows | right.rows, {**left.inputs, **right.inputs})
        joined.whole, joined.decided = left.whole and right.whole, left.decided and right.decided
        joined = _deciding_all(joined, [*on_left, *on_right, *self._by(how, seen, left, right)], "JOIN")
        if (predicate := getattr(seen, "predicate", None)) is not None:
            return self._filtered(joined, predicate, "JOIN")
        return joined

    def _by(self, how: str, seen: Any, left: Origin, right: Origin) -> Iterable[Sources]:
        if how != "asof" or not isinstance(seen.options[0], tuple):
            return ()
        lists = [each for each in seen.options[0] if isinstance(each, list)]
        sides = (left, right) if len(lists) == 2 else ()
        return [side.columns.get(name) for side, by in zip(sides, lists, strict=False) for name in by]

    def _function(self, function: Any, names: list[str], before: Origin | None) -> Origin | None:
        kind = function[0]
        if kind == "fast_count":
            scan = self._scanned(list(function[1]), {})
            return _with(scan, dict.fromkeys(names, frozenset()))
        if before is None:
            return None
        if kind in ("rechunk", "hint_sorted"):
            return before
        columns = dict(before.columns)
        if kind == "row_index":
            return _with(before, {**columns, function[1]: frozenset()})
        if kind == "rename":
            moved = dict(zip(function[1], function[2], strict=True))
            return _with(before, {moved.get(name, name): made for name, made in columns.items()})
        if kind == "explode":
            return _with(before, {**columns, **{name: _moved(columns.get(name)) for name in function[1]}})
        if kind == "unnest" and len(function[1]) == 1:
            struct = _moved(columns.pop(function[1][0], None))
            return _with(before, {name: columns.get(name, struct) for name in names})
        if kind == "unpivot":
            return _with(before, _unpivoted(function, columns))
        return None


_JOINS = frozenset(["inner", "left", "right", "full", "semi", "anti", "cross", "asof", "iejoin"])


def _unpivoted(function: Any, columns: dict[str, Sources]) -> dict[str, Sources]:
    _, index, on, variable, value = function[:5]
    values: Sources = frozenset()
    for name in on or [name for name in columns if name not in index]:
        values = _both(values, _moved(columns.get(name)))
    kept = {name: columns.get(name) for name in index}
    return {**kept, variable or "variable": frozenset(), value or "value": values}


def _moved(sources: Sources) -> Sources:
    return None if sources is None else frozenset(changed(sources, TRANSFORMATION))


def _both(one: Sources, other: Sources) -> Sources:
    return None if one is None or other is None else one | other


def _with(before: Origin, columns: dict[str, Sources]) -> Origin:
    return Origin(columns, before.rows, before.inputs, before.whole, before.decided)


def _only(origin: Origin, names: Iterable[str]) -> Origin:
    return _with(origin, {name: origin.columns.get(name) for name in names})


def _opaque(names: Iterable[str], inputs: Iterable[Origin]) -> Origin:
    """Return the origin of what is made in a way that is not known, and of what is read in one."""
    made = _one_after_another(list(inputs)) or unknown(names)
    return Origin(dict.fromkeys(names), made.rows, made.inputs, made.whole, decided=False)


def _deciding_all(origin: Origin, sources: Iterable[Sources], subtype: str) -> Origin:
    made = _with(origin, origin.columns)
    for each in sources:
        if each is None:
            made.decided = False
        else:
            made.rows = made.rows | frozenset(deciding(each, subtype))
    return made


def _one_after_another(inputs: list[Origin]) -> Origin | None:
    if not inputs:
        return None
    columns: dict[str, Sources] = dict(inputs[0].columns)
    for each in inputs[1:]:
        for name, sources in each.columns.items():
            columns[name] = _both(columns[name], sources) if name in columns else sources
    return _together(columns, inputs)


def _side_by_side(inputs: list[Origin]) -> Origin:
    return _together({name: made for each in inputs for name, made in each.columns.items()}, inputs)


def _together(columns: dict[str, Sources], inputs: list[Origin]) -> Origin:
    rows: frozenset[Source] = frozenset().union(*(each.rows for each in inputs))
    read: dict[tuple[str, str], Dataset] = {}
    for each in inputs:
        read.update(each.inputs)
    whole, decided = all(each.whole for each in inputs), all(each.decided for each in inputs)
    return Origin(columns, rows, read, whole, decided)


def _targets(payload: str) -> list[str]:
    """Return the paths that a sink names: the part of its options that is one, in any version's form."""
    try:
        found = json.loads(payload)
    except ValueError:
        return []
    return list(_paths(found))


def _paths(options: Any) -> Iterable[str]:
    if not isinstance(options, dict):
        return
    for name, value in options.items():
        place = value.get("inner") if isinstance(value, dict) else value
        if name in ("target", "base_path") and isinstance(place, str):
            yield place
        elif isinstance(value, dict):
            yield from _paths(value)
