"""Where the code of a job is: its file and line, and its commit where there is a git repository."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lineage.provenance.repository import repository_of


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
    repository = repository_of(path.parent)
    if repository is None or repository.remote is None:
        return {"type": "file", "url": f"{path.as_uri()}#L{line}", "path": str(path)}
    remote, commit, branch = repository.remote, repository.commit or "", repository.branch or ""
    inside = path.relative_to(repository.root).as_posix()
    fields = {"type": "git", "repoUrl": remote, "path": inside, "version": commit, "branch": branch}
    fields["url"] = f"{_web_address(remote)}/blob/{quote(commit or branch or 'HEAD')}/{quote(inside)}#L{line}"
    return {name: value for name, value in fields.items() if value}


def _web_address(remote: str) -> str:
    address = remote.removesuffix(".git")
    if "://" not in address and ":" in address:
        host, _, path = address.partition(":")
        return f"https://{host.rpartition('@')[2]}/{path}"
    scheme, _, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{'https' if scheme == 'ssh' else scheme}://{authority.rpartition('@')[2]}{slash}{path}"
