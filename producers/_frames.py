"""What a run is told of frames that were read and written: datasets, schemas, rows, columns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lineage.datasets import Dataset, Field
from lineage.errors import InstrumentError
from lineage.tracking import Run
from producers._base import Producer, replace

if TYPE_CHECKING:
    from producers._polars_columns import Origin

MOST_COLUMNS = 5_000
"""Of a frame with more columns no schema is told: they are data, as a pivot makes them."""

Schema = list[Field] | None
Wrapped = Callable[[Any], Callable[..., Any]]


class FrameProducer(Producer):
    """An integration with a library that reads and writes files: all of it or nothing."""

    def subject(self, target: Any) -> Any:
        """Raise InstrumentError: there are no connections to tell apart."""
        raise InstrumentError(self.name, "it is instrumented as a whole: give no target")


def schema_of(columns: Iterable[tuple[Any, Any]]) -> Schema:
    """Return the schema of columns with their types; None for none, and for more than can be meant."""
    fields = [Field(str(name), str(type_)) for name, type_ in columns]
    return fields if 0 < len(fields) <= MOST_COLUMNS else None


def tell_input(run: Run, dataset: Dataset, schema: Schema = None, rows: int | None = None) -> None:
    """Tell a run that it reads a dataset; `schema` is that of all its columns."""
    run.input(dataset, schema=schema, row_count=rows)


def tell_output(
    run: Run,
    dataset: Dataset,
    schema: Schema = None,
    rows: int | None = None,
    *,
    added: bool = False,
    origin: Origin | None = None,
) -> None:
    """Tell a run that it writes a dataset; `added` to what there is, rather than in its place.

    Columns are told where it is known of each what it is made from: of half of them nobody could tell what
    reads a field through the others.
    """
    name = dataset.namespace, dataset.name
    before = run.facts.outputs.get(name)
    if added and before is not None:
        statistics = before.io_facets.get("outputStatistics")
        known = getattr(statistics, "rowCount", None)
        rows = None if rows is None or (statistics is not None and known is None) else rows + (known or 0)
    run.output(dataset, schema=schema, row_count=rows)
    _tell_columns(run, name, origin)


def _tell_columns(run: Run, name: tuple[str, str], origin: Origin | None) -> None:
    from lineage.sql.facets import Made, input_field

    output = run.facts.outputs[name]
    made = Made()
    if origin is None or not origin.known:
        made.inputs, made.complete = dict.fromkeys(run.facts.inputs), False
        made.inputs.pop(name, None)
    else:
        made.inputs = {each: None for each in origin.inputs if each != name}
        made.rows = [input_field(*_in_order(each)) for each in sorted(origin.rows)]
        made.fields = {
            column: [input_field(*_in_order(each)) for each in sorted(sources)]
            for column, sources in origin.columns.items()
            if sources
        }
    if output.made is None:
        output.made = made
    else:
        output.made.add(made)
    if not output.made.complete:
        output.made.fields, output.made.rows = {}, []


def _in_order(source: Any) -> tuple[tuple[str, str], str, str, str]:
    return source.dataset, source.column, source.type, source.subtype


def replace_functions(library: str, functions: Mapping[str, tuple[Any, Wrapped]], undo: ExitStack) -> None:
    """Put functions of a library in the places of others, given by name, wherever its modules hold these.

    A function is found by its name when it is sent to another process: so it is the same everywhere.
    """
    modules = [
        module
        for path, module in list(sys.modules.items())
        if path.partition(".")[0] == library and isinstance(module, ModuleType)
    ]
    for name, (function, wrapped) in functions.items():
        replacement = wrapped(function)
        for module in modules:
            if vars(module).get(name) is function:
                replace(module, name, replacement, undo)


def replace_method(kind: type, name: str, wrapped: Wrapped, undo: ExitStack) -> None:
    """Replace a method where a class has it, or the class that it has it from; one it has not is left."""
    for holder in kind.__mro__:
        if name in vars(holder):
            replace(holder, name, wrapped(vars(holder)[name]), undo)
            return
