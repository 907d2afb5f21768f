"""OpenLineage events from plain Python pipelines. Start with `track_lineage` and `track_run`.

Names are loaded when they are first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

import os
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
    from lineage.operations import (
        DBOperation,
        MessagingOperation,
        StorageOperation,
        emit_outcome,
        set_data_metrics,
        set_warehouse_metrics,
        track_db_operation,
        track_llm_call,
        track_messaging_operation,
        track_storage_operation,
    )
    from lineage.setup import configure
    from lineage.tracking import Run, current_run, track_lineage, track_run
    from lineage.transport import flush, shutdown

__version__ = VERSION

_HOMES = {
    "ColumnLineage": "lineage.column_lineage",
    "Config": "lineage.config",
    "ContextThreadPoolExecutor": "lineage.context",
    "DBOperation": "lineage.operations",
    "Dataset": "lineage.datasets",
    "Field": "lineage.datasets",
    "LineageError": "lineage.errors",
    "MessagingOperation": "lineage.operations",
    "Run": "lineage.tracking",
    "StorageOperation": "lineage.operations",
    "attach": "lineage.context",
    "bind": "lineage.context",
    "capture_query": "lineage.attribution",
    "configure": "lineage.setup",
    "current_run": "lineage.tracking",
    "document_column_lineage": "lineage.column_lineage",
    "emit_outcome": "lineage.operations",
    "flush": "lineage.transport",
    "inject": "lineage.context",
    "instrument_function": "lineage.attribution",
    "set_data_metrics": "lineage.operations",
    "set_warehouse_metrics": "lineage.operations",
    "shutdown": "lineage.transport",
    "trace_query": "lineage.attribution",
    "track_db_operation": "lineage.operations",
    "track_lineage": "lineage.tracking",
    "track_llm_call": "lineage.operations",
    "track_messaging_operation": "lineage.operations",
    "track_run": "lineage.tracking",
    "track_storage_operation": "lineage.operations",
}

__all__ = [
    "ColumnLineage",
    "Config",
    "ContextThreadPoolExecutor",
    "DBOperation",
    "Dataset",
    "Field",
    "LineageError",
    "MessagingOperation",
    "Run",
    "StorageOperation",
    "__version__",
    "attach",
    "bind",
    "capture_query",
    "configure",
    "context",
    "current_run",
    "document_column_lineage",
    "emit_outcome",
    "flush",
    "inject",
    "instrument_function",
    "set_data_metrics",
    "set_warehouse_metrics",
    "shutdown",
    "trace_query",
    "track_db_operation",
    "track_lineage",
    "track_llm_call",
    "track_messaging_operation",
    "track_run",
    "track_storage_operation",
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


if "LINEAGE_INSTRUMENT" in os.environ:
    from lineage.imported import instrument_when_imported

    instrument_when_imported(os.environ["LINEAGE_INSTRUMENT"])
