"""Tags, owners, descriptions and deletions: given by commands, by facets, and both."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import permutations

import pytest
from made_events import dataset, dump, edges, feeds, job_event, put, run_event, schema

from graph.ingest import IngestCounts, as_of, derive, give, ingest, rebuild
from graph.nodes import Node, NodeType, field, job
from graph.nodes import dataset as dataset_node
from graph.records import EdgeKind
from graph.store import LineageReader, LineageStore
from graph.store.commands import Annotations, Command, CommandKind, Label, line_of
from graph.store.queries import QueryFilter

A, B, C, JOB = dataset_node("ns", "a"), dataset_node("ns", "b"), dataset_node("ns", "c"), job("ns", "job")
SECOND = 1_000_000_000
NEW_YEAR = 1_767_225_600 * SECOND


def command(kind: str, node: Node, second: int, name: str = "", value: str = "") -> Command:
    """Return a command of a second of the first days of 2026, with the same id for the same command."""
    return Command(
        f"00000000-0000-4000-8000-{second:012}",
        NEW_YEAR + second * SECOND,
        CommandKind(kind),
        node,
        name,
        value,
    )


def order(store: LineageStore, *commands: Command) -> IngestCounts:
    return ingest(store, [line_of(one) for one in commands])


def said(store: LineageStore, node: Node) -> Annotations:
    return store.annotations([node.key])[node.key]


def with_a_chain(store: LineageStore) -> None:
    put(
        store,
        run_event("r", "COMPLETE", 1, inputs=["a"], outputs=["b"]),
        run_event("s", "COMPLETE", 2, job="next", inputs=["b"], outputs=["c"]),
    )


@pytest.mark.parametrize("seconds", list(permutations((1, 2, 3))))
def test_of_commands_about_one_thing_the_latest_counts_in_any_order(
    store: LineageStore, seconds: tuple[int, ...]
) -> None:
    with_a_chain(store)
    kinds = {1: ("tag", "1"), 2: ("untag", ""), 3: ("tag", "2")}
    order(store, *(command(kinds[at][0], A, at, "tier", kinds[at][1]) for at in seconds))
    order(store, *(command("describe", A, at + 10, value=f"text {at}") for at in seconds))
    assert said(store, A) == Annotations((Label("tier", "2"),), (), "text 3")


def test_a_command_is_kept_once(store: LineageStore) -> None:
    with_a_chain(store)
    one = command("own", JOB, 1, "team:sales", "MAINTAINER")
    assert order(store, one, one) == IngestCounts(accepted=1, duplicate=1)
    assert order(store, one) == IngestCounts(duplicate=1)
    assert said(store, JOB).owners == (Label("team:sales", "MAINTAINER"),)
    assert store.commands() == [(3, one)]
    assert [number for number, _ in store.bodies()] == [1, 2]


def test_what_facets_say_and_what_commands_say_is_read_as_one(store: LineageStore) -> None:
    """PV-42"""
    facets = {
        "tags": {"tags": [{"key": "pii", "value": "true"}, {"key": "old", "value": "true"},
                          {"key": "mask", "value": "sha", "field": "x"}]},
        "ownership": {"owners": [{"name": "team:a", "type": "OWNER"}]},
        "documentation": {"description": "of the event"},
        "schema": {"fields": [{"name": "x", "type": "text", "description": "of the field"}]},
    }  # fmt: skip
    put(store, job_event(1, inputs=[dataset("a", **facets)]))
    x = field("ns", "a", "x")
    order(
        store,
        command("untag", A, 1, "old"),
        command("tag", A, 2, "gold"),
        command("own", A, 3, "team:b"),
        command("tag", x, 4, "mask", "md5"),
    )
    assert said(store, A) == Annotations(
        (Label("gold"), Label("pii", "true")), (Label("team:a", "OWNER"), Label("team:b")), "of the event"
    )
    assert said(store, x) == Annotations((Label("mask", "md5"),), (), "of the field")
    order(store, command("describe", A, 5, value="of a person"))
    assert said(store, A).description == "of a person"
    order(store, command("describe", A, 6))
    assert said(store, A).description == "of the event"


def test_a_deleted_dataset_vanishes_from_answers_and_comes_back(store: LineageStore) -> None:
    put(store, job_event(1, job="lists", inputs=[dataset("b", schema=schema("x"))], outputs=["d"]))
    with_a_chain(store)
    before = dump(store)
    give(store, CommandKind.DELETE, B)

    assert store.deleted() == [B]
    assert store.lookup(B) is None
    assert store.lookup(field("ns", "b", "x")) is None
    assert store.named("b", [NodeType.DATASET]) == []
    assert B.key not in dict(store.all_nodes(list(NodeType)))
    assert feeds(store) == set()
    assert edges(store, EdgeKind.READS) == {"a -> job"}

    give(store, CommandKind.UNDELETE, B)
    assert dump(store) == before
    assert store.deleted() == []


def test_a_deleted_job_joins_nothing(store: LineageStore) -> None:
    """A job that is gone is no bridge between its datasets."""
    with_a_chain(store)
    give(store, CommandKind.DELETE, JOB)
    assert feeds(store) == {"b -> c"}
    assert store.lookup(JOB) is None
    assert [run.job_name for run in store.runs()] == ["next"]
    put(store, run_event("t", "COMPLETE", 3, inputs=["x"], outputs=["y"]))
    assert feeds(store) == {"b -> c"}, "an event from before the deletion brings nothing back"
    give(store, CommandKind.UNDELETE, JOB)
    assert feeds(store) == {"a -> b", "b -> c", "x -> y"}


def test_a_deleted_job_has_written_and_run_nothing_also_before(store: LineageStore) -> None:
    """As of an earlier time, too: what is deleted is left out of all answers."""
    counts = {"count": 1, "totalDurationMs": 1.0, "maxDurationMs": 1.0}
    queries = {"service": "s", "queries": [{"fingerprint": "sha256:" + "a" * 64, "counts": counts}]}
    facets = {"lineageGraph_queryAttribution": queries}
    for name in ("kept", "retired"):
        put(store, run_event(name, "COMPLETE", 5, job=name, inputs=["a"], outputs=["b"], run_facets=facets))
    began, ended = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)

    def shown(reader: LineageReader) -> list[object]:
        return [
            {store.nodes([key])[key].name for key in reader.writers([B.key]).get(B.key, ())},
            {run.job_name for run in reader.runs()},
            sum(reader.count_runs(since=began, until=ended).values()),
            {query.job.name for query in reader.queries(QueryFilter())},
            {node.name for node in dict(reader.all_nodes([NodeType.JOB])).values()},
            reader.lookup(job("ns", "retired")),
        ]

    readers = (store, as_of(store, datetime(2026, 1, 1, 12, tzinfo=UTC)))
    both = {"kept", "retired"}
    for reader in readers:
        assert shown(reader) == [both, both, 2, both, both, job("ns", "retired")]
    give(store, CommandKind.DELETE, job("ns", "retired"))
    for reader in (store, as_of(store, datetime(2026, 1, 1, 12, tzinfo=UTC))):
        assert shown(reader) == [{"kept"}, {"kept"}, 1, {"kept"}, {"kept"}, None]


def test_a_later_event_brings_back_what_it_names(store: LineageStore) -> None:
    with_a_chain(store)
    order(store, command("delete", B, 10), command("delete", JOB, 11))
    assert feeds(store) == set()
    put(store, run_event("u", "START", 12, inputs=["a"], outputs=["b"]))
    assert store.deleted() == []
    assert feeds(store) == {"a -> b", "b -> c"}


FILES = dataset_node("ns", "files")
LINKED = dataset("files", symlinks={"identifiers": [{"namespace": "ns", "name": "db.t"}]})
BY_LINK = dataset_node("ns", "db.t")


@pytest.mark.parametrize("linked_first", [True, False])
@pytest.mark.parametrize("node", [FILES, BY_LINK])
def test_a_later_event_brings_back_what_it_names_by_another_name(
    store: LineageStore, node: Node, linked_first: bool
) -> None:
    """Deleted under one of two names, heard of by the other: whether they were known as one then or not."""
    events = [
        run_event("w", "COMPLETE", 1, job="w", inputs=["raw"], outputs=[LINKED]),
        run_event("r", "COMPLETE", 2, job="r", inputs=["db.t"], outputs=["out"]),
    ]
    for event in events if linked_first else events[::-1]:
        put(store, event)
    order(store, command("delete", node, 5))
    assert store.deleted() == [FILES]
    assert store.lookup(FILES) is None
    assert store.lookup(BY_LINK) is None
    assert feeds(store) == set()
    rebuild(store)
    assert store.deleted() == [FILES]
    put(store, run_event("r2", "COMPLETE", 9, job="r", inputs=["db.t"], outputs=["out"]))
    assert store.deleted() == []
    assert feeds(store) == {"raw -> files", "files -> out"}
    rebuild(store)
    assert feeds(store) == {"raw -> files", "files -> out"}


def test_a_name_that_comes_to_stand_for_a_deleted_dataset_brings_it_back(store: LineageStore) -> None:
    put(store, run_event("r", "COMPLETE", 1, job="r", inputs=["db.t"], outputs=["out"]))
    order(store, command("delete", BY_LINK, 5), command("tag", BY_LINK, 6, "tier", "1"))
    assert store.deleted() == [BY_LINK]
    put(store, run_event("w", "COMPLETE", 9, job="w", inputs=["raw"], outputs=[LINKED]))
    assert store.deleted() == []
    assert feeds(store) == {"raw -> files", "files -> out"}
    order(store, command("delete", FILES, 20), command("undelete", BY_LINK, 21))
    assert store.deleted() == []
    assert said(store, FILES).tags == (Label("tier", "1"),)


def test_a_deletion_given_now_holds_against_events_of_the_future(store: LineageStore) -> None:
    put(store, run_event("r", "COMPLETE", "2199-01-01T00:00:00.123456789Z", inputs=["a"], outputs=["b"]))
    give(store, CommandKind.DELETE, B)
    assert store.deleted() == [B]


def test_commands_survive_a_rebuild(store: LineageStore) -> None:
    with_a_chain(store)
    order(
        store, command("tag", A, 3, "pii"), command("describe", C, 4, value="text"), command("delete", B, 10)
    )
    order(store, command("delete", JOB, 11))
    put(store, run_event("u", "START", 12, outputs=["z"]))
    derive(store)
    before, log = dump(store), store.commands()
    rebuild(store)
    assert dump(store) == before
    assert store.commands() == log
    assert store.deleted() == [B]
    assert said(store, A).tags == (Label("pii"),)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"command": "shout"}, "Invalid enum value 'shout'"),
        ({"time": "yesterday"}, "time 'yesterday' is not a time"),
        ({"name": " "}, "tag needs a name"),
        ({"node": {"type": "FIELD", "namespace": "ns", "name": "a"}}, "a FIELD needs the name of its field"),
        ({"further": 1}, "further"),
        ({"who": "a\0"}, "a text holds a NUL"),
    ],
)
def test_what_is_no_command_is_rejected_with_the_reason(
    store: LineageStore, change: dict[str, object], reason: str
) -> None:
    told = json.loads(line_of(command("tag", A, 1, "pii")))
    told["lineageCommand"] |= change
    assert ingest(store, [json.dumps(told).encode()]) == IngestCounts(rejected=1)
    (letter,) = store.dead_letters()
    assert reason in letter.reasons[0]


def test_events_that_speak_of_commands_stay_events(store: LineageStore) -> None:
    event = {**run_event("r", "COMPLETE", 1, outputs=["a"]), "lineageCommand": {"command": "delete"}}
    put(store, event)
    assert store.commands() == []
