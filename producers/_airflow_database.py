"""Airflow's own database: what Airflow asks it by itself is no query of a task.

Tasks of Airflow 2, and `airflow dags test` in every version, share their process with it.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakSet

from lineage._guard import guard
from lineage.attribution.query import capturing_nothing

_ENGINES = ("engine", "async_engine")
_spared: WeakSet[Any] = WeakSet()


def spare() -> None:
    """Capture no query of Airflow's own engines from now on, whatever driver is below them."""
    settings = sys.modules.get("airflow.settings")
    found = (vars(settings).get(name) for name in _ENGINES) if settings is not None else ()
    for engine in [getattr(one, "sync_engine", one) for one in found if one is not None]:
        if engine not in _spared:
            from sqlalchemy import event

            _spared.add(engine)
            event.listen(engine, "before_cursor_execute", _before)
            event.listen(engine, "after_cursor_execute", _after)
            event.listen(engine, "handle_error", _failed)


def _before(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: Any) -> None:
    with guard("sparing Airflow's database"):
        if context is not None:
            context._lineage_spared = nothing = capturing_nothing()
            nothing.__enter__()


def _after(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: Any) -> None:
    _leave(context)


def _failed(failure: Any) -> None:
    _leave(failure.execution_context)


def _leave(context: Any) -> None:
    with guard("sparing Airflow's database"):
        nothing: AbstractContextManager[None] | None = getattr(context, "_lineage_spared", None)
        if nothing is not None:
            context._lineage_spared = None
            nothing.__exit__(None, None, None)
