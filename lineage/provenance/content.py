"""The content hash of what a run reads or writes, of a file, a folder or a frame that it was handed."""

from __future__ import annotations

import os
from typing import Any

from lineage.datasets import Dataset
from lineage.errors import ContentError, MissingDependencyError
from lineage.provenance.fingerprints import kind_of_file_system, local_path


def content_of(dataset: Dataset, content: Any, environment_id: str | None) -> dict[str, Any]:
    """Return `contentHash`, `schemaVersion`, `artifactId`, `environmentId` and `rowCount`, as far as known.

    `content` is a frame or table with what the dataset holds; without one it is read, where it is a local
    file or folder. The artifact id is told where the environment is: of what the run itself made.
    """
    told: dict[str, Any] = {}
    if content is not None:
        told = _of_table(content)
    elif (path := local_path(dataset)) is not None:
        told = _of_path(path)
    if "contentHash" in told and environment_id is not None:
        from lineage.provenance import artifact_id

        told["environmentId"] = environment_id
        told["artifactId"] = artifact_id(
            told["contentHash"],
            schema_version=told.get("schemaVersion"),
            environment_id=environment_id,
        )
    return told


def _of_table(content: Any) -> dict[str, Any]:
    """Return the hash of a frame or table; nothing of a stream, which only its owner may read."""
    rows = getattr(content, "num_rows", None)
    if rows is None and hasattr(content, "__len__"):
        rows = len(content)
    if rows is None:
        return {}
    from lineage.provenance import hash_table, schema_version

    return {
        "contentHash": hash_table(content),
        "schemaVersion": schema_version(content),
        "rowCount": int(rows),
    }


def _of_path(path: str) -> dict[str, Any]:
    """Return the hash of a file or folder; nothing of what is neither, or is the kernel's own.

    Nor of what cannot be read, or was written to meanwhile: what the host will make of that is its own
    business.
    """
    if kind_of_file_system(path) is not None:
        return {}
    from lineage.provenance import hash_file, hash_folder

    try:
        if os.path.isfile(path):
            return {"contentHash": hash_file(path)}
        return {"contentHash": hash_folder(path)} if os.path.isdir(path) else {}
    except (OSError, ContentError, MissingDependencyError):
        return {}
