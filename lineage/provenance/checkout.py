"""A commit checked out into a folder of its own for a while, and the inputs of a run put into it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lineage.errors import ReplayError

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@contextmanager
def checked_out(repository: Path, commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a new folder, without running the repository's hooks, and remove it at the end.

    ReplayError when the repository has no such commit, or git cannot check it out.
    """
    require(repository, commit)
    run_git(repository, "worktree", "add", "--detach", "--quiet", str(folder), commit)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        run_git(repository, "worktree", "prune")


def require(repository: Path, commit: str) -> None:
    """Raise ReplayError unless a repository has a commit."""
    if not _COMMIT.fullmatch(commit):
        raise ReplayError(f"{commit!r} is no commit: the record of the run is broken")
    if not _has(repository, f"{commit}^{{commit}}"):
        raise ReplayError(
            f"{repository} has no commit {commit}: fetch it (git fetch origin {commit}), or give another"
            " clone with --repository"
        )


def has_file(repository: Path, commit: str, path: str) -> bool:
    """Return whether a commit has a file or folder at a path."""
    return _has(repository, f"{commit}:{path}")


def stays_in(tree: Path, inside: str) -> bool:
    """Return whether a path from the root of a tree ends up in it, whatever links are on the way."""
    return (tree / inside).resolve().is_relative_to(tree.resolve())


def put(source: Path, tree: Path, inside: str) -> None:
    """Copy a file or folder to its place in a tree, over what is there: the program may write to the copy.

    ReplayError for a place that is not in the tree: by a link, or because the record says so.
    """
    target = tree / inside
    if not stays_in(tree, inside):
        raise ReplayError(f"input {inside} would be written outside of the checked out tree: nothing was run")
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, symlinks=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def run_git(repository: Path, *arguments: str) -> str:
    """Run git in a repository without its hooks and return what it printed; ReplayError when it fails."""
    try:
        done = _git(repository, *arguments)
    except OSError as fault:
        raise ReplayError(f"git cannot be run ({fault.strerror}): install it") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ReplayError(f"git {arguments[0]} failed in {repository}: {last[0]}")
    return done.stdout


def _has(repository: Path, name: str) -> bool:
    try:
        return _git(repository, "cat-file", "-e", name).returncode == 0
    except OSError as fault:
        raise ReplayError(f"git cannot be run ({fault.strerror}): install it") from None


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    safe = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")
    return subprocess.run(
        ["git", *safe, *arguments],
        cwd=repository,
        env={**environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
