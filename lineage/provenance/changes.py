"""How a working tree differs from the commit that is checked out: asked of git, within a bound of time."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineage.provenance.repository import commit_checked_out

SECONDS = 2.0
"""How long git is waited for in all. Where it takes longer, it is not asked again by this process."""

AGAIN = 10.0
"""A look at a working tree counts for the runs that begin within as many seconds."""

MAX_BYTES = 256 << 20
"""Changed files of more than this together are not hashed: the tree is dirty, and its hash unknown."""

MAX_PRINTED = 64 << 20
"""More than so much is not read of what git says: it is a list of files."""

_DEEPEST = 3
_lock = threading.Lock()
_looks: dict[Path, tuple[float, Changes | None]] = {}


def _start_over() -> None:
    """Make a fresh lock in a forked child: another thread of the parent may have held the old one."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_start_over)


@dataclass(frozen=True, slots=True)
class Changes:
    """The files that differ from a commit, each with a hash of what it is now.

    `states` are by path from the root; None where they are too large to be read.
    """

    root: Path
    commit: str | None
    states: dict[str, str] | None

    def told(self, apart_from: Collection[str]) -> dict[str, Any]:
        """Return `commit`, `dirty` and `diffHash`, leaving out files and folders that are not code."""
        commit = {"commit": self.commit} if self.commit else {}
        if self.states is None:
            return {**commit, "dirty": True}
        besides = {
            path: state
            for path, state in self.states.items()
            if not _is_within(str(self.root / path), apart_from)
        }
        if not besides:
            return {**commit, "dirty": False}
        from lineage.provenance import hash_value

        return {**commit, "dirty": True, "diffHash": hash_value(sorted(besides.items()))}


def _is_within(path: str, places: Collection[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def changes_of(root: Path) -> Changes | None:
    """Return how a working tree differs from its commit; None where git does not tell."""
    with _lock:
        at, found = _looks.get(root, (0.0, None))
        if at and (found is None or time.monotonic() - at < AGAIN):
            return found
        until = time.monotonic() + SECONDS
        states = _states(root, "", until)
        found = None if states is None else Changes(root, commit_checked_out(root), _hashed(root, states))
        _looks[root] = (time.monotonic(), found)
        return found


def _states(root: Path, inside: str, until: float, depth: int = 0) -> dict[str, str] | None:
    """Return what git says of each changed and untracked file below a root; None where it does not answer."""
    printed = _git_status(root / inside, until)
    if printed is None:
        return None
    states: dict[str, str] = {}
    for path, kind in _entries(printed):
        place = f"{inside}{path}"
        if kind.startswith("S"):
            states[place] = f"submodule {commit_checked_out(root / place)}"
            if kind[2:] != ".." and depth < _DEEPEST:
                within = _states(root, f"{place}/", until, depth + 1)
                if within is None:
                    return None
                states.update(within)
        elif "__pycache__" not in path:
            states[place] = "file"
    return states


def _entries(printed: bytes) -> Iterator[tuple[str, str]]:
    """Yield path and kind (`S...` for a submodule) of each entry of `git status --porcelain=v2 -z`."""
    fields_before_path = {"1": 8, "u": 10}
    for entry in os.fsdecode(printed).split("\0"):
        kind = entry[:1]
        if kind == "?":
            yield entry[2:], ""
        elif kind in fields_before_path:
            parts = entry.split(" ", fields_before_path[kind])
            yield parts[-1], parts[2]


def _git_status(folder: Path, until: float) -> bytes | None:
    """Run git without the user's hooks and settings that run programs, and without leaving a lock."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [
        *(git, "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
        *("status", "--porcelain=v2", "-z", "--untracked-files=all", "--no-renames"),
        "--ignore-submodules=none",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # Into a file: whoever git started may hold a pipe open after git itself is gone.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=max(until - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)
            return None
        output.seek(0)
        printed = output.read(MAX_PRINTED + 1) if code == 0 else b""
        return printed if code == 0 and len(printed) <= MAX_PRINTED else None


def _hashed(root: Path, states: dict[str, str]) -> dict[str, str] | None:
    """Return the states with a hash of each file's content; None where they are too much to read."""
    from lineage.provenance import hash_file

    left, hashed = MAX_BYTES, {}
    for path, state in states.items():
        place = root / path
        try:
            found = place.lstat()
        except OSError:
            hashed[path] = "deleted"
            continue
        if state != "file" or not stat.S_ISREG(found.st_mode):
            hashed[path] = f"link {os.readlink(place)}" if stat.S_ISLNK(found.st_mode) else state
            continue
        left -= found.st_size
        if left < 0:
            return None
        executable = "x" if found.st_mode & stat.S_IXUSR else "-"
        try:
            hashed[path] = f"{executable} {hash_file(place)}"
        except OSError:
            hashed[path] = "unreadable"
    return hashed
