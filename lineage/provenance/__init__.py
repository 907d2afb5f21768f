"""What data is, said so that another can check it: content hashes and the ids made of them.

Names are loaded when they are first used, as those of `lineage` are: a run that asks for no proof pays
nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage.provenance.artifacts import artifact_id
    from lineage.provenance.embedded import Embedded
    from lineage.provenance.embedding import embed, read_embedded
    from lineage.provenance.files import hash_file, hash_folder
    from lineage.provenance.rows import hash_rows
    from lineage.provenance.schemas import schema_version
    from lineage.provenance.tables import hash_table
    from lineage.provenance.values import hash_value

_HOMES = {
    "Embedded": "lineage.provenance.embedded",
    "artifact_id": "lineage.provenance.artifacts",
    "embed": "lineage.provenance.embedding",
    "hash_file": "lineage.provenance.files",
    "hash_folder": "lineage.provenance.files",
    "hash_rows": "lineage.provenance.rows",
    "hash_table": "lineage.provenance.tables",
    "hash_value": "lineage.provenance.values",
    "read_embedded": "lineage.provenance.embedding",
    "schema_version": "lineage.provenance.schemas",
}

__all__ = [
    "Embedded",
    "artifact_id",
    "embed",
    "hash_file",
    "hash_folder",
    "hash_rows",
    "hash_table",
    "hash_value",
    "read_embedded",
    "schema_version",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'lineage.provenance' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
