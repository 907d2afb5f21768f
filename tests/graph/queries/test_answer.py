from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from graph.errors import InvalidQueryError
from graph.nodes import dataset, field
from graph.queries import Answer, columns, downstream, impact, path, upstream

Build = Callable[..., Any]

SCHEMA, ITEMS = (
    json.loads((Path(__file__).resolve().parents[3] / "docs" / "schemas" / f"{name}.json").read_text("utf-8"))
    for name in ("answer", "items")
)
REGISTRY: Registry[Any] = Registry().with_resources([(ITEMS["$id"], Resource.from_contents(ITEMS))])


@pytest.fixture
def graph(listed_graph: Build, job_of: Build) -> Any:
    built = listed_graph(
        [
            job_of("ab", ["a"], ["b"], {"b.x": {"a.x": "INDIRECT"}}, parent="task"),
            job_of("task", parent="dag"),
            job_of("dag"),
            job_of("bc", ["b"], ["board"]),
            job_of("mail", ["b"]),
        ]
    )
    built.kept_facets[dataset("ns", "board").key, "datasetType"] = {"datasetType": "DASHBOARD"}
    return built


def answers(graph: Any) -> list[Answer]:
    a, b, ax = dataset("ns", "a"), dataset("ns", "b"), field("ns", "a", "x")
    return [
        upstream(graph, b),
        downstream(graph, a),
        downstream(graph, a, depth=1).page(limit=1),
        impact(graph, a),
        impact(graph, ax),
        path(graph, a, b),
        path(graph, b, a),
        columns(graph, b),
    ]


def test_every_answer_keeps_the_published_schema(graph: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA, registry=REGISTRY)
    for answer in answers(graph):
        validator.validate(json.loads(json.dumps(answer.as_json())))


def test_the_schema_refuses_what_is_no_answer(graph: Any) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA, registry=REGISTRY)
    good = impact(graph, dataset("ns", "a")).as_json()
    for spoil in (
        lambda it: it.pop("next"),
        lambda it: it["nodes"][0].update(type="dataset"),
        lambda it: it["nodes"][0].update(id="a"),
        lambda it: it["edges"][0].update(kind="feeds"),
        lambda it: it["edges"][0].pop("jobs"),
        lambda it: it["nodes"][1].update(impact="perhaps"),
        lambda it: it.update(more=1),
    ):
        spoiled = json.loads(json.dumps(good))
        spoil(spoiled)
        assert not validator.is_valid(spoiled), spoiled


def test_the_envelope_is_literally_this(graph: Any) -> None:
    assert upstream(graph, field("ns", "b", "x")).as_json() == {
        "query": {"question": "upstream", "node": "datasetField:ns:b:x", "depth": None},
        "nodes": [
            {
                "id": "datasetField:ns:b:x",
                "type": "FIELD",
                "namespace": "ns",
                "name": "b",
                "field": "x",
                "distance": 0,
                "via": None,
            },
            {
                "id": "datasetField:ns:a:x",
                "type": "FIELD",
                "namespace": "ns",
                "name": "a",
                "field": "x",
                "distance": 1,
                "via": "datasetField:ns:b:x",
            },
        ],
        "edges": [
            {
                "source": "datasetField:ns:a:x",
                "target": "datasetField:ns:b:x",
                "kind": "FIELD",
                "jobs": ["job:ns:ab"],
                "transformations": [{"type": "INDIRECT"}],
                "origins": ["COLUMN_LINEAGE_FACET"],
            }
        ],
        "incomplete": False,
        "next": None,
    }


def test_a_page_goes_on_where_the_one_before_ended_although_the_graph_grew(graph: Any, job_of: Build) -> None:
    first = downstream(graph, dataset("ns", "a")).page(limit=2)
    graph.add_job(job_of("late", ["a"], ["aa"]))

    second = downstream(graph, dataset("ns", "a")).page(limit=100, cursor=first.next)

    shown = [node.node.label for page in (first, second) for node in page.nodes]
    assert len(shown) == len(set(shown))
    assert set(shown) >= {"a", "b", "board", "ab", "bc", "mail"}


@pytest.mark.parametrize("cursor", ["", "nonsense", "WzFd", "bm90IGpzb24", "äö"])
def test_a_cursor_that_is_none_is_refused(graph: Any, cursor: str) -> None:
    with pytest.raises(InvalidQueryError, match="is no cursor"):
        downstream(graph, dataset("ns", "a")).page(limit=1, cursor=cursor)


def test_a_limit_below_one_is_refused(graph: Any) -> None:
    with pytest.raises(InvalidQueryError, match="limit is 0"):
        downstream(graph, dataset("ns", "a")).page(limit=0)


def test_the_answer_in_the_documentation_keeps_the_schema() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "command.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)

    jsonschema.Draft202012Validator(SCHEMA, registry=REGISTRY).validate(json.loads(block))
