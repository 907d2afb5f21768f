"""What a process remembers of code and environment is forgotten between the tests of provenance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineage.provenance import builds, changes, code, environment, fingerprints, keys, repository

_REMEMBERED = (
    *(repository.repository_of, code.folder_of, code.version_of, code.essential_code),
    *(environment.environment_of, keys.parameters_key),
    *(fingerprints.is_near, fingerprints._far_places, fingerprints._mounts),
)


def _forget() -> None:
    for remembered in _REMEMBERED:
        remembered.cache_clear()
    changes._looks.clear()


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for system in builds.SYSTEMS:
        monkeypatch.delenv(system.present, raising=False)
    for name in (*builds._COMMITS, *builds._BRANCHES, *builds._REPOSITORIES, *builds._IMAGES):
        monkeypatch.delenv(name, raising=False)
    _forget()
    yield
    _forget()
