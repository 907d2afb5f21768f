"""What becomes a suspect, what is folded into another one, and in which order they stand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from made_events import at, dataset, put, run_event, run_id

from graph.queries import diagnose_metric
from graph.queries.diagnosis import Diagnosis, Kind
from graph.store import LineageStore

HOUR = 3600


def run(name: str, hour: float, end: str = "COMPLETE", **keys: Any) -> list[dict[str, Any]]:
    """Return start and end of a run of `raw -> a -> b -> mart`: each job is called as what it writes."""
    reads = {"raw": [], "a": ["raw"], "b": ["a"], "mart": ["b"]}[name]
    key, begin, seconds = f"{name}{hour}{keys.pop('key', '')}", int(hour * HOUR), keys.pop("seconds", 60)
    output = keys.pop("output", name)
    about = {"job": f"job_{name}", "inputs": reads, "outputs": [output], **keys}
    return [run_event(key, "START", begin, **about), run_event(key, end, begin + seconds, **about)]


def hours(count: int, *names: str) -> list[dict[str, Any]]:
    return [event for hour in range(count) for name in names for event in run(name, hour)]


def kinds(found: Diagnosis) -> list[tuple[Kind, str]]:
    return [(each.kind, each.node.name) for each in found.findings]


def judged(name: str, hour: float, *, passed: bool, severity: str = "error", end: str | None = None) -> Any:
    checked = dataset(name)
    check = {"assertion": "unique", "column": "id", "success": passed, "severity": severity}
    checked["inputFacets"] = {"dataQualityAssertions": {"assertions": [check]}}
    end = end or ("COMPLETE" if passed else "FAIL")
    return run_event(
        f"test{name}{hour}", end, int(hour * HOUR), job=f"test_{name}", inputs=[checked], outputs=[]
    )


def test_what_is_stale_behind_a_failed_run_is_no_suspect_of_its_own(store: LineageStore) -> None:
    put(store, *hours(8, "raw", "a", "b", "mart"), *run("raw", 8), *run("a", 8, "FAIL"), *run("raw", 9))
    put(store, *run("raw", 10), *run("raw", 11))
    found = diagnose_metric(store, "mart")
    assert kinds(found) == [(Kind.FAILED_RUN, "a")]
    assert list(found.findings[0].consequences) == [
        "a: last written 2026-01-01T07:01:00.000Z, 4 h 00 min ago;"
        " usual is every 1 h 00 min, about 4 writes are missing",
        "b was not renewed since (last 2026-01-01T07:01:00.000Z)",
        "mart was not renewed since (last 2026-01-01T07:01:00.000Z)",
    ]


def test_what_was_stale_before_the_run_failed_is_a_suspect_of_its_own(store: LineageStore) -> None:
    put(store, *hours(8, "raw", "a", "b", "mart"), *(e for hour in range(8, 14) for e in run("raw", hour)))
    put(store, *(e for hour in range(8, 14) for e in run("a", hour)))
    put(store, *run("a", 14, "FAIL"), *run("raw", 14))
    assert kinds(diagnose_metric(store, "mart")) == [(Kind.STALE, "b"), (Kind.FAILED_RUN, "a")]


def test_a_failed_run_is_made_up_for_by_one_that_began_later(store: LineageStore) -> None:
    put(store, *hours(3, "raw", "a", "b", "mart"), *run("a", 3, "FAIL"))
    assert kinds(diagnose_metric(store, "mart")) == [(Kind.FAILED_RUN, "a")]
    put(store, *run("a", 3.5))
    assert kinds(diagnose_metric(store, "mart")) == []


def test_a_run_that_was_under_way_when_another_failed_does_not_make_up_for_it(store: LineageStore) -> None:
    put(store, *hours(3, "raw", "a", "b", "mart"), *run("a", 3, seconds=900), *run("a", 3.1, "FAIL"))
    assert kinds(diagnose_metric(store, "mart")) == [(Kind.FAILED_RUN, "a")]


def test_a_job_that_always_failed_is_named_though_the_graph_has_no_edge_of_it(store: LineageStore) -> None:
    """More failures in a row than runs that the current graph keeps."""
    put(store, *hours(3, "raw", "a", "b", "mart"))
    put(store, *(event for hour in range(3, 20) for event in run("b", hour, "FAIL")))
    found = diagnose_metric(store, "mart")
    assert kinds(found) == [(Kind.FAILED_RUN, "b")]
    assert found.findings[0].data["failedRuns"] == 17
    facts = {node["id"]: node.get("facts") for node in found.as_json()["nodes"]}
    assert facts["job:ns:job_b"]["failedSinceGood"] == 17


def test_a_job_that_never_completed_is_named_by_what_it_would_have_written(store: LineageStore) -> None:
    put(store, *run("b", 1, "FAIL"), *run("b", 2, "FAIL"), *run("mart", 3))
    found = diagnose_metric(store, "mart")
    assert kinds(found) == [(Kind.FAILED_RUN, "b")]
    assert "no good run among the 2 that are known" in found.findings[0].evidence
    facts = {node["id"]: node.get("facts") for node in found.as_json()["nodes"]}
    assert facts["dataset:ns:b"]["lastUpdate"] is None
    assert facts["dataset:ns:b"]["unknown"][0] == "no completed run that wrote it is known"


def test_runs_that_end_at_one_moment_are_compared(store: LineageStore) -> None:
    """With and without a row count."""
    counted = [written("raw", 5), dataset("raw"), written("raw", 6)]
    put(
        store,
        *(event for place, output in enumerate(counted) for event in run("raw", 1, output=output, key=place)),
    )
    assert kinds(diagnose_metric(store, "raw")) == []


def test_a_job_that_was_replaced_is_no_suspect_any_more(store: LineageStore) -> None:
    """Its last run failed, with new code; another job writes the table since."""
    put(store, *hours(3, "raw"))
    put(store, *run("raw", 3, "FAIL", job="old", job_facets={"sourceCodeLocation": {"version": "1"}}))
    put(store, *run("raw", 3.5, "FAIL", job="old", job_facets={"sourceCodeLocation": {"version": "2"}}))
    put(store, *(event for hour in range(4, 6) for event in run("raw", hour)))
    assert (Kind.FAILED_RUN, "raw") in kinds(diagnose_metric(store, "raw"))
    put(store, *(event for hour in range(6, 9) for event in run("raw", hour)))
    assert kinds(diagnose_metric(store, "raw")) == []


def test_at_one_distance_the_harder_evidence_comes_first(store: LineageStore) -> None:
    """A failed run before a failed test before new code; what is nearer comes before what is harder."""
    code = {"sourceCodeLocation": {"version": "1"}}
    put(
        store,
        *(e for hour in range(8) for n in ("raw", "a", "b", "mart") for e in run(n, hour, job_facets=code)),
    )
    put(store, *(e for name in ("raw", "a", "b") for e in run(name, 8, job_facets=code)))
    put(store, *run("mart", 8, job_facets={"sourceCodeLocation": {"version": "2"}}))
    put(
        store,
        judged("a", 7.5, passed=True),
        judged("a", 8.5, passed=False),
        *run("a", 9, "FAIL", job_facets=code),
    )
    assert kinds(diagnose_metric(store, "mart")) == [
        (Kind.CODE_CHANGE, "mart"),
        (Kind.FAILED_RUN, "a"),
        (Kind.FAILED_TEST, "a"),
    ]


def test_a_test_that_only_warns_comes_behind_one_that_blocks(store: LineageStore) -> None:
    put(store, *hours(2, "raw", "a", "b", "mart"))
    other = run_event("o", "COMPLETE", 3 * HOUR, job="other", inputs=["raw"], outputs=["a2"])
    both = run_event("p", "COMPLETE", 4 * HOUR, job="job_b", inputs=["a", "a2"], outputs=["b"])
    put(store, other, both, judged("a", 5, passed=False, severity="warn", end="COMPLETE"))
    put(store, judged("a2", 5, passed=False))
    assert kinds(diagnose_metric(store, "mart")) == [(Kind.FAILED_TEST, "a2"), (Kind.FAILED_TEST, "a")]


def test_a_test_counts_by_its_last_result(store: LineageStore) -> None:
    put(store, *hours(2, "raw", "a", "b", "mart"), judged("a", 3, passed=False), judged("a", 4, passed=True))
    assert kinds(diagnose_metric(store, "mart")) == []
    put(store, judged("a", 5, passed=False), judged("a", 6, passed=False))
    (finding,) = diagnose_metric(store, "mart").findings
    assert finding.since.isoformat() == at(5 * HOUR).replace("Z", "+00:00")
    assert finding.data["tests"][0]["lastPassed"] == "2026-01-01T04:00:00.000Z"


def test_a_run_that_failed_by_its_own_test_is_one_suspect(store: LineageStore) -> None:
    put(store, *hours(2, "raw", "a", "b", "mart"), judged("a", 3, passed=False))
    found = diagnose_metric(store, "job:ns:test_a")
    assert kinds(found) == [(Kind.FAILED_TEST, "a")]
    assert found.findings[0].data["tests"][0]["runId"] == run_id("testa3")


def test_the_tests_of_a_run_are_of_what_it_writes(store: LineageStore) -> None:
    """OpenLineage's `test` facet names no dataset; a skipped test has no result."""
    tests = [
        {"name": "sum", "status": "fail", "expected": "3", "actual": "4"},
        {"name": "n", "status": "skip"},
    ]
    put(store, *hours(2, "raw", "a", "b", "mart"), *run("a", 3, run_facets={"test": {"tests": tests}}))
    (finding,) = diagnose_metric(store, "mart").findings
    assert (finding.kind, finding.node.name) == (Kind.FAILED_TEST, "a")
    assert [test["test"] for test in finding.data["tests"]] == ["sum"]
    assert "found 4, expected 3" in finding.evidence[0]


def written(name: str, rows: int) -> dict[str, Any]:
    return {**dataset(name), "outputFacets": {"outputStatistics": {"rowCount": rows}}}


def test_fewer_rows_behind_fewer_rows_are_a_consequence(store: LineageStore) -> None:
    for hour in range(9):
        rows = 400 if hour == 8 else 1000 + 10 * (hour % 3)
        put(
            store,
            *run("raw", hour, output=written("raw", rows)),
            *run("a", hour, output=written("a", rows // 2)),
        )
        put(store, *run("b", hour), *run("mart", hour))
    found = diagnose_metric(store, "mart")
    assert kinds(found) == [(Kind.ROW_COUNT, "raw")]
    assert found.findings[0].data["rows"] == 400
    assert [line.partition(":")[0] for line in found.findings[0].consequences] == ["a"]


def test_rows_that_are_not_told_are_unknown_and_zero_is_a_number(store: LineageStore) -> None:
    put(store, *hours(8, "raw", "a", "b", "mart"))
    found = diagnose_metric(store, "mart")
    raw = next(facts for node, facts in found.datasets.items() if node.name == "raw")
    assert raw.amounts[0].rows is None
    assert "no row counts" in raw.unknown
    for hour in range(8, 15):
        put(store, *run("raw", hour, output=written("raw", 0 if hour == 14 else 50_000)))
    (finding,) = [each for each in diagnose_metric(store, "raw").findings if each.kind is Kind.ROW_COUNT]
    assert (finding.data["rows"], finding.data["usualRows"]) == (0, 50_000)


def test_one_release_of_many_jobs_is_one_suspect(store: LineageStore) -> None:
    for hour in range(8):
        code = {"sourceCodeLocation": {"version": "new" if hour == 7 else "old"}}
        put(store, *(e for name in ("raw", "a", "b", "mart") for e in run(name, hour, job_facets=code)))
    found = diagnose_metric(store, "mart")
    assert kinds(found) == [(Kind.CODE_CHANGE, "mart")]
    assert len(found.findings[0].consequences) == 3


def columns(*names: str) -> dict[str, Any]:
    return {"schema": {"fields": [{"name": name, "type": "int"} for name in names]}}


def test_a_column_that_goes_from_source_to_metric_is_one_suspect(store: LineageStore) -> None:
    for hour in range(6):
        names = ("id", "x") if hour < 5 else ("id",)
        for name in ("raw", "a"):
            put(store, *run(name, hour, output=dataset(name, **columns(*names))))
        put(store, *run("b", hour), *run("mart", hour))
    (finding,) = diagnose_metric(store, "mart").findings
    assert (finding.kind, finding.node.name, finding.data["removed"]) == (Kind.SCHEMA_CHANGE, "raw", ["x"])


def test_the_schema_of_a_source_that_nobody_writes_changes_by_the_word_of_its_readers(
    store: LineageStore,
) -> None:
    for hour in range(6):
        source = dataset("raw", **columns("id", "x" if hour < 5 else "y"))
        put(
            store, run_event(f"a{hour}", "COMPLETE", hour * HOUR, job="job_a", inputs=[source], outputs=["a"])
        )
    (finding,) = diagnose_metric(store, "a").findings
    assert (finding.kind, finding.node.name) == (Kind.SCHEMA_CHANGE, "raw")
    assert (finding.data["added"], finding.data["removed"]) == (["y"], ["x"])


def test_two_schemas_told_in_every_run_are_no_change(store: LineageStore) -> None:
    """A producer may know one schema at the start and another at the end."""
    for hour in range(6):
        begin, end = run("raw", hour)
        begin["outputs"], end["outputs"] = (
            [dataset("raw", **columns("id"))],
            [dataset("raw", **columns("id", "x"))],
        )
        put(store, begin, end)
    assert kinds(diagnose_metric(store, "raw")) == []


def test_a_change_that_many_good_runs_were_made_with_is_none(store: LineageStore) -> None:
    for hour in range(12):
        names = ("id", "x") if hour < 5 else ("id",)
        put(store, *run("raw", hour, output=dataset("raw", **columns(*names))))
    assert kinds(diagnose_metric(store, "raw")) == []


def test_when_everything_is_late_the_sources_are_named(store: LineageStore) -> None:
    """Nothing ran for a day: what lies behind the source is late because it is, and the note says so."""
    put(store, *hours(8, "raw", "a", "b", "mart"))
    latest = datetime.fromisoformat(at(7 * HOUR + 60))
    found = diagnose_metric(store, "mart", now=latest + timedelta(days=1))
    assert kinds(found) == [(Kind.STALE, "raw")]
    assert len(found.findings[0].consequences) == 3
    assert found.notes == (
        "everything on the way is late: the latest event in the store is of 2026-01-01T07:01:00.000Z",
    )
