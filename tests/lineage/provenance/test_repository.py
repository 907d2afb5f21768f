"""What is known of a repository from its files, beside what git itself says of it."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest
from repositories import committed, git, made_repository

from lineage.provenance.code import folder_of
from lineage.provenance.repository import commit_checked_out, repository_of, without_user
from lineage.tracking.source import source_location


def test_commit_branch_and_remote_are_read_from_files(tmp_path: Path) -> None:
    """PV-19: commit, branch and repository, from any folder inside."""
    commit = made_repository(tmp_path / "shop", load_py="x = 1\n")
    git(tmp_path / "shop", "checkout", "-q", "-b", "feature/new-load")
    git(tmp_path / "shop", "remote", "add", "fork", "https://example.org/fork/shop.git")
    git(tmp_path / "shop", "remote", "add", "origin", "git@example.org:shop/shop.git")
    inside = tmp_path / "shop" / "jobs" / "daily"
    inside.mkdir(parents=True)

    found = repository_of(inside)
    assert found is not None
    assert (found.root, found.commit, found.branch) == (tmp_path / "shop", commit, "feature/new-load")
    assert found.remote == "git@example.org:shop/shop.git"


def test_packed_references_are_read(tmp_path: Path) -> None:
    commit = made_repository(tmp_path, load_py="x = 1\n")
    git(tmp_path, "pack-refs", "--all")
    assert not (tmp_path / ".git/refs/heads/main").exists()
    assert commit_checked_out(tmp_path) == commit


def test_a_detached_head_has_a_commit_and_no_branch(tmp_path: Path) -> None:
    commit = made_repository(tmp_path, load_py="x = 1\n")
    committed(tmp_path, load_py="x = 2\n")
    git(tmp_path, "checkout", "-q", "--detach", commit)
    found = repository_of(tmp_path)
    assert found is not None
    assert (found.commit, found.branch) == (commit, None)


def test_a_linked_working_tree_and_a_submodule_have_commits_of_their_own(tmp_path: Path) -> None:
    """PV-19: where `.git` is a file that points elsewhere."""
    commit = made_repository(tmp_path / "shop", load_py="x = 1\n")
    git(tmp_path / "shop", "remote", "add", "origin", "https://example.org/shop")
    git(tmp_path / "shop", "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    linked = repository_of(tmp_path / "linked")
    assert linked is not None
    assert (linked.commit, linked.branch, linked.remote) == (commit, "other", "https://example.org/shop")

    inner = made_repository(tmp_path / "library", code_py="y = 1\n")
    git(tmp_path / "shop", "submodule", "add", "-q", str(tmp_path / "library"), "library")
    submodule = repository_of(tmp_path / "shop" / "library")
    assert submodule is not None
    assert (submodule.root, submodule.commit) == (tmp_path / "shop" / "library", inner)


def test_outside_of_any_repository_nothing_is_said(tmp_path: Path) -> None:
    """PV-20: no repository is no error."""
    assert repository_of(tmp_path / "nowhere") is None
    (tmp_path / ".git").mkdir()
    assert repository_of(tmp_path) is None, "a folder without a HEAD is no repository"


@pytest.mark.parametrize("broken", ["HEAD", "config", "refs/heads/main", "packed-refs"])
@pytest.mark.parametrize("how", ["pipe", "folder", "noise", "forbidden", "huge"])
def test_files_that_cannot_be_read_leave_what_they_say_unknown(tmp_path: Path, broken: str, how: str) -> None:
    """PV-20: a repository that is broken, or read by another user, neither raises nor waits."""
    made_repository(tmp_path, load_py="x = 1\n")
    file = tmp_path / ".git" / broken
    file.unlink(missing_ok=True)
    if how == "pipe":
        os.mkfifo(file)
    elif how == "folder":
        file.mkdir()
    elif how == "huge":
        with file.open("wb") as sparse:
            sparse.truncate(1 << 30)
    else:
        file.write_bytes(bytes(range(256)) * 4)
        file.chmod(0 if how == "forbidden" else 0o644)
    found = repository_of(tmp_path)
    if found is not None:
        assert found.remote is None
        assert (found.commit is None) == (broken in ("HEAD", "refs/heads/main"))


def test_a_reference_cannot_lead_out_of_the_repository(tmp_path: Path) -> None:
    made_repository(tmp_path / "shop", load_py="x = 1\n")
    (tmp_path / "secret").write_text("a" * 40, encoding="ascii")
    (tmp_path / "shop/.git/HEAD").write_text("ref: ../../secret\n", encoding="ascii")
    assert commit_checked_out(tmp_path / "shop") is None


@pytest.mark.parametrize(
    ("remote", "told"),
    [
        ("https://alice:hunter2@example.org/shop.git", "https://example.org/shop.git"),
        ("https://ghp_0123456789abcdef@example.org/shop", "https://example.org/shop"),
        ("https://example.org/shop?token=hunter2", "https://example.org/shop"),
        ("ssh://git@example.org:2222/shop.git", "ssh://example.org:2222/shop.git"),
        ("git@example.org:shop.git", "git@example.org:shop.git"),
        ("hunter2@example.org:shop.git", "example.org:shop.git"),
        ("/srv/git/shop.git", "/srv/git/shop.git"),
        ("/srv/a@b/shop.git", "/srv/a@b/shop.git"),
        ("../shop", "../shop"),
    ],
)
def test_a_remote_is_told_without_credentials(tmp_path: Path, remote: str, told: str) -> None:
    """PV-23: also where the user name is the secret, as hosting services have it."""
    assert without_user(remote) == told
    made_repository(tmp_path, load_py="x = 1\n")
    git(tmp_path, "remote", "add", "origin", remote)
    located = source_location(str(tmp_path / "load.py"), 3)
    assert located["repoUrl"] == told
    assert "hunter2" not in str(located)
    assert "ghp_" not in str(located)


@pytest.mark.parametrize("place", ["scripts", "site-packages/tool"])
def test_code_without_a_file_is_that_of_the_script_or_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """PV-19: an installed command is not the code that somebody runs with it."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.chdir(tmp_path)
    assert folder_of(None) == tmp_path

    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/load.py").touch()
    main.__file__ = str(tmp_path / "jobs/load.py")
    folder_of.cache_clear()
    assert folder_of(None) == tmp_path / "jobs"
    assert folder_of("<stdin>") == tmp_path / "jobs"

    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "dbt").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "scripts"))
    main.__file__ = str(tmp_path / place / "dbt")
    folder_of.cache_clear()
    assert folder_of(None) == tmp_path
