"""Names as they are shown: on the edges of a drawing, on one line, in Markdown."""

from __future__ import annotations

import re

from graph.nodes import Node
from graph.queries.answer import AnswerEdge, AnswerNode
from graph.records import EdgeKind


def edge_label(edge: AnswerEdge) -> str:
    """Return the names of the jobs, or how one field is made from another where there are none.

    Where one end of the edge is the job, how it uses a field, else nothing.
    """
    if edge.kind in (EdgeKind.READS, EdgeKind.WRITES):
        return ""
    if edge.jobs and edge.kind is not EdgeKind.USES:
        return ", ".join(job.name for job in edge.jobs)
    made = [
        word for each in edge.transformations for word in (each.subtype, "masking" * each.masking) if word
    ]
    return ", ".join(dict.fromkeys(made))


def node_label(each: Node | AnswerNode) -> str:
    """Return the label of a node, and that it is dropped where it is."""
    if isinstance(each, Node):
        return each.label
    return f"{each.node.label} (dropped)" if each.dropped_at is not None else each.node.label


def only_decides(edge: AnswerEdge) -> bool:
    """Whether no value comes along the edge: the source decides about rows, order or branches alone."""
    return bool(edge.transformations) and all(
        each.type.upper() == "INDIRECT" for each in edge.transformations
    )


def one_line(text: str) -> str:
    """Return the text with line ends and other control characters made visible as `\\n` or `\\x00`."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def escaped_markdown(text: str) -> str:
    """Return the text on one line, shown as it is: what Markdown or HTML reads as markup is escaped."""
    return _MEANINGFUL.sub(_with_backslashes, one_line(text))


# An underscore within a word is none.
_MEANINGFUL = re.compile(r"[\\`*\[\]<|~&$]|(?<![^\W_])_+|_+(?![^\W_])")


def _with_backslashes(found: re.Match[str]) -> str:
    return "".join(f"\\{char}" for char in found[0])
