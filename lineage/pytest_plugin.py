"""Fixtures for testing pipelines with pytest; installed with the package, loaded by pytest itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lineage.testing import CapturedEvents


@pytest.fixture
def lineage_events() -> Iterator[CapturedEvents]:
    """Collect the events that the test emits, with a fixed clock and counted run ids."""
    from lineage.testing import capture

    with capture() as events:
        yield events
