"""Datasets of a layer that are not made from anything of the layer before."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import translate
from itertools import pairwise

from graph.nodes import Node, NodeType
from graph.queries.coverage.findings import Check, CheckResult, Finding, Layer, found, skipped
from graph.records import Direction, EdgeKind
from graph.store.base import LineageReader

MEDALLION = tuple(Layer(name, name) for name in ("bronze", "silver", "gold"))
"""The layers that are looked for where none are given."""

_PAGE = 2_000
_NAMED = 3
_PARTS = re.compile(r"[./:\\]+")
_LINK = (
    "have the job that writes it name its inputs: list them, give `run.sql` the statement, or document the"
    " lineage by hand; a dataset that belongs to no layer is left out by a narrower --layer"
)
_EMPTY = "compare the pattern with the names that `lineage export` lists: --layer NAME=PATTERN"


def layers_linked(reader: LineageReader, layers: Sequence[Layer], *, given: bool) -> CheckResult:
    """Find datasets of each layer that nothing of the layer before leads to, over any number of hops.

    In the first layer data comes in from outside: its datasets need nothing upstream, unless it is the only
    one that was `given`. A given layer that is empty is a finding.
    """
    members = _members(reader, layers)
    filled = [layer for layer in layers if members[layer.name]]
    if not given and len(filled) < 2:
        return skipped(
            Check.LAYERS,
            "datasets lie in fewer than two of bronze, silver and gold: give --layer NAME=PATTERN for each"
            " layer, in the order in which data flows",
        )
    findings = [
        Finding(layer.name, f"no dataset matches {layer.pattern!r}", _EMPTY)
        for layer in layers
        if given and layer not in filled
    ]
    total = len(findings)
    if given and len(layers) == 1 and filled:
        steps: list[tuple[Layer | None, Layer]] = [(None, filled[0])]
    else:
        steps = list(pairwise(filled))
    for before, layer in steps:
        total += len(members[layer.name])
        sources = None if before is None else members[before.name]
        findings += _unlinked(reader, members[layer.name], before, sources)
    return found(Check.LAYERS, total, findings)


def _members(reader: LineageReader, layers: Sequence[Layer]) -> Mapping[str, dict[int, Node]]:
    """Return the datasets of each layer by name; a dataset is in the first one that it matches."""
    patterns = [(layer.name, re.compile(translate(layer.pattern.lower())).match) for layer in layers]
    members: dict[str, dict[int, Node]] = defaultdict(dict)
    after = -1
    while page := reader.all_nodes((NodeType.DATASET,), after=after, limit=_PAGE):
        after = page[-1][0]
        for key, node in page:
            texts = set(_texts(node))
            for name, matches in patterns:
                if any(map(matches, texts)):
                    members[name][key] = node
                    break
    return members


def _texts(node: Node) -> Iterator[str]:
    """Yield what a pattern may match: the name's last part is the dataset's own and no folder of it."""
    namespace, name = node.namespace.lower(), node.name.lower()
    yield from (name, namespace, f"{namespace}/{name}")
    yield from filter(None, _PARTS.split(namespace))
    yield from filter(None, _PARTS.split(name)[:-1])


def _unlinked(
    reader: LineageReader, members: Mapping[int, Node], before: Layer | None, sources: Collection[int] | None
) -> list[Finding]:
    feeding = reader.incident(members, EdgeKind.FEEDS, Direction.UPSTREAM)
    fed = {edge.target for edge in feeding if edge.source != edge.target}
    if sources is None:
        reached = fed
    else:
        edges = reader.closure(sources, EdgeKind.FEEDS, Direction.DOWNSTREAM)
        reached = {edge.target for edge in edges}
    missing = {key: node for key, node in members.items() if key not in reached}
    writers = reader.writers(missing)
    known = reader.nodes(set().union(*writers.values()))
    findings = []
    for key, node in sorted(missing.items(), key=lambda pair: pair[1]):
        what = f"nothing of {before.name} is upstream" if before and key in fed else "nothing is upstream"
        by = sorted(known[job].name for job in writers.get(key, ()) if job in known)
        problem = f"{what}; {_written_by(by)}"
        findings.append(Finding(node.label, problem, _LINK, node))
    return findings


def _written_by(jobs: Sequence[str]) -> str:
    if not jobs:
        return "no event names it as an output"
    more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
    return f"written by {', '.join(jobs[:_NAMED])}{more}"
