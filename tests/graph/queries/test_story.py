"""Where versions of datasets came from, run by run, back to the sources."""

from __future__ import annotations

from typing import Any

import pytest
from made_events import dataset, put, run_event, run_id

from graph import questions
from graph.errors import InvalidQueryError
from graph.nodes import dataset as node
from graph.queries.gaps import Open
from graph.queries.story import Link
from graph.questions import moment
from graph.questions.story import Whence
from graph.store import LineageStore

CODE = {"commit": "3f2c1d4a" * 5, "branch": "main", "repository": "https://code.example/shop", "dirty": False}


def content(letter: str) -> str:
    return "bytes-sha256:" + letter * 64


def held(name: str, letter: str | None = None, **keys: Any) -> dict[str, Any]:
    said = {"contentHash": content(letter)} if letter else {}
    return dataset(name, lineageGraph_artifact={**said, **keys}) if said or keys else dataset(name)


def ran(store: LineageStore, run: str, second: int, reads: list[Any], writes: list[Any], **keys: Any) -> None:
    put(
        store,
        run_event(run, "START", second, inputs=reads, **keys),
        run_event(run, "COMPLETE", second + 1, inputs=reads, outputs=writes, **keys),
    )


def whence(store: LineageStore, *name: str, **keys: Any) -> Whence:
    with moment(store) as asked:
        return questions.whence(asked, list(name), **keys)


def read_by(found: Whence, run: str) -> dict[str, tuple[Link, str | None]]:
    chapter = next(each for each in found.story.chapters if each.run_id == run_id(run))
    return {each.artifact.dataset.name: (each.link, each.made_by) for each in chapter.read}


@pytest.fixture
def shop(store: LineageStore) -> LineageStore:
    """Raw files, cleaned twice and added up once, from the first of the two versions."""
    ran(store, "load", 0, [held("raw", "a")], [held("orders", "b")])
    ran(store, "add_up", 10, [held("orders", "b"), held("rates", "c")], [held("revenue", "d")])
    ran(store, "reload", 5, [held("raw", "e")], [held("orders", "f")])
    return store


def test_the_whole_journey_of_an_artifact(shop: LineageStore) -> None:
    """PV-04: from an artifact's name alone all runs that led to it, each with the very versions it read."""
    found = whence(shop, "revenue")

    assert [(each.run_id, each.distance) for each in found.story.chapters] == [
        (run_id("add_up"), 0),
        (run_id("load"), 1),
    ]
    assert read_by(found, "add_up") == {
        "orders": (Link.CONTENT, run_id("load")),  # not the latest, which was written from other data
        "rates": (Link.SOURCE, None),
    }
    assert read_by(found, "load") == {"raw": (Link.SOURCE, None)}
    assert found.story.link is None


def test_what_somebody_holds_is_known_by_its_hash(shop: LineageStore) -> None:
    """PV-32: whatever it is called now."""
    found = whence(shop, contents=[content("b")])

    assert found.story.artifact.dataset == node("ns", "orders")
    assert (found.story.link, found.story.made_by) == (Link.CONTENT, run_id("load"))
    read_only = whence(shop, contents=[content("c")]).story
    assert (read_only.artifact.dataset.name, read_only.link, read_only.chapters) == ("rates", Link.SOURCE, ())
    with pytest.raises(InvalidQueryError, match="no run tells"):
        whence(shop, contents=[content("0")])


def test_the_version_of_a_run_is_told_even_when_the_content_is_another_by_now(shop: LineageStore) -> None:
    """PV-32: an id in a file names its run; that the file was changed since is said."""
    asked = {"contents": [content("0")], "run": run_id("load")}

    assert whence(shop, "orders", **asked).story.link is Link.CHANGED
    assert whence(shop, "orders", run=run_id("load")).story.link is Link.VERSION
    assert whence(shop, run=run_id("load")).story.artifact.dataset == node("ns", "orders")
    assert whence(shop, run=run_id("load"), changed=True).story.link is Link.CHANGED
    with pytest.raises(InvalidQueryError, match="no run with the id none"):
        whence(shop, run="none")
    with pytest.raises(InvalidQueryError, match="is known to have written revenue"):
        whence(shop, "revenue", run=run_id("load"))


def test_a_changed_file_is_not_what_its_name_says(shop: LineageStore) -> None:
    changed = whence(shop, "revenue", contents=[content("0")]).story

    assert (changed.link, changed.made_by) == (Link.CHANGED, run_id("add_up"))


@pytest.mark.parametrize(
    ("written", "read", "link"),
    [
        ({"fingerprint": "1"}, {"fingerprint": "1"}, Link.FINGERPRINT),
        ({"fingerprint": "1"}, {"fingerprint": "2"}, Link.CHANGED),
        ({"fingerprint": "1", "contentHash": content("a")}, {"fingerprint": "1"}, Link.FINGERPRINT),
        ({"fingerprint": "1", "contentHash": content("a")}, {"contentHash": content("a")}, Link.CONTENT),
        ({"fingerprint": "1"}, {"contentHash": content("a")}, Link.TIME),
        ({}, {}, Link.TIME),
    ],
)
def test_how_a_version_is_known_again(
    store: LineageStore, written: dict[str, str], read: dict[str, str], link: Link
) -> None:
    """PV-04: by its content, else by a look from outside, else by time alone, which is said."""
    ran(store, "load", 0, [], [held("orders", **written)])
    ran(store, "add_up", 10, [held("orders", **read)], ["revenue"])

    maker = None if link is Link.CHANGED else run_id("load")
    assert read_by(whence(store, "revenue"), "add_up") == {"orders": (link, maker)}


def test_a_copy_is_known_by_its_content(shop: LineageStore) -> None:
    """PV-32: a file that was copied, and read under its new name, leads to what it was copied from."""
    ran(shop, "report", 20, [held("copied", "d")], ["report"])
    (read,) = whence(shop, "report").story.chapters[0].read

    assert (read.link, read.made_by, read.written_as) == (Link.COPY, run_id("add_up"), node("ns", "revenue"))


def test_what_a_failed_run_wrote_is_nobody_s_source(store: LineageStore) -> None:
    put(store, run_event("broken", "FAIL", 0, outputs=[held("orders", "a")]))
    ran(store, "add_up", 10, [held("orders", "a")], ["revenue"])

    assert read_by(whence(store, "revenue"), "add_up") == {"orders": (Link.SOURCE, None)}


def test_a_version_that_a_producer_names(store: LineageStore) -> None:
    for second, version in ((0, "7"), (3, "8")):
        put(
            store,
            run_event(
                f"load{version}",
                "COMPLETE",
                second,
                outputs=[dataset("orders", version={"datasetVersion": version})],
            ),
        )
    ran(store, "add_up", 10, [dataset("orders", version={"datasetVersion": "7"})], ["revenue"])

    assert read_by(whence(store, "revenue"), "add_up") == {"orders": (Link.VERSION, run_id("load7"))}


def test_code_and_parameters_of_the_run_above_are_those_of_a_query(store: LineageStore) -> None:
    """PV-16: how it was derived, with which parameters, by which version of the code."""
    parameters = {"parameters": [{"key": "day", "value": "2026-01-01"}]}
    above = {"run": {"runId": run_id("task")}, "job": {"namespace": "ns", "name": "task"}}
    put(
        store,
        run_event(
            "task", "START", 0, run_facets={"lineageGraph_code": CODE, "executionParameters": parameters}
        ),
        run_event("query", "COMPLETE", 1, inputs=["raw"], outputs=["orders"], run_facets={"parent": above}),
    )
    (chapter,) = whence(store, "orders").story.chapters

    assert chapter.parameters == {"day": "2026-01-01"}
    assert chapter.code is not None
    assert chapter.code["commit"] == CODE["commit"]
    assert [each.run_id for each in chapter.above] == [run_id("task")]


def test_runs_that_read_what_they_made_end_the_story(store: LineageStore) -> None:
    """PV-04: a circle of runs is told once, and a story is no longer than asked for."""
    ran(store, "first", 0, [], [held("a", "1")])
    ran(store, "second", 5, [held("a", "1"), held("b", "2")], [held("b", "3")])
    ran(store, "third", 10, [held("b", "3")], [held("a", "4"), held("b", "2")])

    assert {each.run_id for each in whence(store, "a").story.chapters} == set(
        map(run_id, ("first", "second", "third"))
    )
    cut = whence(store, "a", limit=2).story
    assert (len(cut.chapters), cut.more) == (2, True)
    with pytest.raises(InvalidQueryError, match="limit is 0"):
        whence(store, "a", limit=0)


FACETS = {
    "lineageGraph_code": CODE,
    "executionParameters": {"parameters": [{"key": "day", "value": "2026-01-01"}]},
}


def drilled(store: LineageStore, *names: str, **keys: Any) -> dict[str, list[tuple[Open, str | None]]]:
    with moment(store) as asked:
        found = questions.drill(asked, list(names), **keys)
    return {
        item.story.artifact.dataset.name: [(gap.what, gap.run_id) for gap in item.gaps]
        for item in found.items
    }


@pytest.fixture
def audited(store: LineageStore) -> LineageStore:
    ran(store, "load", 0, [held("raw", "a")], [held("orders", "b")], run_facets=FACETS)
    ran(store, "add_up", 10, [held("orders", "b")], [held("revenue", "d")], run_facets=FACETS)
    return store


def test_a_story_without_a_gap_is_whole(audited: LineageStore) -> None:
    """PV-45: sources, code, parameters and contents of every run are told."""
    assert drilled(audited, "revenue", "orders") == {"revenue": [], "orders": []}


@pytest.mark.parametrize(
    ("reads", "facets", "expected"),
    [
        ([held("raw", "a")], {}, [Open.CODE, Open.PARAMETERS]),
        ([held("raw", "a")], {**FACETS, "lineageGraph_code": {**CODE, "dirty": True}}, [Open.CODE]),
        ([held("raw", "a")], {**FACETS, "lineageGraph_code": {"branch": "main"}}, [Open.CODE]),
        ([held("raw")], FACETS, [Open.CONTENT]),
        ([held("orders")], FACETS, [Open.SOURCE, Open.CONTENT]),
        ([held("orders", "c")], FACETS, [Open.SOURCE]),
    ],
)
def test_what_a_run_leaves_open_is_named(
    audited: LineageStore, reads: list[Any], facets: dict[str, Any], expected: list[Open]
) -> None:
    """PV-45: each thing that is missing, with its run."""
    ran(audited, "another", 20, reads, [held("report", "e")], run_facets=facets)

    assert drilled(audited, "report") == {"report": [(what, run_id("another")) for what in expected]}


def test_only_what_is_declared_may_be_a_source(audited: LineageStore) -> None:
    """PV-45: a run that is lost leaves what it wrote as a source, which only a list of sources tells."""
    expected = [(Open.SOURCE, run_id("load"))]

    assert drilled(audited, "revenue", sources=["orders"]) == {"revenue": expected}
    assert drilled(audited, "revenue", sources=["dataset:ns:r*"]) == {"revenue": []}


def test_an_artifact_that_nobody_wrote_has_no_story(audited: LineageStore) -> None:
    """PV-45"""
    assert drilled(audited, "raw") == {"raw": [(Open.SOURCE, None), (Open.CONTENT, None)]}


def test_a_run_of_which_only_others_tell_is_a_gap(audited: LineageStore) -> None:
    """PV-45: what it made is claimed by a run that did not complete, too."""
    put(audited, run_event("half", "RUNNING", 30, outputs=[held("half", "f")], run_facets=FACETS))

    assert drilled(audited, "half") == {"half": [(Open.STATE, run_id("half"))]}


def test_artifacts_are_drawn_by_a_seed_of_what_runs_wrote(audited: LineageStore) -> None:
    """PV-45: an audit can be held again."""
    for number in range(20):
        ran(audited, f"run{number}", 40, [], [f"table{number:02}"])

    first = drilled(audited, sample=6, seed="2026")
    assert first.keys() == drilled(audited, sample=6, seed="2026").keys()
    assert first.keys() != drilled(audited, sample=6, seed="2027").keys()
    assert len(first) == 6
    everything = {"orders", "revenue", *(f"table{number:02}" for number in range(20))}
    assert drilled(audited, sample=1000).keys() == everything
    with pytest.raises(InvalidQueryError, match="sample is 0"):
        drilled(audited, sample=0)


def test_what_nobody_knows_is_named_with_its_hash(shop: LineageStore) -> None:
    with pytest.raises(
        InvalidQueryError, match=r"called 'file /tmp/x', and no run tells its content: bytes-"
    ):
        whence(shop, "file", "/tmp/x", contents=[content("0")])
