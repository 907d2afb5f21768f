"""What is declared against what is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from made_events import dataset, put, run_event

from graph import open_store
from graph.errors import AmbiguousNameError
from graph.queries import check_expectations, expectations_of
from graph.queries.checking import Basis
from graph.store import LineageStore

NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)


def fields(**types: str | None) -> dict[str, Any]:
    return {"fields": [{"name": name} | ({"type": type_} if type_ else {}) for name, type_ in types.items()]}


@pytest.fixture
def store() -> Iterator[LineageStore]:
    """A pipeline raw -> clean -> mart; the last runs ended on the third of January at six."""
    with closing(open_store(":memory:")) as opened:
        clean = dataset("clean", schema=fields(id="integer", day="date", note=None))
        mart = {**dataset("mart"), "outputFacets": {"outputStatistics": {"rowCount": 500}}}
        put(
            opened,
            run_event("1", "COMPLETE", "2026-01-02T06:00:00Z", job="tidy", inputs=["raw"], outputs=[clean]),
            run_event("2", "COMPLETE", "2026-01-03T06:00:00Z", job="tidy", inputs=["raw"], outputs=[clean]),
            run_event("3", "COMPLETE", "2026-01-03T06:00:00Z", job="build", inputs=["clean"], outputs=[mart]),
            run_event("4", "FAIL", "2026-01-03T09:00:00Z", job="build", inputs=["clean"], outputs=["mart"]),
            run_event("5", "COMPLETE", "2026-01-03T07:00:00Z", job="report", inputs=["mart"]),
        )
        yield opened


def told(store: LineageStore, told: dict[str, Any], now: datetime = NOW) -> list[tuple[str, str]]:
    found = check_expectations(store, expectations_of(told), now=now)
    assert all(each.basis is Basis.EXPECTATION for each in found)
    return [(each.kind.value, each.message) for each in found]


def of_dataset(store: LineageStore, name: str, **keys: Any) -> list[tuple[str, str]]:
    return told(store, {"dataset": {name: keys}})


def of_job(store: LineageStore, name: str, now: datetime = NOW, **keys: Any) -> list[tuple[str, str]]:
    return told(store, {"job": {name: keys}}, now)


def test_what_is_as_declared_is_no_finding(store: LineageStore) -> None:
    """PV-29: edges over one hop and over many, columns, rows, readers, and when jobs complete."""
    assert not told(
        store,
        {
            "dataset": {
                "mart": {
                    "fed_by": ["clean"],
                    "made_from": ["raw", "clean"],
                    "not_fed_by": ["raw", "not.there"],
                    "not_made_from": ["mart"],
                    "readers": ["rep*"],
                    "rows": {"min": 500, "max": 500},
                },
                "clean": {"columns": {"id": "int", "day": "date", "note": ""}, "other_columns": False},
            },
            "job": {
                "tidy": {"reads": ["raw"], "writes": ["clean"], "every": "6h", "by": "06:00"},
                "build": {"not_reads": ["raw"], "not_writes": ["clean"], "every": "7h"},
            },
        },
    )


def test_edges_that_must_be_and_are_not(store: LineageStore) -> None:
    """PV-29: declared against observed."""
    assert of_dataset(store, "mart", fed_by=["raw"]) == [
        ("missing-edge", "mart is not made from raw, which is declared")
    ]
    assert of_dataset(store, "clean", made_from=["mart"]) == [
        ("missing-edge", "clean is not made from mart, which is declared")
    ]
    assert of_job(store, "tidy", reads=["clean"], writes=["mart"]) == [
        ("missing-edge", "tidy does not read clean, which is declared"),
        ("missing-edge", "tidy does not write mart, which is declared"),
    ]


def test_edges_that_must_not_be_and_are(store: LineageStore) -> None:
    """PV-29: such as from a column with personal data to a mart, over any number of hops."""
    assert of_dataset(store, "mart", not_made_from=["raw"], not_fed_by=["clean"]) == [
        ("new-edge", "mart is made from clean, which it must not by what is declared"),
        ("new-edge", "mart is made from raw, which it must not by what is declared"),
    ]
    assert [kind for kind, _ in of_job(store, "tidy", not_reads=["raw"], not_writes=["clean"])] == [
        "new-edge",
        "new-edge",
    ]


def test_readers_that_are_not_allowed(store: LineageStore) -> None:
    """PV-29: jobs by name, by namespace and name, or by id, with * and ?."""
    assert of_dataset(store, "clean", readers=["tidy"]) == [
        ("new-reader", "build reads clean and is none of its declared readers")
    ]
    for allowed in ("build", "b*", "ns/build", "job:ns:build"):
        assert of_dataset(store, "clean", readers=[allowed]) == []
    assert len(of_dataset(store, "clean", readers=[])) == 1


def test_columns_that_are_others(store: LineageStore) -> None:
    """PV-29: missing, of another type, of a type that nobody tells, and more than declared."""
    columns = {"id": "text", "note": "text", "gone": "", "day": "DATE"}
    assert [message for _, message in of_dataset(store, "clean", columns=columns)] == [
        "clean: id is integer, text is declared",
        "clean: the type of note is not told, text is declared",
        "clean: gone is missing",
    ]
    found = of_dataset(store, "clean", columns={"id": ""}, other_columns=False)
    assert found == [("schema", "clean: day is not declared"), ("schema", "clean: note is not declared")]
    assert of_dataset(store, "raw", columns={"id": ""}) == [
        ("schema", "no event tells the schema of raw, of which columns are declared")
    ]


def test_rows_beyond_the_bounds_and_rows_that_are_not_told(store: LineageStore) -> None:
    """PV-29: of the last run that completed; the failed one after it does not count."""
    assert of_dataset(store, "mart", rows={"min": 501}) == [
        ("volume", "build wrote 500 rows to mart; 501 at least are declared")
    ]
    assert of_dataset(store, "mart", rows={"max": 499})[0][1].endswith("499 at most are declared")
    assert of_dataset(store, "clean", rows={"min": 0}) == [
        ("volume", "tidy does not tell how many rows it wrote to clean; 0 at least are declared")
    ]


def test_a_job_that_does_not_complete_often_enough(store: LineageStore) -> None:
    """PV-29: by the clock; a failed run is no completed one."""
    assert of_job(store, "build", every="6h") == []
    assert of_job(store, "build", every="5h") == [
        (
            "missing-run",
            "build completed last 2026-01-03T06:00:00.000Z; a completed run every 5 h is declared",
        )
    ]


def test_a_job_that_does_not_complete_by_its_time(store: LineageStore) -> None:
    """PV-29: in its time zone, and on its days: the third of January 2026 was a Saturday."""
    assert of_job(store, "build", by="06:00") == []
    assert [kind for kind, _ in of_job(store, "build", by="05:59")] == ["missing-run"]
    assert of_job(store, "build", by="07:00", time_zone="Europe/Berlin") == []
    assert len(of_job(store, "build", by="06:59", time_zone="Europe/Berlin")) == 1
    weekdays = {"by": "05:00", "days": ["fri"]}
    assert [message for _, message in of_job(store, "tidy", **weekdays)] == [
        "tidy completed last 2026-01-03T06:00:00.000Z; a completed run by 05:00 (UTC) was due"
        " 2026-01-02T05:00:00.000Z"
    ]
    not_due_yet = datetime(2026, 1, 3, 4, tzinfo=UTC)
    assert of_job(store, "tidy", not_due_yet, by="06:00", days=["fri"]) == []


def test_names_that_are_not_known_and_names_that_are_two(store: LineageStore) -> None:
    """PV-29: a name that must be there and is mistyped is found; one that must not be may be unknown."""
    assert told(store, {"dataset": {"clear": {}}, "job": {"mart": {}}}) == [
        ("unknown-name", "nothing in the store is called clear"),
        ("unknown-name", "nothing in the store is called mart"),
    ]
    assert of_dataset(store, "mart", fed_by=["clear"], not_fed_by=["clear"]) == [
        ("unknown-name", "nothing in the store is called clear, which is declared of mart")
    ]
    put(store, run_event("6", "COMPLETE", 1, inputs=[dataset("raw", "other")]))
    with pytest.raises(AmbiguousNameError):
        of_dataset(store, "mart", made_from=["raw"])
