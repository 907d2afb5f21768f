"""Small git repositories for tests, made without the settings of whoever runs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it printed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    own = {**dict.fromkeys(who, "t@example.org"), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=variables | own, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def made_repository(folder: Path, **files: str) -> str:
    """Make a repository with one commit of `files` (`load_py` is load.py) and return the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    return committed(folder, **files)


def committed(folder: Path, **files: str) -> str:
    """Write files, commit all there is, and return the commit."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "a change")
    return git(folder, "rev-parse", "HEAD")
