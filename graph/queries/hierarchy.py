"""The jobs under a job: the tasks of a DAG, and their queries."""

from __future__ import annotations

from graph.nodes import Node
from graph.store.base import LineageReader

LEVELS = 32
"""How far up and down the hierarchy of jobs is followed; a circle ends here."""


def with_jobs_under(reader: LineageReader, job: Node) -> set[int]:
    """Return the keys of a job and of all jobs under it: what it does is what all of them do."""
    found = {job.key}
    ahead = {job.key}
    for _ in range(LEVELS):
        below = reader.children(ahead)
        ahead = {node.key for nodes in below.values() for node in nodes} - found
        if not ahead:
            break
        found |= ahead
    return found
