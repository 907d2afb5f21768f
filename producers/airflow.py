"""Airflow: the runs of its tasks, completed with what their code reads, writes and asks databases for.

Airflow finds `LineagePlugin` by its entry point. The events of runs are those of Airflow's OpenLineage
provider; where it sends them by `lineage.transport.OutboxTransport`, this plugin has each task's process
belong to the task's run: what its libraries do is told by one more event of that run, and runs begun inside
have the task as their parent and the DAG as their root. Nothing else is to be configured.

Assets and hints that the provider drops are kept, and the scheduler empties the outbox.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from types import ModuleType
from typing import Any

import pluggy

from lineage._guard import guard
from producers import _airflow_settings as settings
from producers._base import missing

try:
    from airflow.plugins_manager import AirflowPlugin
except ImportError as error:
    raise missing("apache-airflow", "airflow", error) from error

hookimpl = pluggy.HookimplMarker("airflow")

_SHIPPERS = ("scheduler", "triggerer")
"""Commands that run as long as Airflow does: those that empty the outbox of another backend."""

_TASKS = "producers._airflow_tasks"
"""What is loaded where a task was worked on."""


class LineageListener:
    """What Airflow calls at the boundaries of tasks, and of its components."""

    @hookimpl(wrapper=True)
    def on_task_instance_running(self, task_instance: Any) -> Generator[None, Any, Any]:
        """Load what is ours before the provider forks, and join the task's run when it has told the START."""
        with guard("preparing for a task"):
            if settings.is_on():
                _load()
                _tasks().clear()
        result = yield
        with guard("joining a task's run"):
            if settings.is_on():
                _tasks().begin(task_instance)
        return result

    @hookimpl(tryfirst=True)
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Tell what was seen, before the provider tells that the run is complete."""
        _end()

    @hookimpl(tryfirst=True)
    def on_task_instance_failed(self, task_instance: Any, error: BaseException | str | None) -> None:
        """Tell what was read, before the provider tells that the run failed."""
        _end(error if isinstance(error, BaseException) else RuntimeError(error or "the task failed"))

    @hookimpl(tryfirst=True)
    def on_starting(self, component: Any) -> None:
        """Begin to empty the outbox, in a component that runs on; tasks forked from it find us loaded."""
        with guard("starting to deliver Airflow's events"):
            # The component itself does not know yet what it is.
            if sys.argv[1:2] and sys.argv[1] in _SHIPPERS and settings.is_on():
                _load()
                _ship()

    @hookimpl(tryfirst=True)
    def before_stopping(self, component: Any) -> None:
        """Tell what was seen of a task that pauses: one that is deferred or comes again later."""
        _end()


def _load() -> None:
    """Load what forks of this process need, which would have to load it for each event else."""
    from lineage import events, transport  # noqa: F401

    transport.OutboxTransport  # noqa: B018
    _tasks()


def _tasks() -> ModuleType:
    from producers import _airflow_tasks

    return _airflow_tasks


def _end(error: BaseException | None = None) -> None:
    with guard("telling what a task did"):
        if _TASKS in sys.modules:
            _tasks().end(error)


def _ship() -> None:
    from lineage.config import current_config
    from lineage.transport.delivery import delivery_to

    config = current_config()
    delivery = delivery_to(config.destination, config)
    if delivery.shipper is not None and config.ship:
        delivery.shipper.wake()


def query_attribution(task_instance: Any, state: Any) -> dict[str, Any]:
    """Return the queries of a task that has ended, as a facet of its last event too.

    For `custom_run_facets` of Airflow's OpenLineage provider; never raises.
    """
    found = None
    with guard("telling a task's queries"):
        if _TASKS in sys.modules:
            found = _tasks().attribution_of(task_instance)
    return {"lineageGraph_queryAttribution": found} if found is not None else {}


class LineagePlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is not there where types are checked
    """What the entry point `lineage` of the group `airflow.plugins` names."""

    name = "lineage"
    listeners = [LineageListener()]
