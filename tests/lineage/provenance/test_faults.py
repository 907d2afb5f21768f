"""A fault in any step of recording versions changes nothing for the program that is watched."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from repositories import made_repository

from lineage import configure, current_run, events, track_lineage
from lineage._guard import faults
from lineage.provenance import changes, code, command, content, environment, keys, parameters, recording
from lineage.testing import capture

Told = list[dict[str, Any]]


@pytest.fixture
def told() -> Iterator[Told]:
    """The events of the test, with faults contained as they are for a user."""
    from lineage._guard import reraise_faults

    with capture() as captured:
        reraise_faults(False)
        yield captured


class Job:
    """A tracked function that reads a file, writes one, and counts how often its body ran."""

    def __init__(self, folder: Path) -> None:
        self.read, self.written, self.ran = folder / "in.csv", folder / "out.csv", 0
        self.read.write_text("1", encoding="utf-8")

        @track_lineage(inputs=[str(self.read)], outputs=[str(self.written)], provenance="full")
        def run(value: Any, *, fail: bool = False) -> Any:
            self.ran += 1
            current_run().seed("numpy", 42)
            current_run().parameter("value again", value)
            self.written.write_text("2", encoding="utf-8")
            if fail:
                raise KeyError("the host's own")
            return value

        self.run = run


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def check(job: Job, told: Told, value: object = 7) -> dict[str, Any]:
    """The host gets its own results and its own errors, and the runs their ends; return the event of one."""
    assert job.run(value) is value
    with pytest.raises(KeyError, match="the host's own"):
        job.run(value, fail=True)
    assert job.ran == 2
    assert [event["eventType"] for event in told] == ["START", "COMPLETE", "START", "FAIL"]
    complete: dict[str, Any] = told[1]
    assert [one["name"] for one in complete["inputs"]] == [str(job.read)]
    assert [one["name"] for one in complete["outputs"]] == [str(job.written)]
    return complete


STEPS: list[tuple[object, str]] = [
    (code, "version_of"),
    (recording, "essential_code"),
    (recording, "full_code"),
    (recording, "folder_of"),
    (recording, "look"),
    (recording, "local_path"),
    (changes, "changes_of"),
    (changes, "_git_status"),
    (content, "content_of"),
    (content, "kind_of_file_system"),
    (environment, "environment_of"),
    (environment, "environment_facet"),
    (parameters, "told"),
    (parameters, "digest"),
    (keys, "parameters_key"),
    (command, "command_of"),
    (command, "started_by"),
]


@pytest.mark.parametrize("error", [OSError, RecursionError])
@pytest.mark.parametrize(("module", "step"), STEPS, ids=lambda one: one if isinstance(one, str) else "")
def test_a_step_that_raises_leaves_the_host_as_it_was(
    job: Job, told: Told, monkeypatch: pytest.MonkeyPatch, module: object, step: str, error: type[Exception]
) -> None:
    """PV-07: each step stands by itself: the run is told without what that step would have said."""

    def fail(*_: object, **__: object) -> None:
        raise error("hunter2")

    monkeypatch.setattr(module, step, fail)
    complete = check(job, told)
    assert "processing_engine" in complete["run"]["facets"]
    assert "hunter2" not in str(told)


@pytest.mark.parametrize("step", ["begin", "end", "read", "written", "started"])
def test_recording_itself_may_fail(job: Job, told: Told, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(recording.Recording, step, fail)
    check(job, told)


def vanish(path: Path) -> None:
    path.unlink()


def forbid(path: Path) -> None:
    path.chmod(0)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def kernels_own(path: Path) -> None:
    path.unlink()
    path.symlink_to("/proc/self/mem")


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def folder_of_itself(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "again").symlink_to(path)
    os.mkfifo(path / "pipe")


@pytest.mark.parametrize("tier", ["essential", "full"])
@pytest.mark.parametrize("spoil", [vanish, forbid, pipe, loop, kernels_own, device, folder_of_itself])
def test_an_input_that_cannot_be_read_is_named_without_a_version(
    tmp_path: Path, told: Told, spoil: Callable[[Path], None], tier: str
) -> None:
    """PV-07: vanished files, pipes, devices, the kernel's own: named, neither waited for nor read."""
    job = Job(tmp_path)
    spoil(job.read)
    configure(provenance=tier)
    complete = check(job, told)
    assert "contentHash" not in complete["inputs"][0]["facets"].get("lineageGraph_artifact", {}) or (
        spoil is forbid and os.geteuid() == 0
    )
    assert not faults, "what the host does with its files is no fault of ours"


def test_a_value_whose_methods_raise_is_handed_on(job: Job, told: Told) -> None:
    """PV-15: a parameter is not asked for its text, its hash or its size."""

    class Hostile:
        def fail(self, *_: object) -> Any:
            raise SystemExit("the host's object was asked something")

        __repr__ = __str__ = __hash__ = __eq__ = __bool__ = __len__ = __iter__ = __reduce__ = fail  # type: ignore[assignment]
        __class_getitem__ = __getattr__ = fail

    complete = check(job, told, Hostile())
    entries = complete["run"]["facets"]["executionParameters"]["parameters"]
    assert [one.get("value") for one in entries if one["key"].startswith("value")] == [None, None]


def test_an_outbox_that_holds_no_key_leaves_parameters_without_values(
    job: Job, told: Told, tmp_path: Path
) -> None:
    """PV-15: without a key there is no digest, and never a value in its place."""
    (tmp_path / "file").touch()
    configure(parameters_key=str(tmp_path / "file" / "parameters.key"))
    complete = check(job, told, "hunter2")
    entries = complete["run"]["facets"]["executionParameters"]["parameters"]
    assert {"key": "value", "name": "value", "description": "str"} in entries
    assert "hunter2" not in str(told)


@pytest.mark.parametrize("script", ["exit 1", "sleep 20", "yes", "echo; kill -9 $$"])
def test_whatever_git_does_the_run_goes_on(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """PV-20: git failing, hanging or never ending: unknown, and no run waits for it for long."""
    made_repository(tmp_path / "shop", load_py="def load():\n    return 7\n")
    (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(changes, "SECONDS", 0.05)
    monkeypatch.syspath_prepend(str(tmp_path / "shop"))
    space: dict[str, Any] = {}
    exec(compile("def load():\n    return 7\n", str(tmp_path / "shop/load.py"), "exec"), space)
    assert track_lineage(provenance="full")(space["load"])() == 7
    facet = told[1]["run"]["facets"]["lineageGraph_code"]
    assert "dirty" in facet["unknown"]
    assert "commit" in facet


def test_a_forked_child_and_its_parent_tell_their_own(job: Job, told: Told) -> None:
    """What is remembered crosses a fork, and nothing waits for a lock that was held in the parent."""
    job.run(7)
    child = os.fork()
    if child == 0:
        os._exit(0 if job.run(8) == 8 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert job.run(9) == 9


def test_faults_are_told_without_what_they_hold(
    job: Job, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """PV-23: nor does the log hold a value."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(parameters, "digest", fail)
    with caplog.at_level(logging.INFO, "lineage"):
        check(job, told, "hunter2")
    assert "hunter2" not in caplog.text
    assert events.sources is not None
