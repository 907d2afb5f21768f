"""Critical columns of which nobody can say what they are made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from graph.errors import UnknownNameError
from graph.nodes import Node, NodeType
from graph.queries.coverage.findings import Check, CheckResult, Finding, found, skipped
from graph.queries.names import resolve
from graph.records import Direction, Edge, EdgeKind
from graph.store.base import LineageReader

_KINDS = (NodeType.DATASET, NodeType.FIELD)
_LINK = (
    "have the job that writes it say so: give `run.sql` the statement, have the integration send the"
    " columnLineage facet, or write it down with `document_column_lineage`"
)
_NAME = "check the name, or track the job that makes it: no event in the store names it"


def critical_columns(reader: LineageReader, names: Sequence[str]) -> CheckResult:
    """Find columns among these names that no known column makes; a dataset's name means all its columns."""
    if not names:
        return skipped(Check.CRITICAL_COLUMNS, "no column is named as critical: give --critical NAME")
    asked: dict[Node, None] = {}
    findings, total = [], 0
    for name in names:
        try:
            node = resolve(reader, name, _KINDS)
        except UnknownNameError as error:
            findings.append(Finding(name, str(error), _NAME))
            total += 1
            continue
        own = [node] if node.type is NodeType.FIELD else reader.fields(node)
        if not own:
            findings.append(Finding(node.label, "none of its columns is known", _LINK, node))
            total += 1
        asked |= dict.fromkeys(own)
    sources = _sources(reader.incident([node.key for node in asked], EdgeKind.FIELD, Direction.UPSTREAM))
    for node in asked:
        problem = _problem(sources.get(node.key))
        if problem is not None:
            findings.append(Finding(node.label, problem, _LINK, node))
    return found(Check.CRITICAL_COLUMNS, total + len(asked), findings)


def _sources(edges: Iterable[Edge]) -> Mapping[int, list[Edge]]:
    found: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        found[edge.target].append(edge)
    return found


def _problem(sources: Sequence[Edge] | None) -> str | None:
    if not sources:
        return "it is not known what it is made from"
    made = [edge.transformation for edge in sources]
    if all(each is not None and each.type.upper() == "INDIRECT" for each in made):
        return "only what filters, joins or groups it is known, not what its values are made from"
    return None
