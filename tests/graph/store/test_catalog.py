"""The catalogue: lists of namespaces, datasets, jobs and runs, and events by time."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from made_events import at, dataset, dataset_event, job_event, put, run_event, run_id, schema

from graph import nodes
from graph.ingest import give, ingest, rebuild
from graph.nodes import NodeType
from graph.records import RunState
from graph.store import LineageStore
from graph.store.catalog import Heard, Subject
from graph.store.commands import Command, CommandKind, InvalidCommandError, command_of, line_of

JOB = {"type": "JOB", "namespace": "ns", "name": "job"}
EVER = {"since": datetime(1970, 1, 1, tzinfo=UTC), "before": datetime(2030, 1, 1, tzinfo=UTC)}


def moment(second: int) -> datetime:
    return datetime.fromisoformat(at(second))


def names(entries: list[tuple[int, nodes.Node]]) -> list[str]:
    return [node.name for _, node in entries]


def test_datasets_of_a_namespace_come_by_name_page_by_page_with_how_many_there_are(
    store: LineageStore,
) -> None:
    put(store, job_event(1, inputs=["b", "a", dataset("z", "other")], outputs=["c"]))
    page = store.catalog.datasets("ns", limit=2, offset=1)
    assert (names(page.entries), page.total) == (["b", "c"], 3)
    assert store.catalog.datasets("none", limit=9, offset=0) == ([], 0)


def test_deleted_datasets_and_further_names_are_not_listed(store: LineageStore) -> None:
    links = {"identifiers": [{"namespace": "ns", "name": "alias", "type": "TABLE"}]}
    put(store, job_event(1, inputs=["a", "alias", "gone"], outputs=[dataset("b", symlinks=links)]))
    give(store, CommandKind.DELETE, nodes.dataset("ns", "gone"))
    page = store.catalog.datasets("ns", limit=9, offset=0)
    assert (names(page.entries), page.total) == (["a", "b"], 2)


def test_the_job_that_was_heard_of_last_comes_first(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "START", 1, job="one"),
        run_event("2", "FAIL", 2, job="two"),
        run_event("1", "COMPLETE", 3, job="one"),
        job_event(4, job="declared"),
    )
    page = store.catalog.jobs(None, states=None, limit=2, offset=0)
    assert (names(page.entries), page.total) == (["declared", "one"], 3)
    failed = store.catalog.jobs("ns", states=[RunState.FAIL], limit=9, offset=0)
    assert (names(failed.entries), failed.total) == (["declared", "two"], 3)
    assert store.catalog.jobs("other", states=None, limit=9, offset=0) == ([], 0)


def test_a_job_that_is_only_named_as_a_parent_is_listed(store: LineageStore) -> None:
    put(store, run_event("1", "START", 5, job="child", parent="p"))
    page = store.catalog.jobs("ns", states=None, limit=9, offset=0)
    assert sorted(names(page.entries)) == ["child", "dag"]
    dag = nodes.job("ns", "dag").key
    assert store.catalog.heard([dag]) == {dag: Heard(moment(5), moment(5))}


def test_namespaces_are_those_of_jobs_and_datasets_with_their_times(store: LineageStore) -> None:
    put(store, job_event(1, inputs=[dataset("a", "in")]), job_event(7, inputs=[dataset("a", "in")]))
    found = store.catalog.namespaces()
    assert found == {"in": Heard(moment(1), moment(7)), "ns": Heard(moment(1), moment(7))}
    assert store.catalog.has_namespace("in")
    assert not store.catalog.has_namespace("out")


def test_all_facets_are_the_current_ones_without_those_that_are_deleted(store: LineageStore) -> None:
    a = nodes.dataset("ns", "a").key
    put(
        store,
        dataset_event(1, "a", schema=schema("x"), tags={"tags": [{"key": "pii"}]}),
        dataset_event(2, "a", schema=schema("y"), tags={"_deleted": True}),
    )
    found = store.catalog.facets([a])[a]
    assert {name: json.loads(text) for name, text in found.items()} == {"schema": schema("y")}
    assert store.catalog.facets([a], ["tags"]) == {}
    assert store.catalog.tags() == []


def test_tags_and_sources_are_those_of_all_facets_and_commands(store: LineageStore) -> None:
    source = {"name": "db", "uri": "postgres://db:5432"}
    put(store, dataset_event(1, "a", tags={"tags": [{"key": "pii"}]}, dataSource=source))
    give(store, CommandKind.TAG, nodes.dataset("ns", "a"), "gold")
    give(store, CommandKind.TAG, nodes.dataset("ns", "a"), "brief")
    give(store, CommandKind.UNTAG, nodes.dataset("ns", "a"), "brief")
    assert store.catalog.tags() == ["gold", "pii"]
    assert store.catalog.sources() == {"db": ("postgres://db:5432", nodes.dataset("ns", "a").key)}


def test_runs_of_a_job_come_page_by_page(store: LineageStore) -> None:
    put(store, *(run_event(str(number), "START", number) for number in range(5)))
    put(store, run_event("3", "COMPLETE", 10))
    found = store.catalog.runs_of(nodes.job("ns", "job").key, limit=2, offset=1)
    assert [each.record.run_id for each in found.runs] == [run_id("3"), run_id("2")]
    assert found.total == 5
    assert found.runs[0].began == moment(3)
    assert found.runs[0].record.latest_at == moment(10)
    assert store.catalog.run(run_id("3")) == found.runs[0]
    assert store.catalog.run("none") is None


def test_the_latest_runs_of_each_job(store: LineageStore) -> None:
    put(
        store, *(run_event(f"{job}{number}", "START", number, job=job) for number in range(4) for job in "ab")
    )
    put(store, job_event(1, job="c"))
    keys = {job: nodes.job("ns", job).key for job in "abc"}
    found = store.catalog.latest_runs(keys.values(), 3)
    expected = {keys[job]: [run_id(f"{job}{number}") for number in (3, 2, 1)] for job in "ab"}
    assert {key: [one.record.run_id for one in runs] for key, runs in found.items()} == expected


def test_the_types_of_the_events_of_runs(store: LineageStore) -> None:
    put(store, run_event("1", "START", 1), run_event("1", "complete", 2), run_event("2", None, 3))
    found = store.catalog.types_of([run_id("1"), run_id("2"), "none"])
    assert found == {run_id("1"): {"START", "COMPLETE"}, run_id("2"): {"OTHER"}}


def test_events_by_time_are_those_of_runs_and_the_count_is_of_all(store: LineageStore) -> None:
    put(
        store,
        run_event("2", "START", 20),
        run_event("1", "START", 10),
        run_event("1", "COMPLETE", 30),
        job_event(15),
    )

    def times(**asked: Any) -> list[str]:
        bodies = store.catalog.events(**{**EVER, "latest_first": True, "limit": 9, "offset": 0, **asked})
        return [json.loads(body)["eventTime"] for body in bodies]

    assert times() == [at(30), at(20), at(10)]
    assert times(latest_first=False, limit=1, offset=1) == [at(20)]
    assert times(since=moment(20), before=moment(30)) == [at(20)]
    assert store.catalog.count_events(**EVER) == 4
    assert store.catalog.count_events(since=moment(15), before=moment(30)) == 2


def test_event_types_are_counted_by_quarter_of_an_hour(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "START", 899),
        run_event("2", "START", 900),
        run_event("2", "fail", 901),
        run_event("3", None, 902),
        job_event(903),
    )
    quarter = moment(900)
    assert store.catalog.event_types(**EVER) == {
        (quarter - timedelta(minutes=15), "START"): 1,
        (quarter, "START"): 1,
        (quarter, "FAIL"): 1,
        (quarter, "OTHER"): 1,
    }


def test_when_things_were_first_named(store: LineageStore) -> None:
    put(store, job_event(5, inputs=["a"]), job_event(2, inputs=["b"]), job_event(9, inputs=["a", "b"]))
    assert store.catalog.first_named(NodeType.DATASET) == [moment(2), moment(5)]
    assert store.catalog.first_named(NodeType.JOB) == [moment(2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ORD", ["Orders", "raw.orders"]), ("%", ["50%"]), ("_", ["a_b"]), ("ÄPFEL", ["äpfel"]), ("none", [])],
)
def test_a_name_is_found_by_any_part_of_it_whatever_its_case(
    store: LineageStore, text: str, expected: list[str]
) -> None:
    put(store, job_event(3, job="Orders", inputs=["raw.orders", "50%", "a_b", "äpfel"]))
    found = store.catalog.named_like(text, [NodeType.DATASET, NodeType.JOB], None)
    assert [one.node.name for one in found] == expected
    assert all(one.last == moment(3) for one in found)
    assert store.catalog.named_like(text, [NodeType.DATASET], "other") == []


def declare(kind: str, name: str, said: dict[str, Any], second: int) -> bytes:
    time = 1_767_225_600_000_000_000 + second * 10**9
    return line_of(Command(str(uuid.uuid4()), time, CommandKind(kind), None, name, json.dumps(said)))


def test_the_latest_declaration_counts_and_survives_a_rebuild(store: LineageStore) -> None:
    lines = [
        declare("declare", "namespace:b", {"owner": "late"}, 5),
        declare("declare", "namespace:b", {"owner": "early"}, 1),
        declare("retract", "namespace:a", {"owner": "x"}, 2),
        declare("declare", "source:b", {"type": "KAFKA"}, 3),
    ]
    assert ingest(store, lines).accepted == 4
    for _ in range(2):
        found = store.catalog.declared(Subject.NAMESPACE)
        assert [(one.name, one.said["owner"], one.gone) for one in found] == [
            ("a", "x", True),
            ("b", "late", False),
        ]
        assert [one.at for one in store.catalog.declared(Subject.NAMESPACE, "b")] == [moment(5)]
        rebuild(store)


def test_what_is_declared_of_a_dataset(store: LineageStore) -> None:
    a = nodes.dataset("ns", "a")
    give(store, CommandKind.DECLARE, a, value='{"physicalName": "A"}')
    assert store.catalog.declared_of([a.key, 7]) == {a.key: {"physicalName": "A"}}


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ({"command": "declare", "name": "planet:x", "value": "{}"}, "namespace:NAME"),
        ({"command": "declare", "name": "tag: ", "value": "{}"}, "namespace:NAME"),
        ({"command": "declare", "name": "tag:x", "value": "[]"}, "no JSON object"),
        ({"command": "declare", "name": "tag:x", "value": "{"}, "no JSON object"),
        (
            {"command": "declare", "value": "{}", "name": "x", "node": JOB},
            "a dataset or job",
        ),
        ({"command": "tag", "name": "x"}, "needs a node"),
    ],
)
def test_a_declaration_that_says_nothing_is_refused(command: dict[str, Any], problem: str) -> None:
    whole = {"id": str(uuid.uuid4()), "time": at(1), **command}
    with pytest.raises(InvalidCommandError, match=problem):
        command_of(json.dumps({"lineageCommand": whole}).encode())
