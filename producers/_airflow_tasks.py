"""A task while this process works on it: its run is the provider's, and what happens here belongs to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from lineage import context
from lineage._guard import guard
from lineage.attribution.query import capture_again_here, capture_nothing_here
from lineage.config import current_config
from lineage.context import RunIdentity, process_runs
from lineage.imported import ALL, VARIABLE, instrument_when_imported
from lineage.tracking.joining import JoinedRun
from producers._airflow_database import spare
from producers._airflow_hints import hinted


class Task:
    """The task that is worked on here."""

    def __init__(self, instance: Any, run: JoinedRun) -> None:
        self.instance = instance
        self.run = run
        attributes = {
            "airflow.dag_id": instance.dag_id,
            "airflow.task_id": instance.task_id,
            "airflow.try_number": instance.try_number,
        }
        if instance.map_index >= 0:
            attributes["airflow.map_index"] = instance.map_index
        name = run.identity.job_name
        self.scope = context.use(operation=name, job_id=instance.run_id, attributes=attributes)

    def begin(self) -> None:
        """Have all code of this process belong to the task's run."""
        process_runs[:] = [self.run]
        self.scope.__enter__()
        capture_again_here()

    def end(self, error: BaseException | None = None) -> None:
        """Tell what was seen. A task that failed, with an `error`, claims no outputs."""
        with guard("reading a task's inlets and outlets"):
            self._tell_hints(failed=error is not None)
        self.run.finish(error)
        self.scope.__exit__(None, None, None)
        # What the provider asks a database for, here or in a child that it forks, is not the task's.
        capture_nothing_here()

    def _tell_hints(self, *, failed: bool) -> None:
        namespace = current_config().namespace
        task = self.instance.task
        used, made = _collected()
        for one in hinted([*(task.inlets or ()), *used], namespace):
            self.run.input(one, schema=one.schema or None)
        if not failed:
            outlets = [*(task.outlets or ()), *made, *_outlets_of_the_moment(self.instance)]
            for one in hinted(outlets, namespace):
                self.run.output(one, schema=one.schema or None)


_here: Task | None = None
"""The task that was last worked on here."""


def clear() -> None:
    """Be done with the task that was worked on here before: `airflow dags test` does all in one process."""
    if _here is not None:
        end()
        _forget_collected()


def begin(instance: Any) -> None:
    """Have this process work on a task from now on."""
    global _here
    identity = run_of(instance)
    if identity is None or identity.root is None:
        return
    spare()
    _instrument()
    _here = Task(instance, JoinedRun(identity, identity.root))
    _here.begin()


def end(error: BaseException | None = None) -> None:
    """Tell what was seen of the task that is worked on here, if any is; with an `error`, that it failed."""
    if _here is not None and _here.run.recording:
        _here.end(error)


def attribution_of(instance: Any) -> Any:
    """Return the facet of the queries of a task that has ended here; None where there were none."""
    known = _here
    if known is None or known.run.recording or not _is_same(known.instance, instance):
        return None
    return known.run.facts.run_facets.get("lineageGraph_queryAttribution")


def _is_same(one: Any, other: Any) -> bool:
    names = ("dag_id", "task_id", "run_id", "try_number", "map_index")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def run_of(instance: Any) -> RunIdentity | None:
    """Return a task's run as the provider tells it, with its DAG's; None where the provider tells none."""
    from airflow.providers.openlineage.plugins import macros

    if not _is_told(instance):
        return None
    namespace = macros.lineage_job_namespace()
    outermost = getattr(macros, "lineage_root_job_namespace", None)
    root = RunIdentity(
        macros.lineage_root_run_id(instance),
        outermost(instance) if outermost is not None else namespace,
        macros.lineage_root_job_name(instance),
    )
    name = macros.lineage_job_name(instance)
    return RunIdentity(macros.lineage_run_id(instance), namespace, name, root)


def _is_told(instance: Any) -> bool:
    """Whether the provider tells of a task: operators, DAGs and tasks can be left out."""
    from airflow.providers.openlineage.utils import utils

    task = instance.task
    try:
        from airflow.providers.openlineage.utils.emission_policy import resolve_task_emission_policy
    except ImportError:  # older providers
        return not utils.is_operator_disabled(task) and utils.is_selective_lineage_enabled(task)
    policy = resolve_task_emission_policy(operator=task, dag_id=instance.dag_id, task_id=instance.task_id)
    return bool(policy.emit)


_instrumented = False


def _instrument() -> None:
    """Instrument what a task imports, once in a process; LINEAGE_INSTRUMENT has said it otherwise already."""
    global _instrumented
    if not _instrumented and VARIABLE not in os.environ:
        instrument_when_imported(ALL)
    _instrumented = True


def _collected() -> tuple[list[Any], list[Any]]:
    """Return the assets that hooks told Airflow of: those read and those written."""
    try:
        from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
    except ImportError:
        return [], []
    collector = get_hook_lineage_collector()
    if not getattr(collector, "has_collected", False):
        return [], []
    known = collector.collected_assets
    return [_asset(one) for one in known.inputs], [_asset(one) for one in known.outputs]


def _asset(told: Any) -> Any:
    return told.asset if hasattr(told, "asset") else told.dataset  # Airflow 2 calls them so


def _forget_collected() -> None:
    """Have a task begin with nothing that hooks told in another: Airflow means a process for each of them."""
    with guard("forgetting what hooks told in another task"):
        try:
            from airflow.providers.common.compat.sdk import get_hook_lineage_collector
        except ImportError:  # older providers
            from airflow.lineage.hook import get_hook_lineage_collector
        if (forget := getattr(get_hook_lineage_collector, "cache_clear", None)) is not None:
            forget()
        else:  # Airflow 2
            sys.modules[get_hook_lineage_collector.__module__]._hook_lineage_collector = None  # type: ignore[attr-defined]


def _outlets_of_the_moment(instance: Any) -> Iterator[Any]:
    """Yield the assets that a task said while it ran: those of aliases, and those of its outlet events."""
    try:
        from airflow.providers.openlineage.utils.utils import get_runtime_outlet_assets
    except ImportError:  # older providers
        return
    found: Iterable[Any] = get_runtime_outlet_assets(instance)
    for asset, _ in found:
        yield asset
