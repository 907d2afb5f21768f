"""What differs between two states of the graph."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from made_events import dataset, put, run_event, run_id

from graph.errors import InvalidQueryError
from graph.ingest import as_of
from graph.ingest.batch import understand
from graph.queries.code_versions import runs_of_versions
from graph.queries.comparison import Comparison, compare_runs, compare_times
from graph.store.base import LineageStore
from graph.store.history import RunSaying

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def table(name: str, *columns: tuple[str, str], made: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a dataset with columns and their types, and for some the field of `raw` each is made from."""
    fields = [{"name": column, "type": type_} for column, type_ in columns]
    facets: dict[str, Any] = {"schema": {"fields": fields}}
    if made:
        sources = {
            column: {"inputFields": [{"namespace": "ns", "name": "raw", "field": source}]}
            for column, source in made.items()
        }
        facets["columnLineage"] = {"fields": sources}
    return dataset(name, **facets)


RAW = table("raw", ("id", "int"), ("amount", "int"), ("note", "text"))
OLD = table(
    "sales",
    *(("id", "int"), ("amount", "int"), ("note", "text"), ("gone", "date")),
    made={"id": "id", "amount": "amount"},
)
NEW = table(
    "sales",
    *(("extra", "bool"), ("id", "bigint"), ("total", "int"), ("note", "text")),
    made={"id": "id", "total": "amount"},
)


def versioned(version: str) -> dict[str, Any]:
    return {"sourceCodeLocation": {"type": "git", "url": "https://example.com", "version": version}}


@pytest.fixture
def changed(store: LineageStore) -> LineageStore:
    """A store whose job changed on its eleventh run: another input, and its table's columns."""
    first = {"inputs": [RAW, "old_rates"], "outputs": [OLD], "job_facets": versioned("v1")}
    second = {"inputs": [RAW, "rates"], "outputs": [NEW], "job_facets": versioned("v2")}
    events = [run_event(f"one {n}", "COMPLETE", 100 + n, **first) for n in range(3)]
    events += [run_event(f"two {n}", "COMPLETE", 1000 + n, **second) for n in range(12)]
    put(store, *events)
    return store


EXPECTED = {
    "appeared FEEDS rates -> sales",
    "appeared READS rates -> job",
    "vanished FEEDS old_rates -> sales",
    "vanished READS old_rates -> job",
    "appeared FIELD raw.amount -> sales.total",
    "vanished FIELD raw.amount -> sales.amount",
    "vanished field sales.amount (maybe sales.total)",
    "appeared field sales.total (maybe sales.amount)",
    "vanished field sales.gone",
    "appeared field sales.extra",
    "changed field sales.id int bigint",
}


def told(found: Comparison) -> set[str]:
    lines = set()
    for item in (each.as_json() for each in found.items):
        label = {key: value.split("ns:")[-1].replace(":", ".") for key, value in item.items() if key in IDS}
        if item["what"] == "edge":
            lines.add(f"{item['change']} {item['kind']} {label['source']} -> {label['target']}")
        else:
            line = f"{item['change']} {item['what']} {label['node']}"
            maybe = label.get("maybeRenamedFrom") or label.get("maybeRenamedTo")
            line += f" (maybe {maybe})" if maybe else ""
            if item["change"] == "changed":
                line += f" {item['typeBefore']} {item['typeAfter']}"
            lines.add(line)
    return lines


IDS = ("source", "target", "node", "maybeRenamedFrom", "maybeRenamedTo")


def test_two_times_differ_by_planted_edges_a_renamed_field_and_a_type(changed: LineageStore) -> None:
    found = compare_times(as_of(changed, BEGIN + timedelta(seconds=500)), changed)
    assert told(found) == EXPECTED


def test_the_other_way_round_everything_is_the_other_way_round(changed: LineageStore) -> None:
    found = told(compare_times(changed, as_of(changed, BEGIN + timedelta(seconds=500))))
    assert "appeared field sales.amount (maybe sales.total)" in found
    assert "changed field sales.id bigint int" in found
    assert len(found) == len(EXPECTED)


def test_a_time_does_not_differ_from_itself(changed: LineageStore) -> None:
    then = as_of(changed, BEGIN + timedelta(seconds=500))
    assert compare_times(then, as_of(changed, BEGIN + timedelta(seconds=600))).items == ()


def test_before_the_first_event_there_was_nothing(changed: LineageStore) -> None:
    found = compare_times(as_of(changed, BEGIN), as_of(changed, BEGIN + timedelta(seconds=500)))
    assert {item.change for item in found.items} == {"appeared"}
    assert {"appeared schema sales", "appeared FEEDS raw -> sales"} <= told(found)


def saying(store: LineageStore, run: str) -> RunSaying:
    said = store.run_saying(run, understand)
    assert said is not None
    return said


def test_two_runs_differ_by_what_each_said(changed: LineageStore) -> None:
    before, after = saying(changed, run_id("one 1")), saying(changed, run_id("two 0"))
    assert told(compare_runs(changed, before, after)) == EXPECTED
    assert changed.run_saying("no such run", understand) is None


def test_two_versions_of_a_job_are_compared_by_their_latest_runs(changed: LineageStore) -> None:
    """PV-16: what each version of the code derived, and from what."""
    before, after = runs_of_versions(changed, lambda run: saying(changed, run), "job")
    assert (before.code_version, after.code_version) == ("v1", "v2")
    assert (before.run_id, after.run_id) == (run_id("one 2"), run_id("two 11"))
    after, before = runs_of_versions(changed, lambda run: saying(changed, run), "job", ["v2", "v1"])
    assert (before.code_version, after.code_version) == ("v1", "v2")
    with pytest.raises(InvalidQueryError, match=r"no version 'v9'.*v1, v2"):
        runs_of_versions(changed, lambda run: saying(changed, run), "job", ["v1", "v9"])


def test_a_field_edge_that_is_made_in_another_way_has_changed(store: LineageStore) -> None:
    def made(how: str) -> dict[str, Any]:
        source = {"namespace": "ns", "name": "raw", "field": "x"}
        ways = [{"type": "DIRECT", "subtype": how}]
        lineage = {"fields": {"y": {"inputFields": [{**source, "transformations": ways}]}}}
        return dataset("t", columnLineage=lineage)

    put(store, *[run_event("a", "COMPLETE", 10, outputs=[made("IDENTITY")])])
    put(store, *[run_event(f"b{n}", "COMPLETE", 20 + n, outputs=[made("AGGREGATION")]) for n in range(10)])
    then = as_of(store, BEGIN + timedelta(seconds=15))
    (item,) = (each.as_json() for each in compare_times(then, store).items)
    assert (item["change"], item["before"], item["after"]) == (
        "changed",
        [{"type": "DIRECT", "subtype": "IDENTITY"}],
        [{"type": "DIRECT", "subtype": "AGGREGATION"}],
    )
