"""The dbt project of the fixtures where a test can change it, and the environment of its profile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dbt_shop import PROJECT


@pytest.fixture
def shop_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have no profiles but the project's own, whose database is in /srv/shop."""
    monkeypatch.setenv("SHOP_HOME", "/srv/shop")
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with its artifacts, to be changed."""
    return Path(shutil.copytree(PROJECT, tmp_path / "shop"))
