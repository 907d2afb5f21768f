"""OpenLineage events from plain Python pipelines. Start with `track_lineage` and `track_run`.

Names are loaded when they are first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lineage.version import VERSION

if TYPE_CHECKING:
    from lineage.column_lineage import ColumnLineage, document_column_lineage
    from lineage.config import Config, configure
    from lineage.datasets import Dataset, Field
    from lineage.errors import LineageError
    from lineage.tracking import Run, current_run, track_lineage, track_run
    from lineage.transport import flush, shutdown

__version__ = VERSION

_HOMES = {
    "ColumnLineage": "lineage.column_lineage",
    "Config": "lineage.config",
    "Dataset": "lineage.datasets",
    "Field": "lineage.datasets",
    "LineageError": "lineage.errors",
    "Run": "lineage.tracking",
    "configure": "lineage.config",
    "current_run": "lineage.tracking",
    "document_column_lineage": "lineage.column_lineage",
    "flush": "lineage.transport",
    "shutdown": "lineage.transport",
    "track_lineage": "lineage.tracking",
    "track_run": "lineage.tracking",
}

__all__ = [
    "ColumnLineage",
    "Config",
    "Dataset",
    "Field",
    "LineageError",
    "Run",
    "__version__",
    "configure",
    "current_run",
    "document_column_lineage",
    "flush",
    "shutdown",
    "track_lineage",
    "track_run",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'lineage' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
