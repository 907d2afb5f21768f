"""DataHub: the current graph as its datasets, jobs and their lineage, by its own client library.

`export` has one hold the graph, `follow` keeps it up to date, `write` writes a file that DataHub reads.
Loading these needs the extra `datahub`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graph.exports.datahub.exporting import Counts as Counts
    from graph.exports.datahub.exporting import export as export
    from graph.exports.datahub.exporting import write as write
    from graph.exports.datahub.following import follow as follow
    from graph.exports.datahub.gms import Gms as Gms
    from graph.exports.datahub.gms import configured as configured
    from graph.exports.datahub.names import Naming as Naming
    from graph.exports.datahub.names import naming as naming
    from graph.exports.datahub.sent import Sent as Sent

_HOME = {
    "Counts": "exporting",
    "Gms": "gms",
    "Naming": "names",
    "Sent": "sent",
    "configured": "gms",
    "export": "exporting",
    "follow": "following",
    "naming": "names",
    "write": "exporting",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Load names on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
