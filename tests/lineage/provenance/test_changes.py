"""How a working tree differs from its commit, as git tells it and as git fails to."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from repositories import committed, git, made_repository

from lineage.provenance import changes
from lineage.provenance.changes import changes_of


def told(root: Path, *apart_from: str) -> dict[str, object]:
    changes._looks.clear()
    found = changes_of(root)
    assert found is not None
    return found.told(apart_from)


def test_a_clean_tree_is_clean(tmp_path: Path) -> None:
    """PV-19: the dirty flag, beside the commit that git itself names."""
    commit = made_repository(tmp_path, load_py="x = 1\n")
    assert told(tmp_path) == {"commit": commit, "dirty": False}


def test_every_kind_of_change_is_dirty_and_has_a_hash_of_its_own(tmp_path: Path) -> None:
    """PV-19: changed, staged, deleted, untracked, executable: equal trees alone have equal hashes."""
    made_repository(tmp_path, load_py="x = 1\n", old_py="y = 1\n")
    load, old, new = tmp_path / "load.py", tmp_path / "old.py", tmp_path / "new ö.py"
    hashes = []

    def look() -> None:
        state = told(tmp_path)
        assert state["dirty"] is True
        hashes.append(state["diffHash"])

    load.write_text("x = 2\n", encoding="utf-8")
    look()
    load.chmod(0o755)
    look()
    new.write_text("z = 1\n", encoding="utf-8")
    look()
    old.unlink()
    look()
    (tmp_path / "link").symlink_to("load.py")
    look()
    assert len(set(hashes)) == 5

    git(tmp_path, "add", "-A")
    assert told(tmp_path)["diffHash"] == hashes[-1], "staged or not, the tree is the same"
    committed(tmp_path)
    assert told(tmp_path)["dirty"] is False


def test_a_change_inside_a_submodule_counts(tmp_path: Path) -> None:
    """PV-19: submodules, by their commit, their changes and their untracked files."""
    made_repository(tmp_path / "library", code_py="y = 1\n")
    shop = tmp_path / "shop"
    made_repository(shop, load_py="x = 1\n")
    git(shop, "submodule", "add", "-q", str(tmp_path / "library"), "library")
    committed(shop)
    assert told(shop)["dirty"] is False

    (shop / "library" / "code.py").write_text("y = 2\n", encoding="utf-8")
    first = told(shop)
    (shop / "library" / "code.py").write_text("y = 3\n", encoding="utf-8")
    second = told(shop)
    committed(shop / "library")
    third = told(shop)
    (shop / "library" / "more.py").write_text("", encoding="utf-8")
    fourth = told(shop)
    assert [one["dirty"] for one in (first, second, third, fourth)] == [True] * 4
    assert len({str(one["diffHash"]) for one in (first, second, third, fourth)}) == 4


def test_data_and_compiled_code_are_no_changes_of_the_code(tmp_path: Path) -> None:
    """PV-19: what a run writes into its own repository makes the next run's code no other."""
    made_repository(tmp_path, load_py="x = 1\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/load.cpython-311.pyc").write_bytes(b"")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/out.csv").write_text("1", encoding="utf-8")
    (tmp_path / "data.py").write_text("", encoding="utf-8")
    assert told(tmp_path)["dirty"] is True
    assert told(tmp_path, str(tmp_path / "data"), str(tmp_path / "data.py"))["dirty"] is False
    assert told(tmp_path, str(tmp_path / "data"))["dirty"] is True, "data.py is not in data"


def test_too_much_to_read_is_dirty_with_an_unknown_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_repository(tmp_path, load_py="x = 1\n")
    (tmp_path / "load.py").write_text("x = 2\n", encoding="utf-8")
    monkeypatch.setattr(changes, "MAX_BYTES", 3)
    assert set(told(tmp_path)) == {"commit", "dirty"}


def test_a_look_counts_for_the_runs_that_follow_at_once(tmp_path: Path) -> None:
    made_repository(tmp_path, load_py="x = 1\n")
    first = changes_of(tmp_path)
    assert changes_of(tmp_path) is first
    changes._looks[tmp_path] = (time.monotonic() - changes.AGAIN - 1, first)
    assert changes_of(tmp_path) is not first


def put_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("script", ["exit 128", "kill -9 $$", "echo nonsense; exit 1"])
def test_a_git_that_fails_leaves_it_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """PV-20: unknown is not clean."""
    made_repository(tmp_path / "shop", load_py="x = 1\n")
    put_git(tmp_path / "bin", script, monkeypatch)
    assert changes_of(tmp_path / "shop") is None


def test_without_git_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_repository(tmp_path / "shop", load_py="x = 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert changes_of(tmp_path / "shop") is None


def test_a_git_that_hangs_is_waited_for_once_and_not_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-20: nor does a child that it leaves behind with its output open keep us."""
    made_repository(tmp_path / "shop", load_py="x = 1\n")
    put_git(tmp_path / "bin", "sleep 30 & sleep 30", monkeypatch)
    monkeypatch.setattr(changes, "SECONDS", 0.1)
    began = time.monotonic()
    assert changes_of(tmp_path / "shop") is None
    assert time.monotonic() - began < 5
    changes._looks[tmp_path / "shop"] = (1.0, None)
    monkeypatch.setattr(changes, "_git_status", lambda *_: pytest.fail("git is not asked again"))
    assert changes_of(tmp_path / "shop") is None


def test_git_runs_nothing_that_the_repository_names(tmp_path: Path) -> None:
    """A look must not run a program that somebody put into the repository's settings."""
    made_repository(tmp_path, load_py="x = 1\n")
    (tmp_path / "load.py").write_text("x = 2\n", encoding="utf-8")
    program = tmp_path / ".git" / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/.git/it-ran\n", encoding="ascii")
    program.chmod(0o755)
    for setting in ("core.fsmonitor", "diff.external", "core.pager"):
        git(tmp_path, "config", setting, str(program))
    (tmp_path / ".git/hooks").mkdir(exist_ok=True)
    (tmp_path / ".git/hooks/post-index-change").symlink_to(program)
    assert told(tmp_path)["dirty"] is True
    assert not (tmp_path / ".git/it-ran").exists()
