"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material that lies beside some checkouts; skips where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "events").is_dir():
        pytest.skip("needs the reference material in ../shared, which is not part of the project")
    return folder
