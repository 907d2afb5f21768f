"""The events we emit against the published schemas and our own, as every test checks its own."""

from __future__ import annotations

import copy

import event_schemas
import pytest

from lineage import ColumnLineage, Dataset, Field, document_column_lineage, facets, track_lineage, track_run
from lineage.testing import CapturedEvents
from lineage.version import PRODUCER


def test_events_with_every_facet_of_ours_follow_the_open_schemas(lineage_events: CapturedEvents) -> None:
    """PV-41: standard names, types and serialisation: valid by OpenLineage's published JSON schemas."""
    orders = Dataset(
        "w", "orders", schema=[Field("a", "struct", fields=(Field("b", "int"),)), Field("c", None, "x")]
    )

    @track_lineage(inputs=[orders, "s3a://lake/raw"], tags={"team": "x"}, description="Loads.", name="load")
    def load() -> None:
        raise RuntimeError("no")

    with track_run("outer") as run:
        with pytest.raises(RuntimeError):
            load()
        run.output("gold", schema={"n": "int"}, row_count=3)
        run.column_lineage("gold", "n", [(orders, "c")])
        run.sql("insert into t (a) select 1", dialect="postgres", namespace="postgres://h:5432", database="d")
        run.nominal_time("2026-01-01T00:00:00Z")
        run.attempt(2, retry_of=run.run_id)
        run.tag("x")
        run.running()
    document_column_lineage("load", [ColumnLineage("n", ["orders.c"])], output="gold")

    assert lineage_events.types == ["START", "START", "FAIL", "RUNNING", "COMPLETE", "JOB"]
    assert [list(event_schemas.problems(event)) for event in lineage_events] == [[]] * 6


def test_the_check_can_fail(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        run.attempt(1)

    broken = copy.deepcopy(lineage_events[1])
    broken["run"]["facets"]["lineageGraph_attempt"]["attempt"] = 0
    broken["run"]["facets"]["lineageGraph_unheard"] = {}
    problems = " ".join(event_schemas.problems(broken))
    assert "0 is less than the minimum" in problems
    assert "no schema of ours" in problems


def test_the_published_schemas_are_in_the_check(shared: object, lineage_events: CapturedEvents) -> None:
    with track_run("load"):
        pass

    assert not list(event_schemas.problems(lineage_events[1]))
    for part, key, wrong in [
        ("run", "runId", "not a uuid"),
        ("job", "name", None),
        ("run", "facets", {"tags": 5}),
    ]:
        broken = copy.deepcopy(lineage_events[1])
        broken[part][key] = wrong
        assert list(event_schemas.problems(broken)), f"{part}.{key} = {wrong!r} must be found"


def test_the_facets_of_provenance_follow_their_schemas(lineage_events: CapturedEvents) -> None:
    """PV-41, PV-43: every field of the facets that tell versions of data, code and environment."""
    content = "table-sha256:" + "0" * 64
    with track_run("load") as run:
        run.output("gold", row_count=0)
        run.dataset_facet(
            "gold",
            "lineageGraph_artifact",
            facets.LineageGraphArtifactDatasetFacet(
                contentHash=content,
                artifactId="artifact-sha256:" + "1" * 64,
                schemaVersion="2",
                environmentId="3",
                fingerprint="size-mtime:12-1700000000000000000",
                size=12,
                modifiedAt="2026-01-01T00:00:00.000Z",
                etag="abc",
                rowCount=0,
                fileCount=1,
                producer=PRODUCER,
            ),
        )
        run.facet(
            "lineageGraph_code",
            facets.LineageGraphCodeRunFacet(
                commit="c" * 40,
                branch="main",
                repository="https://example.org/shop",
                dirty=True,
                diffHash="value-sha256:" + "2" * 64,
                build=facets.Build("gitlab_ci", "7", "3", "https://example.org/jobs/7"),
                unknown=[],
                producer=PRODUCER,
            ),
        )
        run.facet(
            "lineageGraph_environment",
            facets.LineageGraphEnvironmentRunFacet(
                id="environment-sha256:" + "4" * 64,
                python="3.11.2",
                implementation="CPython",
                platform="Linux-x86_64",
                packages={"attrs": "25.1"},
                lockFile=facets.LockFile("uv.lock", "bytes-sha256:" + "5" * 64),
                locale="C.UTF-8",
                timezone="UTC",
                hashSeed="0",
                seeds={"numpy": "42"},
                unknown=["imageDigest"],
                producer=PRODUCER,
            ),
        )
        run.facet(
            "lineageGraph_command",
            facets.LineageGraphCommandRunFacet(
                ["python", "load.py"], "/srv/shop", "jobs", "jobs/load.py", False, producer=PRODUCER
            ),
        )

    complete = lineage_events[1]
    assert list(event_schemas.problems(complete)) == []
    told = {**complete["run"]["facets"], **complete["outputs"][0]["facets"]}
    for name, field, wrong in [
        ("artifact", "contentHash", "md5:0"),
        ("code", "dirty", "yes"),
        ("environment", "packages", {"attrs": 25}),
        ("command", "argv", "python load.py"),
    ]:
        key = f"lineageGraph_{name}"
        broken = {key: {**told[key], field: wrong}}
        assert list(event_schemas.own_facets()[key].iter_errors(broken)), f"{key}.{field} must be checked"
