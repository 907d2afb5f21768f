"""The functions of one module: which calls of theirs read or write data, and which of these are tracked."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from lineage.provenance.untracked.calls import DataCall, data_call
from lineage.provenance.untracked.names import (
    Scope,
    dotted,
    imports_of,
    parts,
    scope_of,
    statements,
    whole_name,
)

MODULE = "<module>"
"""What stands outside of all functions."""

TASKS = {
    "airflow": ("airflow.decorators.task", "airflow.sdk.task", "airflow.sdk.asset"),
    "celery": ("celery.shared_task",),
    "dagster": (
        "dagster.asset",
        "dagster.multi_asset",
        "dagster.op",
        "dagster.graph_asset",
        "dagster.graph_multi_asset",
    ),
    "prefect": ("prefect.flow", "prefect.task"),
}
"""By integration: the decorators of the functions that it tracks."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Function:
    """A function that reads or writes data; `untracked` are the calls that no run sees, by line."""

    name: str
    line: int
    untracked: tuple[DataCall, ...]
    tracked: int


@dataclass(frozen=True, slots=True)
class ModuleCode:
    """What a module has: functions that read or write data, and the integrations that it installs."""

    functions: tuple[Function, ...]
    instruments: frozenset[str]


@dataclass(eq=False, slots=True)
class _Unit:
    """A function, or what stands outside of all; `scopes` are those of its body, `uses` where it is named."""

    name: str
    line: int
    scopes: list[Scope]
    parent: _Unit | None = None
    own: dict[str, _Unit] = field(default_factory=dict)
    class_: _Class | None = None
    is_tracked: bool = False
    calls: list[tuple[DataCall, bool]] = field(default_factory=list)
    uses: list[tuple[_Unit, bool]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Class:
    name: str
    bases: list[str]
    methods: dict[str, _Unit] = field(default_factory=dict)


def read_module(source: bytes, instruments: Collection[str] = ()) -> ModuleCode:
    """Return what the source of a module has; `instruments` are integrations that the program is run with.

    Raises SyntaxError or ValueError where it is no Python of this version, RecursionError or MemoryError
    where it is nested too deeply.
    """
    tree = ast.parse(source)
    reading = _Reading(tree, frozenset(instruments))
    reading.read()
    return ModuleCode(tuple(_functions(reading.units)), frozenset(reading.installed))


def _functions(units: Sequence[_Unit]) -> Iterable[Function]:
    """Yield the functions with calls; one that only tracked code uses is tracked itself."""
    tracked = {unit for unit in units if unit.is_tracked}
    more = True
    while more:
        reached = {unit for unit in units if unit not in tracked and _is_reached(unit, tracked)}
        tracked |= reached
        more = bool(reached)
    for unit in units:
        if unit.calls:
            seen = [call for call, inside in unit.calls if not inside and unit not in tracked]
            yield Function(unit.name, unit.line, tuple(seen), len(unit.calls) - len(seen))


def _is_reached(unit: _Unit, tracked: Collection[_Unit]) -> bool:
    uses = [(user, inside) for user, inside in unit.uses if user is not unit]
    return bool(uses) and all(inside or user in tracked for user, inside in uses)


class _Reading:
    """Goes through a tree once for what there is, and once for what it calls and uses."""

    def __init__(self, tree: ast.Module, instruments: frozenset[str]) -> None:
        self.tree = tree
        self.instruments = instruments
        self.imported: set[str] = set()
        self.module = _Unit(MODULE, 1, [scope_of(tree.body)])
        self.units = [self.module]
        self.installed: set[str] = set()
        self._by_node: dict[ast.AST, _Unit] = {}
        self._classes: dict[str, _Class] = {}

    def read(self) -> None:
        self._declare(self.tree.body, self.module, None)
        for node in self.tree.body:
            self._visit(node, self.module, False)

    def _declare(self, body: Iterable[ast.AST], unit: _Unit, class_: _Class | None) -> None:
        """Make a unit of every function, wherever it is defined."""
        for node in statements(body):
            if isinstance(node, _Function):
                self._declare_function(node, unit, class_)
            elif isinstance(node, ast.ClassDef):
                bases = [words[-1] for base in node.bases if (words := dotted(base)) is not None]
                inner = self._classes[node.name] = _Class(node.name, bases)
                self._declare(node.body, unit, inner)
            else:
                self.imported |= imports_of(node)

    def _declare_function(self, node: _Function, unit: _Unit, class_: _Class | None) -> None:
        outer = class_.name if class_ is not None else None if unit is self.module else unit.name
        made = _Unit(
            node.name if outer is None else f"{outer}.{node.name}",
            node.lineno,
            [*unit.scopes, scope_of(node.body, node.args)],
            unit,
            class_=class_ or unit.class_,
            is_tracked=any(self._tracks(each, unit.scopes) for each in node.decorator_list),
        )
        (unit.own if class_ is None else class_.methods)[node.name] = made
        self.units.append(made)
        self._by_node[node] = made
        self._declare(node.body, made, None)

    def _tracks(self, decorator: ast.expr, scopes: Sequence[Scope]) -> bool:
        """Tell whether a decorator makes a run of what it decorates."""
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = whole_name(callee, scopes)
        if _is_ours(name, "track_lineage"):
            return True
        active = self.instruments & TASKS.keys()
        if "celery" in active and isinstance(callee, ast.Attribute) and callee.attr == "task":
            return any(module.startswith("celery") for module in self.imported)
        return name is not None and any(
            name == task or name.startswith(f"{task}.") for library in active for task in TASKS[library]
        )

    def _visit(self, node: ast.AST, unit: _Unit, inside: bool) -> None:
        """Note what a node calls and uses; `inside` tells whether it stands in a tracked block."""
        if isinstance(node, _Function):
            around: list[ast.AST] = [*node.decorator_list, *node.args.defaults]
            around += [each for each in node.args.kw_defaults if each is not None]
            self._visit_all(around, unit, inside)
            self._visit_all(node.body, self._by_node[node], False)
        elif isinstance(node, ast.With | ast.AsyncWith):
            opens = any(self._opens_run(item.context_expr, unit) for item in node.items)
            self._visit_all(node.items, unit, inside)
            self._visit_all(node.body, unit, inside or opens)
        else:
            if isinstance(node, ast.Call):
                self._note_call(node, unit, inside)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                self._note_use(node, unit, inside)
            self._visit_all(parts(node), unit, inside)

    def _visit_all(self, nodes: Iterable[ast.AST], unit: _Unit, inside: bool) -> None:
        for node in nodes:
            self._visit(node, unit, inside)

    def _opens_run(self, node: ast.expr, unit: _Unit) -> bool:
        return isinstance(node, ast.Call) and _is_ours(whole_name(node.func, unit.scopes), "track_run")

    def _note_call(self, node: ast.Call, unit: _Unit, inside: bool) -> None:
        name = whole_name(node.func, unit.scopes)
        found = data_call(node, name, self.imported)
        if found is not None:
            unit.calls.append((found, inside))
        if _is_ours(name, "configure") or name == "producers.install":
            self.installed |= _instruments_in(node)
        wraps = node.func.func if isinstance(node.func, ast.Call) else node.func
        if _is_ours(whole_name(wraps, unit.scopes), "track_lineage"):
            for argument in node.args:
                if (made := self._unit_of(argument, unit)) is not None:
                    made.is_tracked = True
        # A stack closes its runs at the end of the function: what comes before is not told apart.
        is_stack = isinstance(node.func, ast.Attribute) and node.func.attr.startswith("enter_")
        if is_stack and unit is not self.module and any(self._opens_run(each, unit) for each in node.args):
            unit.is_tracked = True

    def _note_use(self, node: ast.Name | ast.Attribute, unit: _Unit, inside: bool) -> None:
        made = self._unit_of(node, unit)
        if made is not None:
            made.uses.append((unit, inside))

    def _unit_of(self, node: ast.expr, unit: _Unit) -> _Unit | None:
        """Return the function of this module that an expression names."""
        if isinstance(node, ast.Name):
            at: _Unit | None = unit
            while at is not None:
                if node.id in at.own:
                    return at.own[node.id]
                at = at.parent
            return None
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return None
        holder = node.value.id
        class_ = unit.class_ if holder in ("self", "cls") else self._classes.get(holder)
        return self._method(class_, node.attr, set())

    def _method(self, class_: _Class | None, name: str, seen: set[str]) -> _Unit | None:
        if class_ is None or class_.name in seen:
            return None
        if name in class_.methods:
            return class_.methods[name]
        seen.add(class_.name)
        bases = (self._method(self._classes.get(base), name, seen) for base in class_.bases)
        return next((found for found in bases if found is not None), None)


def _is_ours(name: str | None, word: str) -> bool:
    """Tell whether the whole name of a function is that of one of ours."""
    return name is not None and name.partition(".")[0] == "lineage" and name.rpartition(".")[2] == word


def _instruments_in(call: ast.Call) -> set[str]:
    """Return the integrations that a call of `configure` or `producers.install` names."""
    told: list[ast.expr] = [keyword.value for keyword in call.keywords if keyword.arg == "instruments"]
    if not told and isinstance(call.func, ast.Attribute | ast.Name):
        told = call.args[:1]
    parts = [
        part for each in told for part in (each.elts if isinstance(each, ast.List | ast.Tuple) else [each])
    ]
    return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
