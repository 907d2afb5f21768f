"""Prefect's flows and tasks as runs: what they are nested in, the assets they read and write, how they end.

Hooks the context manager that each attempt of the engines runs in, for flows and tasks, sync and async. The
run of a first attempt has the id that Prefect gave it; each further attempt is a run of its own. Assets are
datasets by their keys, which are URIs; queries asked inside are told with their flow and task.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

from lineage import context
from lineage._calls import around_calls
from lineage._guard import guard
from lineage.context import active_run
from lineage.context.scopes import active_scope
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._prefect_attempts import FlowAttempt, TaskAttempt
from producers._tasks import Attempt

try:
    import prefect
    from prefect import flow_engine, task_engine
except ImportError as error:
    raise missing("prefect", "prefect", error) from error

_BEGINNING = guard("beginning a run of Prefect")
_LEAVING = guard("leaving a run of Prefect")

_GENERATORS = {
    task_engine: ("run_generator_task_sync", "run_generator_task_async"),
    flow_engine: ("run_generator_flow_sync", "run_generator_flow_async"),
}


def _engines() -> dict[Any, Callable[[Any], FlowAttempt | TaskAttempt]]:
    """Return the engines that there are; the first versions ran async flows with the sync one."""
    tasks = dict.fromkeys((task_engine.SyncTaskRunEngine, task_engine.AsyncTaskRunEngine), TaskAttempt)
    flows = [flow_engine.FlowRunEngine, getattr(flow_engine, "AsyncFlowRunEngine", None)]
    return {**tasks, **dict.fromkeys([one for one in flows if one is not None], FlowAttempt)}


class PrefectProducer(Producer):
    """Tells of all flows and tasks that this process runs from now on."""

    name = "prefect"
    minimum = "3.4.21"

    def hook(self, undo: ExitStack) -> None:
        """Replace the context manager of each engine's attempts, and what steps through generators."""
        for engine, kind in _engines().items():
            replace(engine, "run_context", _watched(engine.run_context, kind), undo)
        for module, names in _GENERATORS.items():
            for name in names:
                replace(module, name, around_calls(getattr(module, name), lambda *_: _Suspended()), undo)

    def subject(self, target: Any) -> Any:
        """Refuse any target: Prefect copies flows and tasks wherever it runs them."""
        raise InstrumentError(
            self.name, f"it is instrumented as a whole: give no target, not {type(target).__name__}"
        )

    def version(self) -> str:
        """Return the version of prefect."""
        return module_version(prefect)


PRODUCER = PrefectProducer()


def _watched(original: Callable[[Any], Any], kind: Callable[[Any], FlowAttempt | TaskAttempt]) -> Any:
    """Return an engine's `run_context` with a run of ours inside."""

    @wraps(original)
    def run_context(engine: Any) -> Any:
        given = original(engine)
        return _Watched(given, lambda: kind(engine)) if PRODUCER.everywhere else given

    return run_context


class _Watched:
    """The engine's own context manager, sync or async, with a run held between its two ends."""

    __slots__ = ("_attempt", "_begin", "_inner", "_use")

    def __init__(self, inner: Any, begin: Callable[[], FlowAttempt | TaskAttempt]) -> None:
        self._inner = inner
        self._begin = begin
        self._attempt: Attempt | None = None
        self._use: context.Use | None = None

    def __enter__(self) -> Any:
        given = self._inner.__enter__()
        self._enter()
        return given

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> Any:
        self._leave()
        try:
            return self._inner.__exit__(kind, error, trace)
        finally:
            self._end(error)

    async def __aenter__(self) -> Any:
        given = await self._inner.__aenter__()
        self._enter()
        return given

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> Any:
        self._leave()
        try:
            return await self._inner.__aexit__(kind, error, trace)
        finally:
            self._end(error)

    def _enter(self) -> None:
        with _BEGINNING:
            begun = self._begin()
            if begun.run.recording:
                self._attempt = Attempt(begun.run, begun.outcome)
                self._use = begun.use()
                self._attempt.enter()
                self._use.__enter__()

    def _leave(self) -> None:
        with _LEAVING:
            if self._use is not None:
                self._use.__exit__()
        with _LEAVING:
            if self._attempt is not None:
                self._attempt.leave()

    def _end(self, error: BaseException | None) -> None:
        if self._attempt is not None:
            self._attempt.end(error)


class _Suspended:
    """Takes what holds inside of a generator away while its consumer's code runs."""

    __slots__ = ("_inside", "_outside")

    def __enter__(self) -> None:
        self._outside = (active_run.get(), active_scope.get())
        self._inside = self._outside

    def __exit__(self, *_: object) -> None:
        """Whatever held inside has been given back by the generator itself."""

    def enter(self) -> None:
        """Put back what held when the generator was suspended."""
        active_run.set(self._inside[0])
        active_scope.set(self._inside[1])

    def leave(self) -> None:
        """Have for the consumer what held before the generator began."""
        self._inside = (active_run.get(), active_scope.get())
        active_run.set(self._outside[0])
        active_scope.set(self._outside[1])
