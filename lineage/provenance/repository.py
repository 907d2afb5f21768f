"""The git repository that code lies in, read from its files: no git is run and no network is asked.

The formats are those of gitrepository-layout(5) and git-config(1).
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = "ref: refs/heads/"
_SECTION = re.compile(r'\s*\[([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\]')
_URL = re.compile(r'\s*url\s*=\s*"?([^"#;\s]+)', re.IGNORECASE)
_SMALL = 1 << 20


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree: its root, what is checked out there, and where it comes from, without credentials.

    What its files do not tell is None: the branch of a detached HEAD, the commit before the first one, the
    remote of a repository that has none.
    """

    root: Path
    commit: str | None
    branch: str | None
    remote: str | None


@functools.lru_cache(maxsize=256)
def repository_of(folder: Path) -> Repository | None:
    """Return the repository that a folder is in, as this process first saw it; None outside of any."""
    for root in (folder, *folder.parents):
        if (git_folder := _git_folder(root)) is not None:
            common = _common_folder(git_folder)
            head = _text(git_folder / "HEAD")
            branch = head.removeprefix(_BRANCH) if head.startswith(_BRANCH) else None
            return Repository(root, _commit(git_folder, common, head), branch, _remote(common))
    return None


def commit_checked_out(root: Path) -> str | None:
    """Return the commit that is checked out in a working tree now; None where its files do not tell."""
    if (git_folder := _git_folder(root)) is None:
        return None
    return _commit(git_folder, _common_folder(git_folder), _text(git_folder / "HEAD"))


def without_user(remote: str) -> str:
    """Return the address of a remote without user, password and query; a plain `git@` stays."""
    scheme, mark, rest = remote.partition("://")
    if mark:
        authority, slash, path = rest.partition("/")
        return f"{scheme}://{authority.rpartition('@')[2]}{slash}{re.sub('[?#].*', '', path)}"
    user, at, place = remote.partition("@")
    return place if at and user != "git" and "/" not in user else remote


def _git_folder(root: Path) -> Path | None:
    """Return the `.git` of a working tree; a linked one and a submodule have a file that says where it is."""
    git = root / ".git"
    try:
        mode = git.stat().st_mode
    except OSError:
        return None
    if stat.S_ISDIR(mode):
        return git if (git / "HEAD").is_file() else None
    pointer = _text(git)
    return root / pointer.removeprefix("gitdir: ") if pointer.startswith("gitdir: ") else None


def _common_folder(git_folder: Path) -> Path:
    """Return the folder of the references and the configuration that all linked working trees share."""
    told = _text(git_folder / "commondir")
    return git_folder / told if told else git_folder


def _commit(git_folder: Path, common: Path, head: str) -> str | None:
    if not head.startswith("ref: "):
        return head if _COMMIT.fullmatch(head) else None
    name = head.removeprefix("ref: ")
    if ".." in name:
        return None
    for place in (git_folder, common):
        if _COMMIT.fullmatch(found := _text(place / name)):
            return found
    for line in _lines(common / "packed-refs"):
        commit, _, packed = line.partition(" ")
        if packed == name and _COMMIT.fullmatch(commit):
            return commit
    return None


def _remote(common: Path) -> str | None:
    """Return the address of `origin`, or of the only other remote that is named first."""
    remotes: dict[str, str] = {}
    section: tuple[str, str] = ("", "")
    for line in _text(common / "config").splitlines():
        if (header := _SECTION.match(line)) is not None:
            section = (header[1].lower(), header[2] or "")
        elif section[0] == "remote" and (url := _URL.match(line)) is not None:
            remotes.setdefault(section[1], url[1])
    remote = remotes.get("origin") or next(iter(remotes.values()), None)
    return without_user(remote) if remote else None


def _text(path: Path) -> str:
    """Return what a small file holds; nothing where it cannot be read or is no file."""
    return "\n".join(_lines(path, _SMALL)).strip()


def _lines(path: Path, limit: int = 1 << 28) -> Iterator[str]:
    try:
        # A pipe in the place of a file would have its reader wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        state = os.fstat(descriptor)
        if stat.S_ISREG(state.st_mode) and state.st_size <= limit:
            with open(descriptor, encoding="utf-8", errors="replace", closefd=False) as file:
                yield from (line.rstrip("\n") for line in file)
    except OSError:
        return
    finally:
        os.close(descriptor)
