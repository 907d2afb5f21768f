"""A recorded run is run again: reproduced, or what differs by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from repositories import committed, git, made_repository

from graph.cli._replaying import Replay
from lineage.errors import ReplayError

ROOT = Path(__file__).resolve().parents[3]

PIPELINE = """
import argparse
from pathlib import Path

from lineage import current_run, track_lineage

FACTOR = 2


@track_lineage(
    name="build",
    inputs=["data/orders.csv"],
    outputs=["data/out.csv"],
    provenance="full",
    parameters=["region"],
)
def build(day, region):
    orders = Path("data/orders.csv").read_text().split()
    if region == "nowhere":
        raise ValueError("there is no such region")
    current_run().seed("random", 7)
    Path("data/out.csv").write_text(f"{day} {region} {len(orders) * FACTOR}\\n")


parser = argparse.ArgumentParser()
parser.add_argument("--day")
parser.add_argument("--region")
given = parser.parse_args()
build(given.day, given.region)
"""


@dataclass
class Shop:
    """A repository with a pipeline, and the runs of it."""

    folder: Path
    packages: Path
    lineage: Callable[..., Any]

    def run(self, *, day: str = "2026-01-01", region: str = "eu") -> str:
        """Run the pipeline and return the id of its run."""
        program = [sys.executable, "load.py", "--day", day, "--region", region]
        subprocess.run(program, cwd=self.folder, env=os.environ, check=False, capture_output=True)
        run_id: str = self.lineage("runs", "--json").items["items"][0]["runId"]
        return run_id

    def install(self, version: str) -> None:
        """Have the environment hold a package in this version."""
        for before in self.packages.glob("*.dist-info"):
            (before / "METADATA").unlink()
            before.rmdir()
        about = self.packages / f"pricing-{version}.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: pricing\nVersion: {version}\n", "utf-8"
        )

    def replay(self, run: str, *options: str, day: str = "2026-01-01") -> Any:
        """Replay a run with the value that was recorded as a digest."""
        return self.lineage("replay", run, "--yes", "--json", "--parameter", f"day={day}", *options)


@pytest.fixture
def shop(tmp_path: Path, lineage: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A repository with two commits, of which the second one is checked out, and data that is in neither."""
    made = Shop(tmp_path / "shop", tmp_path / "site", lineage)
    made_repository(made.folder, load_py=PIPELINE.replace("* FACTOR", "* FACTOR - 1"))
    (made.folder / ".gitignore").write_text("data/\n", encoding="utf-8")
    committed(made.folder, load_py=PIPELINE)
    (made.folder / "data").mkdir()
    (made.folder / "data/orders.csv").write_text("a b c\n", encoding="utf-8")
    made.install("1.0")
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(made.packages)]))
    return made


def differences(said: Any) -> set[tuple[str, str]]:
    return {(one["kind"], one["name"]) for one in said.items["items"] if one["reason"] is None}


def test_a_good_run_is_reproduced_at_its_own_commit(shop: Shop) -> None:
    """PV-21, PV-43: the commit is checked out, its inputs are found by their hashes, and the trails agree."""
    run = shop.run()
    commit = git(shop.folder, "rev-parse", "HEAD")
    committed(shop.folder, load_py=PIPELINE.replace("FACTOR = 2", "FACTOR = 3"))
    out = (shop.folder / "data/out.csv").read_bytes()

    said = shop.replay(run)
    assert (said.code, said.items["items"]) == (0, [])
    assert said.items["query"] == {
        "run": run,
        "commit": commit,
        "command": [Path(sys.executable).name, "load.py", "--day", "{day}", "--region", "eu"],
        "reproduced": True,
        "exitCode": 0,
    }
    assert "--day '{day}' --region eu" in said.err
    assert "2026-01-01" not in said.err
    assert (shop.folder / "data/out.csv").read_bytes() == out, "a replay writes into a tree of its own"
    assert git(shop.folder, "worktree", "list").count("\n") == 0, "and leaves none"
    runs = shop.lineage("runs", "--json").items["items"]
    assert [one["runId"] for one in runs] == [run], "nor a run in the store"


@pytest.mark.slow
def test_a_failed_run_is_reproduced_by_failing_in_the_same_way(shop: Shop) -> None:
    """PV-21: the failure, at the commit that failed."""
    run = shop.run(region="nowhere")
    said = shop.replay(run)
    assert (said.code, differences(said)) == (0, set())
    assert said.items["query"]["exitCode"] == 1


@pytest.mark.slow
def test_a_changed_input_is_named(shop: Shop, tmp_path: Path) -> None:
    """PV-21: an input that is not what it was, told before and after; what it was can be given."""
    run = shop.run()
    before = tmp_path / "before.csv"
    (shop.folder / "data/orders.csv").rename(before)
    (shop.folder / "data/orders.csv").write_text("a b c d\n", encoding="utf-8")

    said = shop.replay(run)
    assert (said.code, differences(said)) == (1, {("input", "data/orders.csv"), ("output", "data/out.csv")})
    assert "input data/orders.csv is not what it was" in said.err
    refused = shop.replay(run, "--strict")
    assert (refused.code, refused.out) == (1, "")
    again = shop.replay(run, "--input", f"data/orders.csv={before}")
    assert (again.code, differences(again)) == (0, set())


@pytest.mark.slow
def test_a_changed_parameter_is_named(shop: Shop) -> None:
    """PV-21: against its digest before, and by the trails after."""
    run = shop.run()
    said = shop.replay(run, day="2026-01-02")
    assert "parameter day is another value than the recorded one" in said.err
    assert said.code == 1
    assert differences(said) == {
        ("parameter", "day"),
        ("parameter", "argv.day"),
        ("output", "data/out.csv"),
    }


@pytest.mark.slow
def test_a_changed_line_of_code_is_named(shop: Shop) -> None:
    """PV-21: a run with a line that is in no commit is not the commit's run."""
    changed = PIPELINE.replace("FACTOR = 2", "FACTOR = 20")
    (shop.folder / "load.py").write_text(changed, encoding="utf-8")
    run = shop.run()
    said = shop.replay(run)
    assert said.code == 1
    assert differences(said) == {("code", "what differs from the commit"), ("output", "data/out.csv")}
    assert "changes that are in no commit" in said.err


@pytest.mark.slow
def test_a_changed_package_is_named(shop: Shop) -> None:
    """PV-21: by its versions; a warning before the run, and with --strict the end of it."""
    run = shop.run()
    shop.install("2.0")
    said = shop.replay(run)
    assert (said.code, differences(said)) == (1, {("package", "pricing")})
    assert said.items["items"][0]["recorded"] == "1.0"
    assert said.items["items"][0]["replayed"] == "2.0"
    assert "package pricing was 1.0 and is 2.0" in said.err
    refused = shop.replay(run, "--strict")
    assert (refused.code, refused.out) == (1, "")


def test_nothing_is_run_without_a_word_or_a_value(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """PV-21: a store is not trusted to run what it names: without a yes, and all its values, nothing runs."""
    run = shop.run()
    monkeypatch.setattr(Replay, "run", lambda self: pytest.fail("it was run"))
    asked = shop.lineage("replay", run, "--parameter", "day=2026-01-01")
    assert asked.code != 0
    assert "This runs a command that the store names" in asked.err
    missing = shop.lineage("replay", run, "--yes")
    assert missing.code == 2
    assert "--parameter day=VALUE" in missing.err


@pytest.mark.slow
def test_what_is_missing_or_wrong_is_named_before_anything_runs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-21: bad input ends with 2, and leaves no tree."""
    run = shop.run()
    monkeypatch.setattr(Replay, "run", lambda self: pytest.fail("it was run"))
    for options, why in (
        (("--parameter", "day=1", "--parameter", "hour=1"), "no parameter 'hour' to give: it has day"),
        (("--parameter", "day"), "NAME=VALUE"),
        (("--parameter", "day=1", "--input", "x=/y"), "read no file 'x'"),
        (("--parameter", "day=1", "--repository", str(shop.packages)), "no git repository"),
        (("--parameter", "day=1", "--python", "/nowhere/python"), "--python"),
    ):
        said = shop.lineage("replay", run, "--yes", *options)
        assert (said.code, said.out) == (2, ""), options
        assert why in " ".join(said.err.split()), options
    (shop.folder / "data/orders.csv").unlink()
    gone = shop.replay(run)
    assert gone.code == 2
    assert "give it with --input data/orders.csv=PATH" in gone.err
    assert git(shop.folder, "worktree", "list").count("\n") == 0


@pytest.mark.slow
def test_a_run_that_wrote_elsewhere_is_replayed_on_request_alone(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-21: a replay must not write a table, or a file elsewhere, for a second time by accident."""
    program = PIPELINE.replace(
        'outputs=["data/out.csv"]', f'outputs=["data/out.csv", "{tmp_path}/x", "mart.x"]'
    )
    committed(shop.folder, load_py=program)
    run = shop.run()
    monkeypatch.setattr(Replay, "run", lambda self: pytest.fail("it was run"))
    said = shop.replay(run)
    assert said.code == 2
    assert str(tmp_path / "x") in said.err
    assert "mart.x" in said.err
    assert "--write-again" in said.err


@pytest.mark.slow
def test_a_run_without_a_record_of_its_command_cannot_be_replayed(shop: Shop) -> None:
    committed(shop.folder, load_py=PIPELINE.replace('provenance="full"', 'provenance="essential"'))
    said = shop.replay(shop.run())
    assert said.code == 2
    assert 'tracked with provenance="full"' in " ".join(said.err.split())
    unknown = shop.lineage("replay", "01941f29-7c00-7000-8000-000000000001", "--yes")
    assert unknown.code == 2
    assert "no run has the id" in unknown.err


@pytest.mark.slow
def test_a_commit_that_a_clone_has_not_is_named(shop: Shop, tmp_path: Path) -> None:
    run = shop.run()
    made_repository(tmp_path / "other", load_py="")
    said = shop.replay(run, "--repository", str(tmp_path / "other"))
    assert said.code == 2
    assert f"has no commit {git(shop.folder, 'rev-parse', 'HEAD')}: fetch it" in " ".join(said.err.split())


@pytest.mark.slow
def test_hooks_of_a_repository_do_not_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout must not run what stands beside the repository."""
    run = shop.run()
    hook = shop.folder / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {shop.folder}/it-ran\n", encoding="ascii")
    hook.chmod(0o755)
    monkeypatch.setattr(Replay, "run", lambda self: (_ for _ in ()).throw(ReplayError("far enough")))
    assert "far enough" in shop.replay(run).err
    assert not (shop.folder / "it-ran").exists()


@pytest.mark.slow
def test_a_program_under_lineage_run_is_replayed_under_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-21: without a change of its code: what its libraries read and wrote is the trail."""
    program = (
        "import sys\nfrom pathlib import Path\nimport pandas as pd\n"
        "frame = pd.read_csv('data/in.csv')\n"
        "frame.assign(day=sys.argv[1]).to_csv('data/out.csv', index=False)\n"
    )
    committed(shop.folder, etl_py=program)
    (shop.folder / "data/in.csv").write_text("id\n1\n", encoding="utf-8")
    monkeypatch.setenv("LINEAGE_PROVENANCE", "full")
    command = [str(Path(sys.executable).with_name("lineage")), "run", "--", sys.executable, "etl.py", "1"]
    subprocess.run(command, cwd=shop.folder, check=True, capture_output=True)
    (run,) = shop.lineage("runs", "--json").items["items"]

    said = shop.lineage("replay", run["runId"], "--yes", "--json", "--parameter", "1=1")
    assert (said.code, said.items["items"]) == (0, []), said.err
    (shop.folder / "data/in.csv").write_text("id\n2\n", encoding="utf-8")
    other = shop.lineage("replay", run["runId"], "--yes", "--json", "--parameter", "1=1")
    assert differences(other) == {("input", "data/in.csv"), ("output", "data/out.csv")}
