"""What a run runs in: Python, packages, lock file, image, locale, time zone, and an id of all that counts."""

from __future__ import annotations

import functools
import locale
import os
import platform
import re
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from lineage.facets import LineageGraphEnvironmentRunFacet, LockFile
from lineage.provenance.builds import image_digest
from lineage.provenance.repository import repository_of
from lineage.version import PRODUCER

_LOCK_FILES = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile.lock",
    "conda-lock.yml",
    "pixi.lock",
    "requirements.txt",
)
_ZONE = re.compile(r"[\w+/:,.-]{1,64}")
_SEED = re.compile(r"random|\d{1,10}")


def environment_facet(folder: Path) -> LineageGraphEnvironmentRunFacet:
    """Return what a run of code in this folder runs in, without the seeds that its code sets."""
    known = environment_of(folder)
    return LineageGraphEnvironmentRunFacet(**known, producer=PRODUCER)


@functools.lru_cache(maxsize=64)
def environment_of(folder: Path) -> dict[str, Any]:
    """Return the fields of the environment facet, as this process first saw them.

    `id` is the same wherever all the others but `unknown` are: the host, the user and the folder do not
    count.
    """
    from lineage.provenance import hash_value

    known: dict[str, Any] = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "packages": packages(),
        "lockFile": lock_file(folder),
        "imageDigest": image_digest(),
        "locale": _locale(),
        "timezone": _timezone(),
        "hashSeed": _hash_seed(os.environ),
    }
    lock = known["lockFile"]
    counted = {**known, "lockFile": lock.hash if lock is not None else None}
    return {
        "id": hash_value(counted).replace("value-", "environment-", 1),
        **{name: value for name, value in known.items() if value is not None},
        "unknown": [name for name, value in known.items() if value is None] or None,
    }


@functools.lru_cache(maxsize=1)
def packages() -> dict[str, str]:
    """Return the installed packages and their versions, by their normalised names (PEP 503)."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        # What pip left half installed has metadata without a name or a version; the first on the path counts.
        about: Any = distribution.metadata
        name, version = about.get("Name"), about.get("Version")
        if name and version:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(found.items()))


def lock_file(folder: Path) -> LockFile | None:
    """Return the file that fixes versions of packages: the nearest from a folder up to its repository."""
    repository = repository_of(folder)
    root = repository.root if repository is not None else folder
    for place in (folder, *folder.parents):
        if (found := _lock_file_in(place)) is not None:
            from lineage.provenance import hash_file

            path = os.path.relpath(found, root) if repository is not None else found.name
            return LockFile(path, hash_file(found))
        if place == root:
            break
    return None


def _lock_file_in(folder: Path) -> Path | None:
    names = (*_LOCK_FILES, *sorted(path.name for path in folder.glob("requirements*.txt")))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _locale() -> str | None:
    try:
        return locale.setlocale(locale.LC_ALL)  # without a second argument it asks
    except locale.Error:
        return None


def _timezone() -> str | None:
    """Return the name of the time zone as the zone database has it, else its abbreviation."""
    named = os.environ.get("TZ") or ""
    if not named:
        try:
            named = os.readlink("/etc/localtime").partition("zoneinfo/")[2]
        except OSError:
            named = ""
    named = named or time.tzname[0]
    return named if _ZONE.fullmatch(named) else None


def _hash_seed(environment: Mapping[str, str]) -> str:
    seed = environment.get("PYTHONHASHSEED") or "random"
    return seed if _SEED.fullmatch(seed) else "random"
