"""What each tier records of a run, for every way to track one."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from repositories import made_repository

from lineage import configure, track_lineage, track_run
from lineage._guard import faults
from lineage.datasets import parse_dataset
from lineage.errors import ConfigError
from lineage.events import DatasetFacts
from lineage.provenance import artifact_id, hash_folder, hash_table, schema_version
from lineage.testing import CapturedEvents

ROOT = Path(__file__).resolve().parents[3]
ESSENTIALS = {"processing_engine", "lineageGraph_code"}
FULL = {*ESSENTIALS, "lineageGraph_environment", "lineageGraph_command", "executionParameters"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An input that is there, and a path to write to."""
    (tmp_path / "in.csv").write_text("id\n1\n", encoding="utf-8")
    return tmp_path / "in.csv", tmp_path / "out.csv"


def run_once(files: tuple[Path, Path], **options: Any) -> None:
    with track_run("load", inputs=[files[0], "s3://lake/raw"], outputs=[files[1]], **options):
        files[1].write_text("id\n2\n", encoding="utf-8")


def artifact(event: dict[str, Any], side: str, place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = event[side][place]["facets"].get("lineageGraph_artifact", {})
    return {name: value for name, value in found.items() if not name.startswith("_")}


def parameters(event: dict[str, Any]) -> dict[str, str | None]:
    told = event["run"]["facets"]["executionParameters"]["parameters"]
    return {one["key"]: one.get("value") for one in told}


def test_a_tier_changes_what_is_told_and_never_the_essentials(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-07: off, essential (the default) and full: the same runs, datasets and times."""
    for tier in ("off", None, "essential", "full"):
        run_once(files, provenance=tier)
    starts, ends = lineage_events[::2], lineage_events[1::2]
    assert set(ends[0]["run"]["facets"]) == {"processing_engine"}
    assert set(ends[1]["run"]["facets"]) == set(ends[2]["run"]["facets"]) == ESSENTIALS
    assert set(starts[3]["run"]["facets"]) == FULL
    assert [artifact(end, "inputs").keys() for end in ends] == [
        set(),
        {"fingerprint", "size", "modifiedAt"},
        {"fingerprint", "size", "modifiedAt"},
        {"fingerprint", "size", "modifiedAt", "contentHash"},
    ]
    for event in (*starts, *ends):
        assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [
            ("file", str(files[0])),
            ("s3://lake", "raw"),
        ]
        assert event["job"] == starts[0]["job"] | {"facets": event["job"]["facets"]}
    assert all([one["name"] for one in end["outputs"]] == [str(files[1])] for end in ends)


def test_the_setting_decides_where_the_code_does_not(
    lineage_events: CapturedEvents, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-07: one setting switches all runs that say nothing themselves."""
    configure(provenance="off")
    run_once(files)
    run_once(files, provenance="full")
    configure(provenance="full")
    run_once(files)
    run_once(files, provenance="essential")
    told = ["contentHash" in artifact(event, "outputs") for event in lineage_events[1::2]]
    assert told == [False, True, True, False]


@pytest.mark.parametrize("wrong", ["FULLEST", "", 3])
def test_another_tier_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="off, essential, full"):
        track_lineage(provenance=wrong)(lambda: None)
    with pytest.raises(ConfigError, match="off, essential, full"):
        track_run("load", provenance=wrong)
    with pytest.raises(ConfigError, match="off, essential or full"):
        configure(provenance="fullest")


def test_a_full_run_tells_the_content_of_its_files(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-06: inputs as they are when the run begins, outputs as they are when it is complete."""
    run_once(files, provenance="full")
    start, end = lineage_events
    raw = "bytes-sha256:" + hashlib.sha256(b"id\n1\n").hexdigest()
    made = "bytes-sha256:" + hashlib.sha256(b"id\n2\n").hexdigest()
    assert artifact(start, "inputs")["contentHash"] == artifact(end, "inputs")["contentHash"] == raw
    output = artifact(end, "outputs")
    environment_id = start["run"]["facets"]["lineageGraph_environment"]["id"]
    assert output["contentHash"] == made
    assert output["environmentId"] == environment_id
    assert output["artifactId"] == artifact_id(made, environment_id=environment_id)
    assert output["size"] == 5
    for event, side, version in ((end, "inputs", raw), (end, "outputs", made)):
        assert event[side][0]["facets"]["version"]["datasetVersion"] == version
    assert "version" not in end["inputs"][1]["facets"], "nothing is known of what is far away"


def test_in_essential_the_version_is_the_fingerprint(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-01: a version of each file, at next to no cost."""
    run_once(files)
    for side in ("inputs", "outputs"):
        version = lineage_events[1][side][0]["facets"]["version"]["datasetVersion"]
        assert version == artifact(lineage_events[1], side)["fingerprint"]


def test_an_input_that_is_written_to_is_told_as_it_was(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-06: a file that is read and written in place is two versions."""
    with track_run("load", inputs=[files[0]], outputs=[files[0]], provenance="full"):
        files[0].write_text("id\n1\n2\n", encoding="utf-8")
    end = lineage_events[1]
    assert artifact(end, "inputs")["size"] == 5
    assert artifact(end, "outputs")["size"] == 7
    assert artifact(end, "inputs")["contentHash"] != artifact(end, "outputs")["contentHash"]


def test_what_was_read_and_written_without_a_word_before_is_not_told_as_read(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """What an input was before the run wrote it is not known by the end."""
    with track_run("load") as run:
        dataset = parse_dataset(files[0])
        for side in (run.facts.inputs, run.facts.outputs):
            side[dataset.namespace, dataset.name] = DatasetFacts(dataset)
    assert artifact(lineage_events[1], "inputs") == {}
    assert artifact(lineage_events[1], "outputs")["size"] == 5


def test_a_failed_run_tells_what_it_read_and_claims_nothing_written(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-19: a failed run can be found by its code and its inputs."""
    with pytest.raises(ZeroDivisionError), track_run("load", inputs=[files[0]], provenance="full"):
        1 / 0  # noqa: B018
    end = lineage_events[1]
    assert end["outputs"] == []
    assert artifact(end, "inputs")["contentHash"].startswith("bytes-")
    assert {"lineageGraph_code", "lineageGraph_command", "errorMessage"} <= set(end["run"]["facets"])


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]})], ids=["pandas", "arrow"]
)
def test_a_frame_that_is_handed_over_is_hashed_in_full(lineage_events: CapturedEvents, frame: Any) -> None:
    """PV-06: what is in no file has a version, too."""
    for tier in ("essential", "full"):
        with track_run("load", provenance=tier) as run:
            run.input("raw.orders", content=frame)
            run.output("mart.orders", content=frame)
    assert artifact(lineage_events[1], "outputs") == {}
    read, made = artifact(lineage_events[3], "inputs"), artifact(lineage_events[3], "outputs")
    assert read == {
        "contentHash": hash_table(frame),
        "schemaVersion": schema_version(frame),
        "rowCount": 2,
    }
    assert made == {
        **read,
        "environmentId": made["environmentId"],
        "artifactId": artifact_id(
            read["contentHash"],
            schema_version=read["schemaVersion"],
            environment_id=made["environmentId"],
        ),
    }


def test_a_folder_is_hashed_as_a_tree(lineage_events: CapturedEvents, tmp_path: Path) -> None:
    """PV-06: a partitioned dataset is one artifact."""
    (tmp_path / "orders/day=1").mkdir(parents=True)
    (tmp_path / "orders/day=1/part-0").write_text("1", encoding="utf-8")
    with track_run("load", inputs=[tmp_path / "orders"], provenance="full"):
        pass
    assert artifact(lineage_events[1], "inputs") == {"contentHash": hash_folder(tmp_path / "orders")}


def test_a_version_that_a_producer_said_stays(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-39: a snapshot's number is worth more than our look at a file."""
    with track_run("load") as run:
        run.output(files[0])
        run.dataset_facet(files[0], "version", {"datasetVersion": "snapshot 7"})
        run.dataset_facet(files[0], "lineageGraph_artifact", {"etag": "abc"})
    assert lineage_events[1]["outputs"][0]["facets"]["version"]["datasetVersion"] == "snapshot 7"
    assert artifact(lineage_events[1], "outputs") == {"etag": "abc"}


def test_the_arguments_of_a_call_are_recorded_in_full(lineage_events: CapturedEvents) -> None:
    """PV-15: function, inputs, parameters and output, of every kind of function."""

    @track_lineage(provenance="full", parameters=["day", "n"])
    def plain(day: str, *rest: int, n: int = 3, **more: Any) -> None: ...

    @track_lineage(provenance="full", parameters=["day"])
    async def coroutine(day: str) -> None: ...

    @track_lineage(provenance="full", parameters="day")
    def generator(day: str) -> Iterator[int]:
        yield 1

    @track_lineage(provenance="full", parameters=["day"])
    async def stream(day: str) -> AsyncIterator[int]:
        yield 1

    class Jobs:
        @track_lineage(provenance="full", parameters=["day", "self"])
        def method(self, day: str) -> None: ...

    async def consumed() -> None:
        await coroutine("2")
        assert [item async for item in stream("4")] == [1]

    plain("1", 5, 6, region="eu")
    asyncio.run(consumed())
    assert list(generator("3")) == [1]
    Jobs().method("5")
    ends = [event for event in lineage_events if event["eventType"] == "COMPLETE"]
    told = [parameters(event) for event in ends]
    assert [one["day"] for one in told] == ["1", "2", "4", "3", "5"]
    assert told[0]["n"] == "3"
    assert {"rest", "region"} <= told[0].keys()
    assert str(told[0]["region"]).startswith("hmac-sha256:")
    assert "self" not in told[4]


def test_arguments_are_recorded_in_full_alone(lineage_events: CapturedEvents) -> None:
    """PV-05: what a tier does not ask for leaves no trace."""

    @track_lineage(parameters=["day"])
    def load(day: str) -> None: ...

    load("2026-01-01")
    assert "2026-01-01" not in str(list(lineage_events)).replace("'eventTime': '2026-01-01", "")


def test_parameters_and_seeds_that_are_said_are_recorded(lineage_events: CapturedEvents) -> None:
    """PV-15: by name, in every tier that records anything."""
    configure(parameters_allowed="day")
    for tier in ("off", "essential", "full"):
        with track_run("load", provenance=tier) as run:
            run.parameter("day", "2026-01-01")
            run.parameter("day", "2026-01-02")
            run.parameter("threshold", 0.5)
            run.seed("numpy", 42)
            run.seed("torch", "hunter2")
    off, essential, full = (event["run"]["facets"] for event in lineage_events[1::2])
    assert set(off) == {"processing_engine"}
    for facets in (essential, full):
        values = {one["key"]: one.get("value") for one in facets["executionParameters"]["parameters"]}
        assert values["day"] == "2026-01-02"
        assert values["threshold"].startswith("hmac-sha256:")
        assert facets["lineageGraph_environment"]["seeds"]["numpy"] == "42"
        assert facets["lineageGraph_environment"]["seeds"]["torch"].startswith("hmac-sha256:")


def test_no_more_than_a_bound_of_parameters_is_kept(lineage_events: CapturedEvents) -> None:
    with track_run("load") as run:
        for number in range(300):
            run.parameter(f"p{number}", number)
        run.parameter("p0", "again")
    assert len(parameters(lineage_events[1])) == 200


def test_the_commit_of_the_code_is_told_and_not_that_of_the_folder(
    lineage_events: CapturedEvents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-19: a function's repository is the one that its file lies in."""
    commit = made_repository(
        tmp_path / "shop",
        load_py="from lineage import track_lineage\n\n\n@track_lineage\ndef load():\n    pass\n",
    )
    made_repository(tmp_path / "elsewhere", other_py="")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(str(tmp_path / "shop"))
    import load  # type: ignore[import-not-found]

    load.load()
    code = lineage_events[1]["run"]["facets"]["lineageGraph_code"]
    assert (code["commit"], code["branch"]) == (commit, "main")
    assert "unknown" not in code
    assert "dirty" not in code, "essential does not ask git"


def test_without_a_repository_the_deployment_says_the_commit(
    lineage_events: CapturedEvents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-20: and where nobody knows, unknown is said."""
    script = tmp_path / "job.py"
    script.write_text(
        "from lineage import track_run\nwith track_run('load', **options):\n    pass\n", "utf-8"
    )
    program = compile(script.read_text("utf-8"), str(script), "exec")
    exec(program, {"options": {}})
    exec(program, {"options": {"provenance": "full"}})
    from lineage.provenance import code

    code.version_of.cache_clear()
    code.essential_code.cache_clear()
    monkeypatch.setenv("SOURCE_COMMIT", "0123456789ab")
    exec(program, {"options": {}})
    told = [event["run"]["facets"]["lineageGraph_code"] for event in lineage_events[1::2]]
    assert [one.get("unknown") for one in told] == [
        ["commit", "branch"],
        ["commit", "branch", "dirty"],
        ["branch"],
    ]
    assert told[2]["commit"] == "0123456789ab"


def test_a_retry_with_the_same_input_is_another_run_of_the_same_versions(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-08: same content, same content hash and artifact; two attempts, two runs that name each other."""
    first = ""
    for attempt in (1, 2):
        with track_run("load", inputs=[files[0]], outputs=[files[1]], provenance="full") as run:
            run.attempt(attempt, retry_of=first or None)
            first = first or run.run_id
            files[1].write_text("id\n2\n", encoding="utf-8")
    one, two = lineage_events[1], lineage_events[3]
    assert one["run"]["runId"] != two["run"]["runId"]
    assert two["run"]["facets"]["lineageGraph_attempt"]["retryOf"] == one["run"]["runId"]
    for side, name in (("inputs", "contentHash"), ("outputs", "contentHash"), ("outputs", "artifactId")):
        assert artifact(one, side)[name] == artifact(two, side)[name]


def test_a_generator_that_streams_tells_what_a_batch_does(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-06: streaming and batch: inputs, parameters, and outputs once it is exhausted."""

    @track_lineage(inputs=[str(files[0])], outputs=[str(files[1])], provenance="full", parameters="day")
    def stream(day: str) -> Iterator[int]:
        for number in range(3):
            files[1].write_text(str(number), encoding="utf-8")
            yield number

    assert list(stream("1")) == [0, 1, 2]
    end = lineage_events[-1]
    assert parameters(end)["day"] == "1"
    assert artifact(end, "inputs")["contentHash"].startswith("bytes-")
    assert artifact(end, "outputs")["contentHash"] == "bytes-sha256:" + hashlib.sha256(b"2").hexdigest()


def test_what_is_told_at_length_is_told_once(
    lineage_events: CapturedEvents, files: tuple[Path, Path]
) -> None:
    """PV-07: hundreds of packages go out with START, and with no later event unless a seed is said."""
    with track_run("load", provenance="full") as run:
        run.running()
    start, running, end = (set(event["run"]["facets"]) for event in lineage_events)
    assert "lineageGraph_environment" in start
    assert "lineageGraph_environment" not in running | end


def test_nothing_of_the_full_tier_is_loaded_for_the_essential_one(tmp_path: Path) -> None:
    """PV-07: a run that asks for nothing pays for nothing."""
    program = (
        "import sys\nfrom lineage import track_run\n"
        "with track_run('load', inputs=[__file__]):\n    pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('lineage.provenance.')))\n"
    )
    (tmp_path / "job.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "job.py")], capture_output=True, text=True, check=True
    )
    loaded = {name.rpartition(".")[2] for name in eval(done.stdout)}
    assert loaded == {"builds", "code", "fingerprints", "recording", "repository"}


def test_no_step_failed_unseen(lineage_events: CapturedEvents, files: tuple[Path, Path]) -> None:
    run_once(files, provenance="full")
    assert not faults


def test_a_stream_is_left_to_its_owner(lineage_events: CapturedEvents) -> None:
    """PV-06: what can be read once is not read here."""
    reader = pa.table({"a": [1, 2]}).to_reader()
    with track_run("load", provenance="full") as run:
        run.input("raw.orders", content=reader)
    assert reader.read_all().num_rows == 2
    assert artifact(lineage_events[1], "inputs") == {}
