"""What one attempt at a flow or a task of Prefect is: its job, what it reads and writes, how it ends."""

from __future__ import annotations

from typing import Any

from lineage import context
from lineage._guard import guard
from lineage.config import current_config
from lineage.context import RunIdentity
from lineage.datasets import Dataset, parse_dataset
from lineage.tracking import Run
from lineage.tracking.lifecycle import JobSpec, begin
from lineage.tracking.source import place_of
from producers._base import missing
from producers._tasks import TaskFailedError, run_id_of

try:
    import prefect.context
    from prefect.context import FlowRunContext
    from prefect.exceptions import ExternalSignal, PrefectSignal
except ImportError as error:
    raise missing("prefect", "prefect", error) from error

_READING = guard("reading an asset of Prefect")


class FlowAttempt:
    """One attempt at a flow."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        flow, flow_run = engine.flow, engine.flow_run
        self._attempt = _attempt_of(flow_run)
        job = JobSpec(
            flow.name,
            description=flow.description,
            location=lambda: place_of(flow.fn),
            kind=("PREFECT", "FLOW"),
        )
        self.run = begin(job, tuple, tuple, run_id=_flow_run_id(flow_run), prepare=self._prepare)

    def _prepare(self, run: Run) -> None:
        flow_run = self._engine.flow_run
        if self._attempt > 1:
            run.attempt(self._attempt, retry_of=_id(flow_run.id, self._attempt - 1))
        if flow_run.auto_scheduled and flow_run.expected_start_time is not None:
            run.nominal_time(flow_run.expected_start_time)

    def use(self) -> context.Use:
        """Tell queries inside with the flow."""
        name, flow_run = self._engine.flow.name, str(self._engine.flow_run.id)
        known = {"prefect.flow_name": name, "prefect.flow_run_id": flow_run}
        return context.use(operation=name, job_id=flow_run, attributes=known)

    def outcome(self, error: BaseException | None) -> BaseException | None:
        """Return what the run ends with."""
        return _ending(self._engine.state, error)


class TaskAttempt:
    """One attempt at a task, in a flow or by itself."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._attempt = engine.retries + 1
        around = FlowRunContext.get()
        self._flow = around.flow if around is not None else None
        self._flow_run = around.flow_run if around is not None else None
        task = engine.task
        job = JobSpec(
            ".".join(one.name for one in (self._flow, task) if one is not None),
            description=task.description,
            location=lambda: place_of(task.fn),
            kind=("PREFECT", "TASK"),
        )
        self._assets = _assets()
        self.run = begin(
            job,
            self._upstream,
            tuple,
            run_id=_id(engine.task_run.id, self._attempt),
            within=self._within(),
            prepare=self._prepare,
        )

    def _within(self) -> RunIdentity | None:
        if self._flow is None or self._flow_run is None:
            return None
        return RunIdentity(_flow_run_id(self._flow_run), current_config().namespace, self._flow.name)

    def _upstream(self) -> list[Dataset]:
        if self._assets is None:
            return []
        known = set(self._assets.direct_asset_dependencies)
        if self._assets.downstream_assets:
            known |= self._assets.upstream_assets
        return _datasets(known - self._assets.downstream_assets)

    def _prepare(self, run: Run) -> None:
        if self._attempt > 1:
            task_run = self._engine.task_run
            run.attempt(self._attempt, retry_of=_id(task_run.id, self._attempt - 1))

    def use(self) -> context.Use:
        """Tell queries inside with the task and its flow."""
        task_run = self._engine.task_run
        known = {"prefect.task_name": self._engine.task.name, "prefect.task_run_id": str(task_run.id)}
        if self._flow is not None:
            known["prefect.flow_name"] = self._flow.name
        if task_run.flow_run_id is not None:
            known["prefect.flow_run_id"] = str(task_run.flow_run_id)
        work = known.get("prefect.flow_run_id") or str(task_run.id)
        return context.use(operation=self.run.job_name, job_id=work, attributes=known)

    def outcome(self, error: BaseException | None) -> BaseException | None:
        """Return what the run ends with, told of the assets that it materialized."""
        state = self._engine.state
        if state.is_completed() and state.name != "Cached" and self._assets is not None:
            told = self._assets.materialization_metadata
            for asset in self._assets.downstream_assets:
                rows = told.get(asset.key, {}).get("row_count")
                for dataset in _datasets([asset]):
                    self.run.output(dataset, row_count=rows if type(rows) is int else None)
        return _ending(state, error)


def _assets() -> Any:
    """Return what Prefect knows of the assets of the task that is running; older versions have none."""
    known = getattr(prefect.context, "AssetContext", None)
    return known.get() if known is not None else None


def _datasets(assets: Any) -> list[Dataset]:
    found: list[Dataset] = []
    for asset in sorted(assets, key=lambda one: str(one.key)):
        with _READING:
            found.append(parse_dataset(asset.key, default_namespace=current_config().namespace))
    return found


def _attempt_of(flow_run: Any) -> int:
    return max(int(flow_run.run_count or 1), 1)


def _flow_run_id(flow_run: Any) -> str:
    return _id(flow_run.id, _attempt_of(flow_run))


def _id(of: Any, attempt: int) -> str:
    return run_id_of(of) if attempt == 1 else run_id_of(of, attempt)


def _ending(state: Any, error: BaseException | None) -> BaseException | None:
    """Return the exception that a run ends with; one that will be tried again has failed.

    Prefect's word counts before what came out: a time limit cancels what it ends. A flow or task may fail
    without an exception, by the state that it returns.
    """
    if state.is_completed():
        return error if isinstance(error, GeneratorExit) else None
    if isinstance(error, PrefectSignal | ExternalSignal) or state.is_cancelled() or state.is_cancelling():
        return KeyboardInterrupt()
    if error is not None and (isinstance(error, Exception) or not state.is_failed()):
        return error
    if isinstance(state.data, BaseException):
        return state.data
    return TaskFailedError(state.message or f"it ended in the state {state.name}")
