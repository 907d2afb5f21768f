"""What is kept of how runs went: row counts, tests, schemas and code versions, in any order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from made_events import dataset, dataset_event, put, run_event, run_id, schema

from graph.ingest import derive, ingest
from graph.nodes import dataset as dataset_node
from graph.nodes import job as job_node
from graph.store import LineageStore
from graph.store.history import Assertions, Said, Written
from lineage import track_run
from lineage.testing import capture

EVER = datetime(9999, 1, 1, tzinfo=UTC)
OUT = dataset_node("ns", "out").key
JOB = job_node("ns", "job").key


def output(name: str = "out", *, rows: Any = None, size: Any = None, **facets: Any) -> dict[str, Any]:
    counted = {key: value for key, value in (("rowCount", rows), ("size", size)) if value is not None}
    return {**dataset(name, **facets), "outputFacets": {"outputStatistics": counted}}


def wrote(store: LineageStore) -> dict[str, Written]:
    """Return what each run wrote to `out`, by run id."""
    runs = store.job_runs([JOB], until=EVER, limit=100)
    return {run.run_id: run.wrote[OUT] for run in runs if OUT in run.wrote}


def judged(store: LineageStore, name: str) -> list[Assertions]:
    return store.assertions([dataset_node("ns", name).key], until=EVER, limit=100)


def test_rows_and_bytes_are_kept_by_run_and_absent_is_not_zero(store: LineageStore) -> None:
    put(store, run_event("a", "COMPLETE", 1, outputs=[output(rows=5, size=70)]))
    put(store, run_event("b", "COMPLETE", 2, outputs=[output(rows=0)]))
    put(store, run_event("c", "COMPLETE", 3, outputs=[output()]))
    assert wrote(store) == {
        run_id("a"): Written(5, 70),
        run_id("b"): Written(0, None),
        run_id("c"): Written(None, None),
    }


@pytest.mark.parametrize("wrong", [-1, 2**70, 1.5, True, "7"])
def test_a_count_that_is_none_is_not_kept(store: LineageStore, wrong: Any) -> None:
    put(store, run_event("a", "COMPLETE", 1, outputs=[output(rows=wrong)]))
    assert wrote(store) == {run_id("a"): Written()}


def test_the_later_count_of_a_run_is_the_one(store: LineageStore) -> None:
    """Whatever order they come in."""
    put(store, run_event("a", "COMPLETE", 9, outputs=[output(rows=9)]))
    put(store, run_event("a", "RUNNING", 5, outputs=[output(rows=5)]))
    put(store, run_event("a", "OTHER", 10, outputs=["out"]))
    assert wrote(store) == {run_id("a"): Written(9)}


def test_a_run_without_anything_to_keep_keeps_no_row(store: LineageStore) -> None:
    """Beside its own row a run of a known shape leaves nothing more behind."""
    put(store, run_event("a", "COMPLETE", 1, inputs=["in"], outputs=[dataset("out", schema=schema("x"))]))
    tables = ("observation", "form", "form_entity", "content", "shape", "facet", "edge")
    before = {name: held(store, name) for name in tables}
    assert before["observation"] == 0
    for number in range(5):
        said = {"inputs": ["in"], "outputs": [dataset("out", schema=schema("x"))]}
        put(store, run_event(f"r{number}", "COMPLETE", 2 + number, **said))
    assert {name: held(store, name) for name in tables} == before


def held(store: Any, table: str) -> int:
    return int(store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_counts_by_statement_are_of_what_the_statement_writes(store: LineageStore) -> None:
    """As our own runs send them: known only when the SQL has been read; the same target is added up."""
    statements = [
        {"query": f"insert into s.{table} select * from s.raw", "dialect": "postgres", "namespace": "postgres://h:5432",
         "database": "db"}
        for table in ("one", "two", "one")
    ]  # fmt: skip
    counted = [{"statement": place, "rowCount": rows} for place, rows in enumerate((10, 7, 5))]
    put(
        store,
        run_event(
            "a",
            "COMPLETE",
            1,
            job_facets={"lineageGraph_statements": {"statements": statements}},
            run_facets={"lineageGraph_outputStatistics": {"statistics": counted}},
        ),
    )
    assert derive(store).complete
    (run,) = store.job_runs([JOB], until=EVER, limit=9)
    names = {node.name: run.wrote[key] for key, node in store.nodes(run.wrote).items()}
    assert names == {"db.s.one": Written(15), "db.s.two": Written(7)}


def test_a_run_of_our_own_tells_how_much_its_statements_wrote(store: LineageStore) -> None:
    with capture() as captured, track_run("job", job_namespace="ns") as run:
        run.sql("insert into s.out select * from s.raw", dialect="postgres", namespace="postgres://h:5432",
                database="db")  # fmt: skip
        run.output_statistics(row_count=42)
    assert ingest(store, [json.dumps(event).encode() for event in captured]).rejected == 0
    assert derive(store).complete
    (known,) = store.job_runs([JOB], until=EVER, limit=9)
    assert list(known.wrote.values()) == [Written(42)]


def test_tests_come_from_assertions_and_from_the_run(store: LineageStore) -> None:
    """An assertion that stands twice is one; a test of the run that is an assertion too is not repeated."""
    checks = {
        "assertions": [{"assertion": "not_null", "name": "n", "column": "x", "success": False, "actual": "3"}]
    }
    tested = {**dataset("in", dataQualityAssertions=checks), "inputFacets": {"dataQualityAssertions": checks}}
    of_run = {"tests": [{"name": "n", "status": "fail"}, {"name": "whole", "status": "pass"}]}
    put(store, run_event("a", "FAIL", 1, inputs=[tested], outputs=[], run_facets={"test": of_run}))
    (found,) = judged(store, "in")
    assert [(test.name, test.column, test.passed, test.actual) for test in found.tests] == [
        ("n", "x", False, "3"),
        ("whole", None, True, None),
    ]
    assert (found.run_id, found.job) == (run_id("a"), JOB)


def test_what_is_no_test_result_is_passed_over(store: LineageStore) -> None:
    checks = {"assertions": [{"assertion": "a", "success": "yes"}, "b", None, {"success": True}]}
    tested = {**dataset("in"), "inputFacets": {"dataQualityAssertions": checks}}
    put(store, run_event("a", "COMPLETE", 1, inputs=[tested], run_facets={"test": {"tests": "none"}}))
    (found,) = judged(store, "in")
    assert [(test.name, test.passed) for test in found.tests] == [("test", True)]


def test_a_schema_is_kept_once_with_its_first_and_last_time(store: LineageStore) -> None:
    for second in (5, 3, 9):
        put(
            store,
            run_event(f"r{second}", "COMPLETE", second, outputs=[dataset("out", schema=schema("a", "b"))]),
        )
    put(store, run_event("f", "FAIL", 12, outputs=[dataset("out", schema=schema("c"))]))
    (known,) = store.versions([OUT], until=EVER)
    assert (known.kind, known.owner, known.body) == (Said.WRITTEN_SCHEMA, JOB, (("a", "text"), ("b", "text")))
    assert (known.first.second, known.last.second) == (3, 9)


def test_schemas_of_readers_writers_and_datasets_are_kept_apart(store: LineageStore) -> None:
    put(store, run_event("a", "COMPLETE", 1, outputs=[dataset("out", schema=schema("w"))]))
    put(store, run_event("b", "COMPLETE", 2, job="reader", inputs=[dataset("out", schema=schema("r"))]))
    put(store, dataset_event(3, "out", schema=schema("d")))
    said = {(each.kind, each.owner): each.body[0][0] for each in store.versions([OUT], until=EVER)}
    assert said == {
        (Said.WRITTEN_SCHEMA, JOB): "w",
        (Said.READ_SCHEMA, job_node("ns", "reader").key): "r",
        (Said.WRITTEN_SCHEMA, -OUT): "d",
    }


def test_the_version_of_the_code_is_kept_also_of_failed_runs(store: LineageStore) -> None:
    for second, version, end in (
        (1, "x", "COMPLETE"),
        (4, "y", "FAIL"),
        (2, "x", "COMPLETE"),
        (3, " ", "FAIL"),
    ):
        code = {"sourceCodeLocation": {"type": "git", "url": "u", "version": version}}
        put(store, run_event(f"r{second}", end, second, job_facets=code))
    said = [
        (each.body[0][0], each.first.second, each.last.second) for each in store.versions([JOB], until=EVER)
    ]
    assert said == [("x", 1, 2), ("y", 4, 4)]


def test_the_latest_event_time_is_of_any_event(store: LineageStore) -> None:
    assert store.latest_event_time() is None
    put(store, dataset_event(30, "d", documentation={"description": "x"}), run_event("a", "START", 4))
    assert store.latest_event_time() == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


def test_the_runs_of_a_job_are_the_latest_ones_until_a_time(store: LineageStore) -> None:
    put(store, *(run_event(f"r{second}", "COMPLETE", second) for second in range(10)))
    put(store, run_event("other", "COMPLETE", 3, job="other"))
    until = datetime(2026, 1, 1, 0, 0, 6, tzinfo=UTC)
    runs = store.job_runs([JOB], until=until, limit=3)
    assert [run.run_id for run in runs] == [run_id(f"r{second}") for second in (6, 5, 4)]
    assert store.writers([OUT]) == {}


@pytest.mark.parametrize("seed", range(4))
def test_of_runs_at_the_same_time_the_order_of_arrival_does_not_choose(
    store: LineageStore, seed: int
) -> None:
    """Where a limit cuts off, those with the lesser ids are listed: runs, tests, and in the catalogue."""
    checks = {"assertions": [{"assertion": "a", "success": True}]}
    checked = {**dataset("out"), "inputFacets": {"dataQualityAssertions": checks}}
    events = [run_event(f"r{number}", "COMPLETE", 5, inputs=[checked]) for number in range(9)]
    put(store, *Random(seed).sample(events, len(events)))
    least = sorted(run_id(f"r{number}") for number in range(9))[:3]
    assert [run.run_id for run in store.job_runs([JOB], until=EVER, limit=3)] == least
    assert [each.run_id for each in store.assertions([OUT], until=EVER, limit=3)] == least
    assert [run.run_id for run in store.runs(jobs=[JOB], limit=3)] == least
    assert [each.record.run_id for each in store.catalog.runs_of(JOB, limit=3, offset=0).runs] == least
    assert [each.record.run_id for each in store.catalog.latest_runs([JOB], 3)[JOB]] == least
