"""What stands around the examples of docs/orchestrators.md: a server of Prefect's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prefect_server import server


@contextmanager
def surrounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Give no names; Prefect leaves connections to its server to the garbage collector."""
    server()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield {}
