"""What one step, or one run, of Dagster is: its job, what it reads and writes, how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from lineage._guard import guard
from lineage.config import current_config
from lineage.context import RunIdentity
from lineage.datasets import Dataset
from lineage.tracking import Run
from lineage.tracking.lifecycle import JobSpec, begin
from lineage.tracking.source import place_of
from producers._base import missing
from producers._dagster_assets import dataset_of, name_of, tell_checks, tell_output, tell_partitions
from producers._tasks import TaskFailedError, run_id_of
from producers.dagster import attributes_of, key_text

try:
    from dagster import DagsterError, RetryRequested
    from dagster._core.errors import DagsterExecutionInterruptedError, DagsterUserCodeExecutionError
except ImportError as error:
    raise missing("dagster", "dagster", error) from error

_READING = guard("reading a step of Dagster")

_RETRIES = "dagster/retry_number"


class DagsterRun:
    """A Dagster run while this process executes it: the parent of its steps."""

    def __init__(self, job_context: Any, execution_plan: Any = None) -> None:
        of = job_context.dagster_run
        self.attributes = attributes_of(run_id=of.run_id, job_name=of.job_name)
        self._ending: BaseException | None = None
        self._failed: dict[str, None] = {}
        self._of = of
        job = JobSpec(of.job_name, kind=("DAGSTER", "JOB"))
        self.run = begin(job, tuple, tuple, run_id=run_id_of(of.run_id), prepare=self._prepare)

    def _prepare(self, run: Run) -> None:
        """Say which attempt it is, where Dagster tries failed runs again as runs of their own."""
        tried = str(self._of.tags.get(_RETRIES, ""))
        if tried.isdecimal() and self._of.parent_run_id:
            run.attempt(int(tried) + 1, retry_of=run_id_of(self._of.parent_run_id))

    def see(self, event: Any) -> None:
        """Take note of how Dagster says that the run ended, and of the steps that failed."""
        kind = event.event_type_value
        if kind == "STEP_FAILURE":
            self._failed[event.step_key] = None
        elif kind == "PIPELINE_FAILURE":
            steps = ", ".join(self._failed)
            self._ending = TaskFailedError(f"steps failed: {steps}" if steps else str(event.message))
        elif kind == "PIPELINE_CANCELED":
            self._ending = KeyboardInterrupt()

    def outcome(self, error: BaseException | None) -> BaseException | None:
        """Return what the run ends with: an interruption, what was raised, else what Dagster said."""
        return _raised(error) if error is not None else self._ending


class DagsterStep:
    """One attempt at a step while it is executed."""

    def __init__(self, step_context: Any) -> None:
        self._of = step_context
        self._key = step_context.step.key
        self._attempt = step_context.previous_attempt_count + 1
        self._layer = step_context.job_def.asset_layer
        self._assets = set(step_context.get_output_asset_keys())
        self._partitions: dict[tuple[str, str], list[str]] = {}
        self._checks: dict[Any, list[Any]] = {}
        self.attributes = attributes_of(
            run_id=step_context.run_id,
            job_name=step_context.job_name,
            op_name=step_context.op.name,
            asset_key=key_text(*self._assets) if len(self._assets) == 1 else None,
            partition_key=str(step_context.partition_key) if step_context.has_partition_key else None,
        )
        self._job = self._described()
        self.run = begin(
            self._job,
            lambda: list(self._upstream()),
            tuple,
            run_id=self._id(self._attempt),
            within=self._within,
            prepare=self._prepare,
        )

    @property
    def _within(self) -> RunIdentity:
        run = self._of.dagster_run
        return RunIdentity(run_id_of(run.run_id), current_config().namespace, run.job_name)

    def _id(self, *parts: object) -> str:
        """Return the id of a part of this step: the same in whichever process it is asked for."""
        return run_id_of(self._of.run_id, self._key, *parts)

    def _described(self) -> JobSpec:
        """Return the step's job: an asset is computed by one job, whichever of Dagster's jobs runs it."""
        op = self._of.op_def
        function = getattr(op.compute_fn, "decorated_fn", op.compute_fn)
        within = "assets" if self._in_assets() else self._of.job_name
        return JobSpec(
            f"{within}.{self._of.node_handle}",
            description=op.description,
            location=lambda: place_of(function),
            kind=("DAGSTER", "ASSET" if self._assets else "OP"),
        )

    def _in_assets(self) -> bool:
        return bool(self._assets) or self._of.is_in_graph_asset or any(self._checked())

    def _checked(self) -> Iterator[Any]:
        """Yield the keys of the assets that the step is there to check."""
        for output in self._of.step.step_outputs:
            if (check := output.properties.asset_check_key) is not None:
                yield check.asset_key

    def _upstream(self) -> Iterator[Dataset]:
        """Yield the assets that the step's own are made from, and those that it checks."""
        parents = [parent for key in self._assets for parent in self._parents(key)]
        for key in dict.fromkeys([*sorted(parents), *self._checked()]):
            if key not in self._assets:
                yield dataset_of(key, self._metadata(key))

    def _parents(self, key: Any) -> Any:
        return self._layer.get(key).parent_keys if self._layer.has(key) else ()

    def _metadata(self, key: Any) -> Any:
        return self._layer.get(key).metadata if self._layer.has(key) else {}

    def _prepare(self, run: Run) -> None:
        """Say which attempt it is, and for what time."""
        if self._attempt > 1:
            run.attempt(self._attempt, retry_of=self._id(self._attempt - 1))
        if self._of.has_partition_key or self._of.has_partition_key_range:
            with suppress(DagsterError):  # partitions that are not of time
                window = self._of.partition_time_window
                run.nominal_time(window.start, window.end)

    def see(self, event: Any) -> None:
        """Take note of what Dagster records of an asset."""
        kind = event.event_type_value
        if kind == "ASSET_MATERIALIZATION":
            self._materialized(event.step_materialization_data.materialization)
        elif kind == "ASSET_OBSERVATION":
            seen = event.asset_observation_data.asset_observation
            self.run.input(dataset_of(seen.asset_key, {**self._metadata(seen.asset_key), **seen.metadata}))
        elif kind == "ASSET_CHECK_EVALUATION":
            seen = event.asset_check_evaluation_data
            self._checks.setdefault(seen.asset_key, []).append(seen)

    def _materialized(self, made: Any) -> None:
        key = made.asset_key
        of_several = len(self._assets) > 1 and key in self._assets
        parents = self._parents(key) if of_several else None
        tell_output(self.run, key, {**self._metadata(key), **made.metadata}, parents)
        if made.partition is not None:
            self._partitions.setdefault(name_of(key), []).append(made.partition)

    def outcome(self, error: BaseException | None) -> BaseException | None:
        """Return what the attempt ends with, the exception of the op's own code where it is one."""
        with _READING:
            tell_partitions(self.run, self._partitions)
            for key, checks in self._checks.items():
                if key in self._assets:
                    self._tell_apart(key, checks)
                else:
                    tell_checks(self.run, key, checks)
        return _raised(error) if error is not None else None

    def _tell_apart(self, key: Any, checks: list[Any]) -> None:
        """Tell of the checks of an asset by the step that makes it, as a run that reads the asset."""
        job = JobSpec(f"{self._job.name}.checks", kind=("DAGSTER", "CHECK"))
        checked = begin(
            job,
            tuple,
            tuple,
            run_id=self._id(self._attempt, "checks", key_text(key)),
            within=self._within,
            prepare=lambda run: tell_checks(run, key, checks),
        )
        checked.end(None)


def _raised(error: BaseException) -> BaseException:
    """Return the exception that a run is told to have ended with, for the one that came out of Dagster."""
    if isinstance(error, DagsterUserCodeExecutionError) and error.user_exception is not None:
        own: BaseException = error.user_exception
        return own
    if isinstance(error, RetryRequested) and error.__cause__ is not None:
        return _raised(error.__cause__)
    return KeyboardInterrupt() if isinstance(error, DagsterExecutionInterruptedError) else error
