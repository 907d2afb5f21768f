"""Which runs read and wrote a version of a dataset, by the hash of its content."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from made_events import dataset, dataset_event, put, run_event, run_id

from graph import nodes
from graph.ingest import as_of, prune, rebuild
from graph.store import LineageStore
from graph.store.artifacts import ArtifactSeen
from graph.store.retention import Policy

CONTENT = "table-sha256:" + "0a" * 32
OTHER = "bytes-sha256:" + "ff" * 32
ARTIFACT = "artifact-sha256:" + "b0" * 32


def version(name: str, content: str = CONTENT, **keys: Any) -> dict[str, Any]:
    return dataset(name, lineageGraph_artifact={"contentHash": content, **keys})


def second(number: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)


def seen(
    run: str, name: str, time: int, *, written: bool = False, artifact: str | None = None
) -> ArtifactSeen:
    return ArtifactSeen(nodes.dataset("ns", name), run_id(run), written, second(time), artifact)


def test_an_artifact_is_found_by_the_hash_of_its_content(store: LineageStore) -> None:
    """PV-27: which run wrote it under which name, and which ones read it since."""
    put(
        store,
        run_event("copy", "START", 5, inputs=[version("orders")]),
        run_event("copy", "COMPLETE", 6, inputs=[version("orders")], outputs=[version("copied")]),
        run_event("load", "START", 1, inputs=[version("raw", OTHER)], outputs=["orders"]),
        run_event("load", "COMPLETE", 2, outputs=[version("orders", artifactId=ARTIFACT)]),
    )
    expected = [
        seen("load", "orders", 2, written=True, artifact=ARTIFACT),
        seen("copy", "orders", 5),
        seen("copy", "copied", 6, written=True),
    ]
    assert store.artifacts(CONTENT) == expected
    assert store.artifacts(CONTENT, limit=1) == expected[:1]
    assert store.artifacts(OTHER) == [seen("load", "raw", 1)]
    assert as_of(store, second(5)).artifacts(CONTENT) == expected[:2]


def test_the_standard_version_facet_is_read_where_it_is_a_content_hash(store: LineageStore) -> None:
    put(
        store,
        run_event("a", "COMPLETE", 1, outputs=[dataset("orders", version={"datasetVersion": CONTENT})]),
        run_event("b", "COMPLETE", 2, outputs=[dataset("orders", version={"datasetVersion": "17"})]),
    )
    assert store.artifacts(CONTENT) == [seen("a", "orders", 1, written=True)]
    assert store.artifacts("17") == []


def test_what_is_no_content_hash_is_passed_over(store: LineageStore) -> None:
    odd = [7, None, "table-sha256:" + "0A" * 32, "table-sha256:00", CONTENT + "0", ARTIFACT]
    events = [
        run_event(f"r{place}", "COMPLETE", place, outputs=[version("orders", content)])  # type: ignore[arg-type]
        for place, content in enumerate(odd)
    ]
    put(store, *events, dataset_event(9, "orders", lineageGraph_artifact={"contentHash": CONTENT}))
    put(store, run_event("odd", "COMPLETE", 10, outputs=[version("orders", OTHER, artifactId=[1])]))
    for content in odd:
        assert store.artifacts(str(content)) == []
    assert store.artifacts(CONTENT) == []
    assert store.artifacts(OTHER) == [seen("odd", "orders", 10, written=True)]


def test_artifacts_are_made_again_and_go_with_their_events(store: LineageStore) -> None:
    put(
        store,
        run_event("load", "COMPLETE", 1, job="load", outputs=[version("orders", artifactId=ARTIFACT)]),
        run_event("both", "START", 2, job="report", inputs=[version("orders")]),
        run_event("both", "COMPLETE", 3, job="load", inputs=[version("orders")]),
    )
    before = store.artifacts(CONTENT)
    assert before == [seen("load", "orders", 1, written=True, artifact=ARTIFACT), seen("both", "orders", 2)]
    rebuild(store)
    assert store.artifacts(CONTENT) == before

    prune(store, Policy(job=nodes.job("ns", "report")))
    assert store.artifacts(CONTENT) == [before[0], seen("both", "orders", 3)]
    prune(store, Policy(job=nodes.job("ns", "load")))
    assert store.artifacts(CONTENT) == []
    (left,) = store._db.execute("SELECT count(*) FROM artifact").fetchone()  # type: ignore[attr-defined]
    assert left == 0
