"""How a diagnosis is printed for people: the tree to the sources, the suspects, and what is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import typer

from graph.cli._answers import kind_text, name_text
from graph.exports.labels import one_line
from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import AnswerEdge
from graph.queries.diagnosis import Diagnosis
from graph.queries.diagnosis.text import age_text, when_text
from graph.records import EdgeKind, RunState

_STEPS_SHOWN = 6
"""How many field steps into one dataset are written out."""


def print_diagnosis(found: Diagnosis) -> None:
    """Print the tree with its suspects marked, then the suspects, then what is not known."""
    for line in (*_tree(found), "", *_suspects(found), *_downstream(found), *_unknown(found)):
        typer.echo(one_line(line))


def _tree(found: Diagnosis) -> Iterator[str]:
    asked = found.answer.nodes[0].node.namespace if found.answer.nodes else ""
    sources = _sources(found.answer.edges)
    marks = defaultdict(list)
    for finding in found.findings:
        marks[finding.node].append(finding.rank)
    roots = [node.node for node in found.answer.nodes if node.distance == 0]
    for node in roots:
        if node.type is not NodeType.DATASET:
            yield f"{node.label} ({node.type.value.lower()}){_marked(marks.get(node, ()))}"
    seen: set[Node] = set()
    # A stack of its own: a chain may be longer than Python calls go deep.
    ahead = [(node, "", "") for node in reversed(roots) if node.type is NodeType.DATASET]
    while ahead:
        node, here, below = ahead.pop()
        again = node in seen
        about = "see above" if again else _about(found, node)
        yield f"{here}{name_text(node, asked)}{_marked(marks.get(node, ()))}  {about}"
        if again:
            continue
        seen.add(node)
        behind = sorted(sources.get(node, {}))
        for place, source in reversed(list(enumerate(behind))):
            last = place == len(behind) - 1
            ahead.append((source, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
        for source in behind:
            yield from _steps(sources[node][source], below + "│    ")


def _sources(edges: Sequence[AnswerEdge]) -> dict[Node, dict[Node, list[AnswerEdge]]]:
    """Return the datasets that each dataset is made from, with the field edges between the two."""
    found: dict[Node, dict[Node, list[AnswerEdge]]] = defaultdict(dict)
    for edge in edges:
        source, target = _holder(edge.source), _holder(edge.target)
        if edge.kind is EdgeKind.FEEDS and source != target:
            found[target].setdefault(source, [])
        elif edge.kind is EdgeKind.FIELD and source != target:
            found[target].setdefault(source, []).append(edge)
    return found


def _holder(node: Node) -> Node:
    return dataset(node.namespace, node.name)


def _steps(edges: Sequence[AnswerEdge], indent: str) -> Iterator[str]:
    for edge in edges[:_STEPS_SHOWN]:
        how = "; ".join(
            " ".join(filter(None, (each.type, each.subtype, each.description)))
            for each in edge.transformations
        )
        yield f"{indent}{edge.target.field} <- {edge.source.label}" + (f"  {how}" if how else "")
    if len(edges) > _STEPS_SHOWN:
        yield f"{indent}and {len(edges) - _STEPS_SHOWN} more from {edges[0].source.name}"


def _marked(ranks: Sequence[int]) -> str:
    return "".join(f" <{rank}>" for rank in ranks)


def _about(found: Diagnosis, node: Node) -> str:
    facts = found.datasets.get(node)
    if facts is None or not facts.writers:
        return "a source: nothing in the store writes it"
    writers = sorted((found.names[job] for job in facts.writers), key=lambda job: job.label)
    by = ", ".join(f"{job.label}{_state(found, job)}" for job in writers)
    if facts.updated is None or facts.age is None:
        return f"never written, as far as is known, by {by}"
    late = {True: ", late", False: "", None: ""}[facts.late]
    return f"written {when_text(facts.updated)}, {age_text(facts.age)} ago{late}, by {by}"


def _state(found: Diagnosis, job: Node) -> str:
    facts = found.jobs.get(job)
    last = facts.last.state if facts is not None and facts.last is not None else None
    return "" if last in (None, RunState.COMPLETE) else f" (last run {last})"


def _suspects(found: Diagnosis) -> Iterator[str]:
    if not found.findings:
        yield "No suspects: nothing that is known on the way failed, is late or has changed."
        return
    yield "Suspects, the nearest first:"
    for finding in found.findings:
        hops = "here" if finding.distance == 0 else f"{finding.distance} away"
        kind = finding.kind.value.replace("_", " ")
        yield f"<{finding.rank}> {kind}: {finding.node.label} ({hops}), since {when_text(finding.since)}"
        yield from (f"      {line}" for line in finding.evidence)
        yield from (f"      so that: {line}" for line in finding.consequences)


def _downstream(found: Diagnosis) -> Iterator[str]:
    if not found.downstream:
        return
    yield ""
    yield "What depends on it:"
    for each in found.downstream:
        updated = f"last written {when_text(each.updated)}" if each.updated is not None else "never written"
        how = f" {each.node.impact.value}" if each.node.impact is not None else ""
        yield f"  {each.node.distance} {kind_text(each.node)} {each.node.node.label}{how}, {updated}"


def _unknown(found: Diagnosis) -> Iterator[str]:
    phrases: Mapping[str, list[str]] = _by_phrase(found)
    if phrases or found.notes:
        yield ""
        yield "Not known:"
    for note in found.notes:
        yield f"  {note}"
    for phrase, labels in phrases.items():
        yield f"  {phrase}: {', '.join(labels)}"


def _by_phrase(found: Diagnosis) -> Mapping[str, list[str]]:
    phrases: dict[str, list[str]] = defaultdict(list)
    for node, facts in found.datasets.items():
        for phrase in facts.unknown:
            phrases[phrase].append(node.label)
    return phrases
