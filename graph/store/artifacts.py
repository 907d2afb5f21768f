"""Versions of datasets by the hash of their content: what ingest hands in, and what questions get.

A content hash is a text such as `table-sha256:` and 64 hexadecimal digits; the word before it says of what
kind the content is. With its schema version and environment a content is an artifact, with an id of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from graph.nodes import Node

ARTIFACT_FACET = "lineageGraph_artifact"
"""The facet of a dataset that says which version of it a run read or wrote."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """That an event says which content of a dataset (its key) its run read, or wrote.

    `artifact_id` is "" where it gives none.
    """

    content: str
    dataset: int
    written: bool
    artifact_id: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactSeen:
    """A run that names a content as that of a dataset which it read or (`written`) wrote.

    `time` is that of the first event that says so (UTC). Whether the run completed is not told here.
    """

    dataset: Node
    run_id: str
    written: bool
    time: datetime
    artifact_id: str | None
