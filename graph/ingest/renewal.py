"""SQL that an older engine or release has read is read again."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from graph.store.base import LineageStore
from lineage.version import VERSION


def renew(store: LineageStore) -> int:
    """Have SQL that an older engine or an older release of ours has read wait to be read again.

    Returns how many SQL texts wait for that; until then what was read before stands. What a newer one has
    read stays as it is: programs of several versions may share a store. Raises StoreError when the store
    cannot be written.
    """
    return store.renew(_is_older)


def _is_older(engine: str, engine_version: str, release: str) -> bool:
    if _parts(release) != _parts(VERSION):
        return _parts(release) < _parts(VERSION)
    installed = _installed(engine)
    return installed is not None and _parts(engine_version) < _parts(installed)


@cache
def _installed(engine: str) -> str | None:
    """Return the version of an engine, which is a distribution's name, as it is installed here."""
    try:
        return version(engine)
    except PackageNotFoundError:
        return None


def _parts(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:3]))
