"""Calls inside calls: what reads a file for another library is part of that library's one read.

`pandas.read_parquet` reads by pyarrow, and that by fsspec: the outermost of them tells the run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from lineage._guard import guard
from lineage.attribution import UNRECORDED
from lineage.attribution.nesting import open_query
from lineage.config import current_config
from lineage.context import innermost_run
from lineage.tracking import Run

Tell = Callable[[Run, Any, tuple[Any, ...], dict[str, Any]], None]
"""Tells a run of a call that has returned: `(run, result, args, kwargs)`."""

_inside: ContextVar[bool] = ContextVar("lineage_inside_a_read_or_write", default=False)

_BEGINNING = guard("beginning a read or write")
_TELLING = guard("telling of a read or write")


def told_above() -> bool:
    """Whether the code that runs here reads or writes for a library further up, which tells of it."""
    return _inside.get()


def run_to_tell() -> Run | None:
    """Return the run that a read or write here is to be told to, None where there is none."""
    if _inside.get():
        return None
    run = innermost_run()
    if not isinstance(run, Run) or not run.recording:
        return None
    return None if current_config().disabled or open_query.get() is UNRECORDED else run


def telling(function: Callable[..., Any], tell: Tell) -> Callable[..., Any]:
    """Return a function that tells the run it is called in of each call that returns."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        run = None
        with _BEGINNING:
            run = run_to_tell()
        if run is None:
            return function(*args, **kwargs)
        token = _inside.set(True)
        try:
            result = function(*args, **kwargs)
        finally:
            _inside.reset(token)
        with _TELLING:
            tell(run, result, args, kwargs)
        return result

    return call
