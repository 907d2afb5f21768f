"""The plan of a replay: what it takes, what is missing, and that nothing leads out of its tree."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from repositories import committed, git, made_repository

from lineage.errors import ReplayError
from lineage.provenance import hash_file, hash_folder
from lineage.provenance.checkout import checked_out, put, stays_in
from lineage.provenance.parameters import digest
from lineage.provenance.replay import Given, command_in, environment_by, plan, variables
from lineage.provenance.trails import Trail

KEY = bytes(32)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    made_repository(tmp_path / "shop", load_py="x = 1\n")
    return tmp_path / "shop"


def trail(shop: Path, *argv: str, **told: Any) -> Trail:
    command = {"argv": ["python", *(argv or ("load.py",))], "root": str(shop), "folder": "."}
    entry = next((one for one in command["argv"] if one.endswith(".py")), None)
    return Trail(
        "r",
        ("ns", "build"),
        "COMPLETE",
        **{"code": {"commit": git(shop, "rev-parse", "HEAD")}, "command": {**command, "entry": entry}} | told,
    )


def files(*paths: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {
        ("file", str(path)): {"contentHash": hash_folder(path) if path.is_dir() else hash_file(path)}
        for path in paths
    }


def test_values_are_checked_against_their_digests(shop: Path) -> None:
    """PV-21: whatever type the value had; another one is warned of, and so is a key that is not at hand."""
    told = {"argv.day": digest("1", KEY), "argv.n": digest(3, KEY)}
    of = trail(shop, "load.py", "--day", "{day}", "--n={n}", parameters=told)
    same = plan(of, shop, Given({"day": "1", "argv.n": "3"}, {}, KEY))
    assert same.warnings == ()
    assert same.argv == ("python", "load.py", "--day", "1", "--n=3")
    assert same.shown == ("python", "load.py", "--day", "{day}", "--n={n}")
    (other,) = plan(of, shop, Given({"day": "2", "n": "3"}, {}, KEY)).warnings
    assert "parameter day is another value" in other
    assert len(plan(of, shop, Given({"day": "1", "n": "3"}, {}, bytes(31) + b"1")).warnings) == 2


def test_values_that_were_told_stay_allowed(shop: Path) -> None:
    told = {"argv.day": digest("1", KEY), "region": "eu", "day": digest("1", KEY)}
    of = trail(shop, "load.py", "--day={day}", "--zone", "b", "x", parameters=told)
    assert plan(of, shop, Given({"day": "1"}, {}, KEY)).allowed == ("1", "region", "zone")


def test_inputs_are_found_by_their_content(shop: Path, tmp_path: Path) -> None:
    """PV-21: where they were, in the clone, in the commit, or where the user says."""
    old = tmp_path / "old"  # the repository was elsewhere when the run ran
    (shop / "moved.csv").write_text("moved", encoding="utf-8")
    (shop / "parts").mkdir()
    (shop / "parts/a").write_text("a", encoding="utf-8")
    (tmp_path / "kept.csv").write_text("kept", encoding="utf-8")
    content = {
        ("file", str(old / "moved.csv")): {"contentHash": hash_file(shop / "moved.csv")},
        ("file", str(old / "parts")): {"contentHash": hash_folder(shop / "parts")},
        ("file", str(old / "load.py")): {"contentHash": hash_file(shop / "load.py")},
        ("file", str(old / "gone.csv")): {"contentHash": hash_file(tmp_path / "kept.csv")},
        ("file", str(tmp_path / "kept.csv")): {"contentHash": hash_file(tmp_path / "kept.csv")},
        ("s3://lake", "raw"): {},
    }
    of = trail(shop, inputs=content)
    of = dataclasses.replace(of, command={**of.command, "root": str(old)})
    with pytest.raises(ReplayError, match=r"--input gone\.csv=PATH"):
        plan(of, shop, Given())
    given = Given(inputs={"gone.csv": tmp_path / "kept.csv"})
    found = plan(of, shop, given)
    assert found.warnings == ()
    assert [(one.inside, one.source) for one in found.inputs] == [
        ("moved.csv", shop / "moved.csv"),
        ("parts", shop / "parts"),
        ("load.py", shop / "load.py"),
        ("gone.csv", tmp_path / "kept.csv"),
        (None, None),
    ]
    with pytest.raises(ReplayError, match="outside of the repository"):
        plan(of, shop, Given(inputs={**given.inputs, str(tmp_path / "kept.csv"): shop / "load.py"}))


def test_what_has_another_content_is_warned_of(shop: Path, tmp_path: Path) -> None:
    (shop / "a.csv").write_text("1", encoding="utf-8")
    (tmp_path / "b.csv").write_text("1", encoding="utf-8")
    of = trail(shop, inputs=files(shop / "a.csv", tmp_path / "b.csv"))
    for path in (shop / "a.csv", tmp_path / "b.csv"):
        path.write_text("2", encoding="utf-8")
    assert len(plan(of, shop, Given()).warnings) == 2
    (tmp_path / "b.csv").unlink()
    with pytest.raises(ReplayError, match="is not at"):
        plan(of, shop, Given())


@pytest.mark.parametrize("commit", ["--help", "HEAD", "a" * 40, "main; true", ""])
def test_a_commit_is_one_that_the_clone_has(shop: Path, commit: str) -> None:
    """What the store names as a commit reaches git as nothing else."""
    with pytest.raises(ReplayError):
        plan(trail(shop, code={"commit": commit}), shop, Given())


@pytest.mark.parametrize("inside", ["../out.csv", "../../out.csv", "link/out.csv", "file-link"])
def test_nothing_is_put_outside_of_the_tree(shop: Path, tmp_path: Path, inside: str) -> None:
    """A record that says `..`, and a link in the commit, write nowhere else."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "out.csv").write_text("theirs", encoding="utf-8")
    (shop / "link").symlink_to(outside)
    (shop / "file-link").symlink_to(outside / "out.csv")
    committed(shop)
    with checked_out(shop, git(shop, "rev-parse", "HEAD"), tmp_path / "tree") as tree:
        assert not stays_in(tree, inside)
        with pytest.raises(ReplayError, match="outside of the checked out tree"):
            put(shop / "load.py", tree, inside)
    assert (outside / "out.csv").read_text("utf-8") == "theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "shop"]


def test_a_folder_outside_of_the_tree_is_not_gone_to(shop: Path, tmp_path: Path) -> None:
    of = trail(shop)
    of = dataclasses.replace(of, command={**of.command, "folder": "../.."})
    assert command_in(plan(of, shop, Given()), tmp_path, "python")[1] == tmp_path


@pytest.mark.parametrize(
    ("argv", "run"),
    [
        (("-u", "load.py", "x"), ["py", "-u", "TREE/load.py", "x"]),
        (("-m", "shop.load"), ["py", "-m", "shop.load"]),
        (("/opt/bin/dbt", "run"), ["py", "/opt/bin/dbt", "run"]),
    ],
)
def test_the_command_runs_the_code_of_the_tree(
    shop: Path, tmp_path: Path, argv: tuple[str, ...], run: list[str]
) -> None:
    found, folder = command_in(plan(trail(shop, *argv), shop, Given()), tmp_path, "py")
    assert [one.replace(str(tmp_path), "TREE") for one in found] == run
    assert folder == tmp_path


def test_a_replay_tells_nobody_else(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PV-21: an outbox and a store of its own, whatever the environment names."""
    for name in (
        "OPENLINEAGE_URL",
        "OPENLINEAGE__TRANSPORT__TYPE",
        "TRACEPARENT",
        "LINEAGE_JOIN",
        "LINEAGE_TOKEN",
    ):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PYTHONPATH", f"{shop}/src{os.pathsep}/elsewhere")
    of = trail(shop, environment={"hashSeed": "7", "timezone": "Asia/Tokyo"})
    made = variables(plan(of, shop, Given()), tmp_path, tmp_path / "tree", tmp_path / "key")
    assert not {name for name in made if name.startswith("OPENLINEAGE")} - {"OPENLINEAGE_CONFIG"}
    assert Path(made["OPENLINEAGE_CONFIG"]).read_text("utf-8") == ""
    assert not made.keys() & {"TRACEPARENT", "LINEAGE_JOIN", "LINEAGE_TOKEN"}
    assert made["LINEAGE_OUTBOX"] == str(tmp_path / "outbox")
    assert made["LINEAGE_STORE"] == str(tmp_path / "replay.db")
    assert made["LINEAGE_SHIP"] == "false"
    assert made["PYTHONPATH"] == f"{tmp_path}/tree/src{os.pathsep}/elsewhere"
    assert (made["PYTHONHASHSEED"], made["TZ"]) == ("7", "Asia/Tokyo")


@pytest.mark.slow
def test_asking_an_interpreter_imports_nothing_of_the_code(shop: Path, tmp_path: Path) -> None:
    """PV-21: nothing of the commit runs before it is allowed to."""
    (shop / "json.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    root = str(Path(__file__).resolve().parents[3])
    told = environment_by(sys.executable, shop, tmp_path / "empty", {**os.environ, "PYTHONPATH": root})
    assert told["python"]
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ReplayError, match="--python"):
        environment_by("/nowhere/python", shop, tmp_path / "empty", {})
    with pytest.raises(ReplayError, match="cannot tell its environment"):
        environment_by(sys.executable, shop, tmp_path / "empty", {"PYTHONPATH": "", "PYTHONHOME": "/nowhere"})


def test_a_tree_is_removed_whatever_happens(shop: Path, tmp_path: Path) -> None:
    leaving = checked_out(shop, git(shop, "rev-parse", "HEAD"), tmp_path / "tree")
    with pytest.raises(KeyboardInterrupt), leaving:
        raise KeyboardInterrupt
    assert not (tmp_path / "tree").exists()
    assert git(shop, "worktree", "list").count("\n") == 0
