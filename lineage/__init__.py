"""OpenLineage events from plain Python pipelines. Start with `track_lineage` and `track_run`.

Names are loaded when they are first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lineage.version import VERSION

if TYPE_CHECKING:
    from lineage import context
    from lineage.attribution import capture_query, instrument_function, trace_query
    from lineage.column_lineage import ColumnLineage, document_column_lineage
    from lineage.config import Config
    from lineage.context import ContextThreadPoolExecutor, attach, bind, inject
    from lineage.datasets import Dataset, Field
    from lineage.errors import LineageError
    from lineage.setup import configure
    from lineage.tracking import Run, current_run, track_lineage, track_run
    from lineage.transport import flush, shutdown

__version__ = VERSION

_HOMES = {
    "ColumnLineage": "lineage.column_lineage",
    "Config": "lineage.config",
    "ContextThreadPoolExecutor": "lineage.context",
    "Dataset": "lineage.datasets",
    "Field": "lineage.datasets",
    "LineageError": "lineage.errors",
    "Run": "lineage.tracking",
    "attach": "lineage.context",
    "bind": "lineage.context",
    "capture_query": "lineage.attribution",
    "configure": "lineage.setup",
    "current_run": "lineage.tracking",
    "document_column_lineage": "lineage.column_lineage",
    "flush": "lineage.transport",
    "inject": "lineage.context",
    "instrument_function": "lineage.attribution",
    "shutdown": "lineage.transport",
    "trace_query": "lineage.attribution",
    "track_lineage": "lineage.tracking",
    "track_run": "lineage.tracking",
}

__all__ = [
    "ColumnLineage",
    "Config",
    "ContextThreadPoolExecutor",
    "Dataset",
    "Field",
    "LineageError",
    "Run",
    "__version__",
    "attach",
    "bind",
    "capture_query",
    "configure",
    "context",
    "current_run",
    "document_column_lineage",
    "flush",
    "inject",
    "instrument_function",
    "shutdown",
    "trace_query",
    "track_lineage",
    "track_run",
]


def __getattr__(name: str) -> Any:
    if name == "context":
        return import_module("lineage.context")  # which makes it an attribute of this package
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'lineage' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
