"""A server of Prefect for as long as the tests run: it takes long to start."""

from __future__ import annotations

import atexit
import logging
import os
import tempfile
from contextlib import ExitStack
from functools import cache

import prefect
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.testing.utilities import prefect_test_harness


@cache
def server() -> str:
    """Start a server of its own, if there is none, and have Prefect use it; returns Prefect's version."""
    os.environ["PREFECT_HOME"] = home = tempfile.mkdtemp()
    started = ExitStack()
    atexit.register(started.close)
    # Some versions read where results are kept when they are imported, and find those of the tests before.
    started.enter_context(temporary_settings({PREFECT_LOCAL_STORAGE_PATH: home}))
    started.enter_context(prefect_test_harness(server_startup_timeout=100))
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", "httpx"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return prefect.__version__
