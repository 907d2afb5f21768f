"""Where the code of a job is: its file and line, and its commit where there is a git repository."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lineage.redaction import redact_url


def place_of(function: Any) -> tuple[str, int] | None:
    """Return the file and line of a function; None for one that is not written in Python."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else None


def source_location(file: str, line: int) -> dict[str, str]:
    """Return the fields of the sourceCodeLocation facet for a place in a file.

    `type` is git when the file is in a repository with a remote, else file.
    """
    path = Path(file).absolute()
    repository = _repository(path.parent)
    if repository is None:
        return {"type": "file", "url": f"{path.as_uri()}#L{line}", "path": str(path)}
    root, remote, commit, branch = repository
    inside = path.relative_to(root).as_posix()
    fields = {"type": "git", "repoUrl": remote, "path": inside, "version": commit, "branch": branch}
    fields["url"] = f"{_web_address(remote)}/blob/{quote(commit or branch or 'HEAD')}/{quote(inside)}#L{line}"
    return {name: value for name, value in fields.items() if value}


@functools.lru_cache(maxsize=256)
def _repository(folder: Path) -> tuple[Path, str, str, str] | None:
    """Return root, remote URL without credentials, commit and branch; None without repository or remote."""
    try:
        from openlineage.client import git
    except ImportError:  # openlineage-python before 1.47 has no git support
        return None
    root = next((place for place in [folder, *folder.parents] if (place / ".git").exists()), None)
    git_dir = git._find_git_dir(str(folder)) if root is not None else None
    if root is None or git_dir is None:
        return None
    remote = git.get_git_repo_url(git_dir=git_dir)
    if not remote:
        return None
    return root, redact_url(remote), git.get_git_version(git_dir) or "", git.get_git_branch(git_dir) or ""


def _web_address(remote: str) -> str:
    address = remote.removesuffix(".git")
    if "://" not in address and ":" in address:
        host, _, path = address.partition(":")
        return f"https://{host.rpartition('@')[2]}/{path}"
    scheme, _, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{'https' if scheme == 'ssh' else scheme}://{authority.rpartition('@')[2]}{slash}{path}"
