"""Seeds of tests that try random histories: a few at once, more with the slow tests, the most by hand."""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet


def seeds(at_once: int, slow: int, long: int = 0) -> list[int | ParameterSet]:
    """Return so many seeds for `make test`, up to so many for `make test-slow`, and for `make test-long`."""
    return [
        *range(at_once),
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(at_once, slow)),
        *(pytest.param(seed, marks=pytest.mark.long) for seed in range(slow, long)),
    ]
