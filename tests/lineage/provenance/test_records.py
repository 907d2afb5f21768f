"""What a record of a run is: its essentials, its schemas, and how it stands in a store beside its retries."""

from __future__ import annotations

import dataclasses
import json
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from graph import open_store
from graph.ingest import drain
from graph.queries import upstream
from graph.records import RunRecord
from graph.store.artifacts import ArtifactSeen
from lineage import ColumnLineage, Dataset, Field, configure, track_lineage, track_run
from lineage.config import Config
from lineage.context import RunIdentity
from lineage.provenance import hash_file
from lineage.provenance.changes import Changes
from lineage.provenance.repository import Repository
from lineage.testing import CapturedEvents
from lineage.tracking.joining import JoinedRun

SCHEMAS = Path(__file__).resolve().parents[3] / "lineage" / "schemas"


def test_the_essentials_are_in_one_record(lineage_events: CapturedEvents, tmp_path: Path) -> None:
    """PV-01: time, artifact, operation and code version, and what is missing of the last is said."""
    with track_run("load", outputs=[tmp_path / "out.csv"], provenance="full"):
        (tmp_path / "out.csv").write_text("1", encoding="utf-8")
    end = lineage_events[1]
    code = end["run"]["facets"]["lineageGraph_code"]
    assert end["eventTime"] == "2026-01-01T00:00:01.000Z"
    assert end["job"]["name"] == "load"
    assert end["outputs"][0]["facets"]["lineageGraph_artifact"]["artifactId"].startswith("artifact-sha256:")
    assert ("commit" in code) != ("commit" in code.get("unknown", ()))


@pytest.mark.parametrize(
    "container",
    [Dataset, Field, ColumnLineage, Config, RunIdentity, Repository, Changes, RunRecord, ArtifactSeen],
)
def test_containers_are_typed_and_frozen(container: Any) -> None:
    """PV-02: what is known is said once: a container is not changed after it was made."""
    assert all(field.type for field in dataclasses.fields(container))
    one = object.__new__(container)
    for field in dataclasses.fields(container):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, field.name, None)


def test_what_is_not_tracked_leaves_no_trace(lineage_events: CapturedEvents, tmp_path: Path) -> None:
    """PV-05: the scope is what is decorated and not disabled, and nothing else."""

    def untracked(path: Path) -> None:
        path.write_text("1", encoding="utf-8")

    untracked(tmp_path / "a")
    assert list(lineage_events) == []
    configure(disabled=True)
    track_lineage(provenance="full", outputs=str(tmp_path / "a"))(untracked)(tmp_path / "a")
    assert list(lineage_events) == []


def test_the_schema_of_every_facet_of_ours_is_stored(lineage_events: CapturedEvents, tmp_path: Path) -> None:
    """PV-17: the schema that a record names resolves to one that is kept, and describes that facet."""
    (tmp_path / "in.csv").touch()
    with track_run("load", inputs=[tmp_path / "in.csv"], provenance="full") as run:
        run.seed("numpy", 1)
        run.attempt(1)
    end = lineage_events[1]
    named = {**end["run"]["facets"], **end["inputs"][0]["facets"]}
    ours = {key: facet for key, facet in named.items() if key.startswith("lineageGraph_")}
    assert len(ours) == 5
    for key, facet in ours.items():
        schema = json.loads((SCHEMAS / Path(urlsplit(facet["_schemaURL"]).path).name).read_text("utf-8"))
        assert schema["$id"] == facet["_schemaURL"]
        assert key in schema["properties"]


def test_two_attempts_are_two_runs_and_one_lineage(tmp_path: Path) -> None:
    """PV-08: same content, same content hash; two attempts, two run ids; one path through the graph."""
    source, made = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id\n1\n", encoding="utf-8")
    runs: list[str] = []
    for attempt in (1, 2):
        with track_run("load", inputs=[source], outputs=[made], provenance="full") as run:
            run.attempt(attempt, retry_of=runs[0] if runs else None)
            runs.append(run.run_id)
            made.write_text("id\n1\n", encoding="utf-8")
    with closing(open_store()) as store:
        assert drain(store).counts.accepted == 4
        seen = store.artifacts(hash_file(made))
        found = upstream(store, str(made))
    assert {(one.run_id, one.written, one.dataset.name) for one in seen} == {
        (run_id, written, str(path)) for run_id in runs for written, path in ((False, source), (True, made))
    }
    assert len({one.artifact_id for one in seen if one.written}) == 1
    assert {(edge.source.name, edge.target.name) for edge in found.edges} == {(str(source), str(made))}


def test_a_facet_nobody_knows_yet_breaks_nothing(tmp_path: Path) -> None:
    """PV-39: a record grows by facets, and by fields of those there are; old readers answer as before."""
    (tmp_path / "in.csv").touch()
    with track_run("load", inputs=[tmp_path / "in.csv"], outputs=["mart.orders"]) as run:
        run.facet("shop_later", {"anything": [1, {"at": "all"}]})
        run.dataset_facet(tmp_path / "in.csv", "shop_later", {"more": True})
        run.facet("lineageGraph_attempt", {"attempt": 1, "later": "field"})
    with closing(open_store()) as store:
        assert drain(store).counts.accepted == 2
        found = {each.node.name for each in upstream(store, "mart.orders").nodes}
    assert found == {"mart.orders", "load", str(tmp_path / "in.csv")}


def test_a_process_that_joined_a_run_tells_its_versions(
    lineage_events: CapturedEvents, tmp_path: Path
) -> None:
    """PV-06: what a process of `lineage run` or a scheduler's task saw, in the configured tier."""
    (tmp_path / "in.csv").touch()
    configure(provenance="full")
    joined = JoinedRun(
        RunIdentity("00000000-0000-7000-8000-0000000000aa", "ns", "job"), RunIdentity("", "", "")
    )
    joined.parameter("day", "1")
    joined.input(tmp_path / "in.csv")
    joined.finish()
    (event,) = lineage_events
    assert event["inputs"][0]["facets"]["lineageGraph_artifact"]["contentHash"] == hash_file(
        tmp_path / "in.csv"
    )
    assert event["run"]["facets"]["executionParameters"]["parameters"][0]["key"] == "day"
