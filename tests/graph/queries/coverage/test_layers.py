"""Layers, critical columns, and what was not heard of."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import networkx as nx
import pytest
from made_events import dataset, dataset_event, job_event, put, run_event, schema

from graph.errors import AmbiguousNameError, InvalidQueryError
from graph.queries import Check, CheckResult, Layer, check_coverage
from graph.store import LineageStore

DAY = 86_400


def checked(store: LineageStore, check: Check, **asked: Any) -> CheckResult:
    (result,) = check_coverage(store, [check], **asked)
    return result


def found(result: CheckResult) -> set[str]:
    return {each.where for each in result.findings}


def columns(**sources: str) -> dict[str, Any]:
    fields = {
        name: {
            "inputFields": [
                {"namespace": "ns", "name": source.rpartition(".")[0], "field": source.rpartition(".")[2]}
            ]
        }
        for name, source in sources.items()
    }
    return {"columnLineage": {"fields": fields}}


def test_a_dataset_that_nothing_of_the_layer_before_leads_to_is_found(store: LineageStore) -> None:
    """DD-18: every transition from bronze to silver to gold has table lineage, or is listed."""
    put(
        store,
        run_event("1", "COMPLETE", 1, job="a", inputs=["lake.bronze.o"], outputs=["lake.tmp.o"]),
        run_event("2", "COMPLETE", 2, job="b", inputs=["lake.tmp.o"], outputs=["lake.silver.o"]),
        run_event("3", "COMPLETE", 3, job="c", inputs=["lake.silver.o"], outputs=["lake.gold.good"]),
        run_event("4", "COMPLETE", 4, job="d", inputs=["lake.bronze.o"], outputs=["lake.gold.skips"]),
        run_event("5", "COMPLETE", 5, job="e", outputs=["lake.gold.blind"]),
        dataset_event(6, "lake.silver.declared"),
    )

    result = checked(store, Check.LAYERS)

    assert {each.where: each.problem for each in result.findings} == {
        "lake.gold.blind": "nothing is upstream; written by e",
        "lake.gold.skips": "nothing of silver is upstream; written by d",
        "lake.silver.declared": "nothing is upstream; no event names it as an output",
    }
    assert (result.total, result.missing) == (5, 3)


def test_without_two_of_the_usual_layers_nothing_is_judged(store: LineageStore) -> None:
    put(store, dataset_event(0, "shop.gold.alone"))

    assert "--layer" in (checked(store, Check.LAYERS).skipped or "")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("silver", {"shop.silver.d"}),
        ("SilveR", {"shop.silver.d"}),
        ("gold", {"shop.gold.a", "lake/gold/b", "gold"}),
        ("gold*", {"shop.gold.a", "lake/gold/b", "shop.gold_eu.c", "gold"}),
        ("shop.gold.*", {"shop.gold.a"}),
        ("ns/lake/*", {"lake/gold/b"}),
        ("ns", {"shop.gold.a", "lake/gold/b", "shop.gold_eu.c", "shop.silver.d", "prices.gold", "gold"}),
        ("gold_??", {"shop.gold_eu.c"}),
        ("prices", {"prices.gold"}),
    ],
)
def test_a_pattern_matches_a_whole_part_and_not_the_dataset_s_own_name(
    store: LineageStore, pattern: str, matches: set[str]
) -> None:
    names = ["shop.gold.a", "lake/gold/b", "shop.gold_eu.c", "shop.silver.d", "prices.gold", "gold"]
    put(store, *(dataset_event(0, name) for name in names))

    result = checked(store, Check.LAYERS, layers=[Layer("gold", pattern)])

    # Alone, each dataset of the layer needs something upstream, and none of these has it.
    assert found(result) == matches


def test_layers_are_those_given_and_an_empty_one_is_a_finding(store: LineageStore) -> None:
    put(
        store,
        run_event("1", "COMPLETE", 1, job="a", inputs=["raw.o"], outputs=["marts.o"]),
        run_event("2", "COMPLETE", 2, job="b", outputs=["marts.p"]),
    )
    layers = [Layer("raw", "raw"), Layer("core", "core_*"), Layer("marts", "marts")]

    result = checked(store, Check.LAYERS, layers=layers)

    assert found(result) == {"core", "marts.p"}
    assert (result.total, result.missing) == (3, 2)
    with pytest.raises(InvalidQueryError, match="two layers"):
        checked(store, Check.LAYERS, layers=[Layer("raw", "a"), Layer("raw", "b")])


@pytest.mark.parametrize("seed", range(5))
def test_on_a_random_graph_it_is_what_networkx_says(store: LineageStore, seed: int) -> None:
    dice = random.Random(seed)
    names = [f"{dice.choice(['bronze', 'silver', 'gold', 'tmp'])}.t{n}" for n in range(30)]
    pairs = {(dice.choice(names), dice.choice(names)) for _ in range(30)}
    put(
        store,
        *(dataset_event(0, name) for name in names),
        *(
            run_event(
                f"{source}{target}",
                "COMPLETE",
                1,
                job=f"{source}>{target}",
                inputs=[source],
                outputs=[target],
            )
            for source, target in sorted(pairs)
        ),
    )
    graph = nx.DiGraph(sorted(pairs))
    graph.add_nodes_from(names)

    expected = {
        name
        for before, layer in (("bronze", "silver"), ("silver", "gold"))
        for name in names
        if name.startswith(layer) and not any(up.startswith(before) for up in nx.ancestors(graph, name))
    }

    assert found(checked(store, Check.LAYERS)) == expected


def test_a_critical_column_nobody_knows_the_making_of_is_found(store: LineageStore) -> None:
    """DD-19: the list of critical columns without lineage is empty, or says which they are."""
    filtered = {
        "total": {"inputFields": []},
        "region": {
            "inputFields": [
                {"namespace": "ns", "name": "a", "field": "r", "transformations": [{"type": "INDIRECT"}]}
            ]
        },
    }
    put(
        store,
        run_event(
            "1",
            "COMPLETE",
            1,
            job="build",
            inputs=["a"],
            outputs=[dataset("gold.known", schema=schema("x"), **columns(x="a.x"))],
        ),
        run_event(
            "2",
            "COMPLETE",
            2,
            job="blind",
            inputs=["a"],
            outputs=[dataset("gold.m", schema=schema("total", "region"), columnLineage={"fields": filtered})],
        ),
        dataset_event(3, "gold.bare"),
    )
    critical = ["gold.known", "gold.m", "gold.known.x", "gold.bare", "gold.known2.x"]

    result = checked(store, Check.CRITICAL_COLUMNS, critical=critical)

    problems = {each.where: each.problem for each in result.findings}
    assert problems.keys() == {"gold.m.total", "gold.m.region", "gold.bare", "gold.known2.x"}
    assert "not known what it is made from" in problems["gold.m.total"]
    assert "only what filters" in problems["gold.m.region"]
    assert "Did you mean gold.known" in problems["gold.known2.x"]
    assert (result.total, result.missing) == (5, 4)
    assert checked(store, Check.CRITICAL_COLUMNS, critical=["gold.known"]).share == 1


def test_a_critical_name_that_means_two_things_is_refused(store: LineageStore) -> None:
    put(store, dataset_event(0, "a.gold"), dataset_event(0, "b.gold"))

    with pytest.raises(AmbiguousNameError):
        checked(store, Check.CRITICAL_COLUMNS, critical=["gold"])


def test_what_was_not_heard_of_for_long_is_stale(store: LineageStore) -> None:
    """DD-25: jobs and datasets of retired pipelines are found, the oldest first; nothing is written."""
    put(
        store,
        run_event("1", "COMPLETE", 0, job="retired", inputs=["shared"], outputs=["old"]),
        run_event("2", "COMPLETE", 100, job="lives", inputs=["shared"], outputs=["new"]),
        run_event("3", "COMPLETE", 20 * DAY, job="lives", inputs=["shared"], outputs=["new"]),
        job_event(5, job="declared long ago"),
        dataset_event(6, "declared too", schema=schema("a")),
        dataset_event(20 * DAY, "declared lately", schema=schema("a")),
    )
    before = store.counts()

    result = checked(store, Check.STALE, older_than=timedelta(days=7))

    assert [each.where for each in result.findings] == ["old", "retired", "declared long ago", "declared too"]
    assert (result.total, result.missing) == (8, 4)
    assert store.counts() == before
    assert checked(store, Check.STALE, older_than=timedelta(days=30)).missing == 0
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert checked(store, Check.STALE, as_of=later).missing == 8


def test_a_run_that_goes_on_telling_of_itself_keeps_its_job_fresh(store: LineageStore) -> None:
    put(
        store,
        run_event("stream", "START", 0, job="stream", outputs=["topic"]),
        run_event("stream", "RUNNING", 20 * DAY, job="stream", outputs=["topic"]),
    )

    assert checked(store, Check.STALE, older_than=timedelta(days=7)).missing == 0
