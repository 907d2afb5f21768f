"""What is written on the edges of a drawing."""

from __future__ import annotations

from graph.queries.answer import AnswerEdge
from graph.records import EdgeKind


def edge_label(edge: AnswerEdge) -> str:
    """Return the names of the jobs; nothing where one end of the edge is the job."""
    if edge.kind in (EdgeKind.READS, EdgeKind.WRITES):
        return ""
    return ", ".join(job.name for job in edge.jobs)


def one_line(text: str) -> str:
    """Return the text with line ends and other control characters made visible as `\\n` or `\\x00`."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
