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
_SPARED = "_lineage_spared"
_spared: WeakSet[Any] = WeakSet()


def spare() -> None:
    """Capture no query of Airflow's own engines from now on, whatever driver is below them."""
    settings = sys.modules.get("airflow.settings")
    found = (vars(settings).get(name) for name in _ENGINES) if settings is not None else ()
    for engine in [getattr(one, "sync_engine", one) for one in found if one is not None]:
        if engine not in _spared:
            from sqlalchemy import event

            _spared.add(engine)
            event.listen(engine, "connect", _connecting, insert=True)
            event.listen(engine, "connect", _connected)
            event.listen(engine, "before_cursor_execute", _before)
            event.listen(engine, "after_cursor_execute", _after)
            event.listen(engine, "handle_error", _failed)


def _connecting(connection: Any, record: Any) -> None:
    # Between these two stand Airflow's own listeners: they ask by cursors of the driver's.
    with guard("sparing Airflow's database"):
        record.info[_SPARED] = nothing = capturing_nothing()
        nothing.__enter__()


def _connected(connection: Any, record: Any) -> None:
    with guard("sparing Airflow's database"):
        _stop(record.info.pop(_SPARED, None))


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
        nothing = getattr(context, _SPARED, None)
        if nothing is not None:
            context._lineage_spared = None
            _stop(nothing)


def _stop(nothing: AbstractContextManager[None] | None) -> None:
    if nothing is not None:
        nothing.__exit__(None, None, None)
