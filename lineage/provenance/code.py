"""Which version of the code runs: from the repository that it lies in, else from what its deployment says."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from lineage.encoding import Plain, to_plain
from lineage.facets import Build, LineageGraphCodeRunFacet
from lineage.provenance.builds import build, deployed_code
from lineage.provenance.repository import Repository, repository_of
from lineage.version import PRODUCER

_LOOKED_FOR = ("commit", "branch")


@functools.lru_cache(maxsize=1024)
def folder_of(file: str | None) -> Path:
    """Return the folder of a job's code: its file's, the running script's, or the working directory.

    A script that was installed, as a command is, is not the code that somebody runs with it.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    for one in (file, script if script and not _is_installed(script) else None):
        if one and os.path.isfile(one):
            return Path(os.path.abspath(one)).parent
    return Path.cwd()


def _is_installed(script: str) -> bool:
    folder = os.path.dirname(os.path.abspath(script))
    return folder == sysconfig.get_path("scripts") or "-packages" in folder


@functools.lru_cache(maxsize=1024)
def version_of(file: str | None) -> dict[str, str]:
    """Return `commit`, `branch` and `repository` of a job's code, as far as they are known.

    What a repository says comes before what the environment says; a detached HEAD, as CI checks out, has
    its branch from there. Both are looked at once: the code in this process is that of its beginning.
    """
    repository, deployed = repository_of(folder_of(file)), deployed_code()
    if repository is None:
        return deployed
    known = _of(repository)
    if "branch" in deployed and deployed.get("commit") in (None, known.get("commit")):
        known.setdefault("branch", deployed["branch"])
    return known


def _of(repository: Repository) -> dict[str, str]:
    told = {
        "commit": repository.commit,
        "branch": repository.branch,
        "repository": repository.remote,
    }
    return {name: value for name, value in told.items() if value}


@functools.lru_cache(maxsize=1024)
def essential_code(file: str | None) -> dict[str, Any]:
    """Return the facet of a job's code, as it goes on the wire, of what a look at files tells."""
    known: dict[str, Any] = dict(version_of(file))
    missing = [name for name in _LOOKED_FOR if name not in known]
    facet = LineageGraphCodeRunFacet(**known, unknown=missing or None, producer=PRODUCER)
    return Plain(to_plain(facet))


def full_code(file: str | None, changes: dict[str, Any]) -> LineageGraphCodeRunFacet:
    """Return the facet of a job's code with its build and how the working tree differs from the commit.

    `changes` has `dirty`, `diffHash` and the `commit` that is checked out now, where they are known.
    """
    known: dict[str, Any] = {**version_of(file), **changes}
    if (of_build := build()) is not None:
        known["build"] = Build(**of_build)
    missing = [name for name in (*_LOOKED_FOR, "dirty") if known.get(name) is None]
    if known.get("dirty") and known.get("diffHash") is None:
        missing.append("diffHash")
    return LineageGraphCodeRunFacet(**known, unknown=missing or None, producer=PRODUCER)
