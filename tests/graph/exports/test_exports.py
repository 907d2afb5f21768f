from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.exports import dot, jsonl, mermaid
from graph.nodes import Node, dataset, field, job
from graph.queries import AnswerEdge, AnswerNode
from graph.records import EdgeKind, Transformation

NASTY = 'a "b" [c]\n{d} \\ <e> `f` #g; 表 &quot; |h| (i)'

texts = st.text(st.characters(codec="utf-8"), min_size=1)


def read_dot_string(text: str) -> str:
    """Read a quoted string of DOT as Graphviz does for a label."""
    assert text[0] == text[-1] == '"'
    inner = text[1:-1]
    assert not re.search(r'(?<!\\)(\\\\)*"', inner)
    return re.sub(r"\\(.)", r"\1", inner)


def read_entities(text: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)


def shown(text: str) -> str:
    """What a reader sees of a text: control characters by their escapes, all else as it is."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def edge(source: Node, target: Node, *jobs: Node, kind: EdgeKind = EdgeKind.FEEDS) -> AnswerEdge:
    return AnswerEdge(source, target, kind, jobs)


def test_dot_draws_nodes_by_type_and_jobs_on_edges() -> None:
    """PV-26"""
    a, b, j = dataset("ns", "a"), dataset("ns", "b"), job("ns", "j")

    assert list(dot([a, AnswerNode(b, 1), j], [edge(a, b, j), edge(a, j, j, kind=EdgeKind.READS)])) == [
        "digraph lineage {",
        "  rankdir=LR;",
        '  "dataset:ns:a" [label="a", shape=cylinder];',
        '  "dataset:ns:b" [label="b", shape=cylinder];',
        '  "job:ns:j" [label="j", shape=box];',
        '  "dataset:ns:a" -> "dataset:ns:b" [label="j"];',
        '  "dataset:ns:a" -> "job:ns:j";',
        "}",
    ]


def test_mermaid_draws_nodes_by_type_and_jobs_on_edges() -> None:
    """PV-26"""
    a, b, j = dataset("ns", "a"), dataset("ns", "b"), job("ns", "j")

    assert list(mermaid([a, AnswerNode(b, 1), j], [edge(a, b, j), edge(a, j, j, kind=EdgeKind.READS)])) == [
        "flowchart LR",
        '  n0[("a")]',
        '  n1[("b")]',
        '  n2["j"]',
        '  n0 -->|"j"| n1',
        "  n0 --> n2",
    ]


def test_mermaid_frames_the_fields_of_each_dataset() -> None:
    a, b, x, y = dataset("ns", "a"), dataset("ns", "b"), field("ns", "b", "x"), field("ns", "b", "y")
    elsewhere = field("other", "b", NASTY)

    lines = list(mermaid([a, x, b, elsewhere, y], [edge(a, b), edge(elsewhere, y, kind=EdgeKind.FIELD)]))

    assert lines[:8] == [
        "flowchart LR",
        '  n0[("a")]',
        '  subgraph d0["b"]',
        '    n2[("b")]',
        '    n1("x")',
        '    n4("y")',
        "  end",
        '  subgraph d1["b"]',
    ]
    label = re.fullmatch(r'    n3\("(.*)"\)', lines[8])
    assert label is not None
    assert read_entities(label[1]) == shown(NASTY)
    assert lines[9:] == ["  end", "  n0 --> n2", "  n3 --> n4"]


def test_jsonl_gives_a_node_or_an_edge_a_line() -> None:
    """PV-26"""
    a, b = dataset("ns", NASTY), field("ns", "b", "x")
    made = AnswerEdge(a, b, EdgeKind.FIELD, (job("ns", "j"),), (Transformation("DIRECT", masking=True),))

    lines = [json.loads(line) for line in jsonl([a, AnswerNode(b, 1, a)], [made])]

    assert lines[0] == {
        "node": {"id": f"dataset:ns:{NASTY}", "type": "DATASET", "namespace": "ns", "name": NASTY}
    }
    assert lines[1]["node"]["distance"] == 1
    assert lines[2]["edge"]["transformations"] == [{"type": "DIRECT", "masking": True}]
    assert lines[2]["edge"]["jobs"] == ["job:ns:j"]


@pytest.mark.parametrize("text", [NASTY, "\\", '"', '\\\\"\n', "\x00\r\n\t\u2028", "表😀"])
def test_labels_keep_every_character(text: str) -> None:
    node, other = dataset("ns", text), dataset("ns", "b")

    drawn = list(dot([node, other], [edge(node, other, job("ns", text))]))
    label = re.fullmatch(r'  ".*" \[label=(".*"), shape=cylinder\];', drawn[2])
    on_edge = re.fullmatch(r'  ".*" -> "dataset:ns:b" \[label=(".*")\];', drawn[4])
    assert label is not None
    assert on_edge is not None
    assert read_dot_string(label[1]) == read_dot_string(on_edge[1]) == shown(text)

    chart = list(mermaid([node, other], [edge(node, other, job("ns", text))]))
    label = re.fullmatch(r'  n0\[\("(.*)"\)\]', chart[1])
    on_edge = re.fullmatch(r'  n0 -->\|"(.*)"\| n1', chart[3])
    assert label is not None
    assert on_edge is not None
    assert read_entities(label[1]) == read_entities(on_edge[1]) == shown(text)


@given(texts)
def test_no_text_breaks_out_of_its_label(text: str) -> None:
    node = dataset("ns", text)

    (line,) = list(dot([node], []))[2:3]
    assert len(line.splitlines()) == 1
    strings = re.findall(r'"(?:\\.|[^"\\])*"', line)
    assert line == f"  {strings[0]} [label={strings[1]}, shape=cylinder];"

    (line,) = list(mermaid([node], []))[1:]
    assert len(line.splitlines()) == 1
    inner = line.removeprefix('  n0[("').removesuffix('")]')
    assert not set(inner) & set('"<>`[]{}()|\\&')
