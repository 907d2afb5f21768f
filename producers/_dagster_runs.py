"""Dagster's runs and steps as runs: what each op and asset reads and writes, and how it ends.

Hooks the generators that execute a run and a step, in whichever process does so: all executors come through
them. A step's run is nested in that of its Dagster run, whose id is Dagster's own, and each attempt at a step
is a run. Assets are datasets; queries asked inside are told with their asset or op.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, TypeAlias

from lineage._calls import around_calls
from lineage._guard import guard
from lineage.attribution.query import capturing_nothing
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._dagster_steps import DagsterRun, DagsterStep
from producers._tasks import Attempt
from producers.dagster import use

try:
    import dagster
    from dagster._core.execution import api, execute_in_process, host_mode
    from dagster._core.execution.plan import execute_plan
    from dagster._core.storage.event_log import SqlEventLogStorage
    from dagster._core.storage.runs import SqlRunStorage
    from dagster._core.storage.schedules import SqlScheduleStorage
except ImportError as error:
    raise missing("dagster", "dagster", error) from error

_BEGINNING = guard("beginning a run of Dagster")
_SEEING = guard("reading an event of Dagster")

_STORAGES = (SqlEventLogStorage, SqlRunStorage, SqlScheduleStorage)

Events: TypeAlias = Generator[Any, None, Any]


class DagsterProducer(Producer):
    """Tells of all that this process executes from now on."""

    name = "dagster"
    minimum = "1.12.0"

    def __init__(self) -> None:
        super().__init__()
        self._storages = ExitStack()
        self._hidden: set[type] = set()
        self._hiding = threading.Lock()

    def hook(self, undo: ExitStack) -> None:
        """Replace what executes steps and runs; the latter is found under several names."""
        undo.callback(self._show_storages)
        self.hide_storages()
        steps = execute_plan.core_dagster_event_sequence_for_step
        replace(execute_plan, "core_dagster_event_sequence_for_step", _watched(steps, DagsterStep), undo)
        runs = _watched(api.job_execution_iterator, DagsterRun)
        for module in (api, execute_in_process, host_mode):
            replace(module, "job_execution_iterator", runs, undo)

    def hide_storages(self) -> None:
        """Capture no query of Dagster's own storages, of what classes there are by now, for an op."""
        with self._hiding:
            for kind in (kind for one in _STORAGES for kind in _subclasses(one)):
                if kind not in self._hidden:
                    self._hidden.add(kind)
                    for name in vars(kind).keys() & _ASKING.keys():
                        replace(kind, name, _ASKING[name](getattr(kind, name)), self._storages)

    def _show_storages(self) -> None:
        with self._hiding:
            self._hidden.clear()
            self._storages.close()

    def subject(self, target: Any) -> Any:
        """Refuse any target: Dagster makes its jobs anew wherever it runs them."""
        raise InstrumentError(
            self.name, f"it is instrumented as a whole: give no target, not {type(target).__name__}"
        )

    def version(self) -> str:
        """Return the version of dagster."""
        return module_version(dagster)


PRODUCER = DagsterProducer()


def _watched(
    original: Callable[..., Events], kind: Callable[..., DagsterStep | DagsterRun]
) -> Callable[..., Events]:
    """Return a generator function of Dagster's with what it executes inside of a run of ours.

    It stays a generator, which Dagster insists on, and gives the same events.
    """

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Events:
        watched = held = None
        if PRODUCER.everywhere:
            with _BEGINNING:
                PRODUCER.hide_storages()
                watched = kind(*args, **kwargs)
                held = use(watched.attributes)
        if watched is None or held is None or not watched.run.recording:
            return (yield from original(*args, **kwargs))
        attempt = Attempt(watched.run, watched.outcome)

        def events() -> Events:
            given = original(*args, **kwargs)
            try:
                for event in given:
                    with _SEEING:
                        watched.see(event)
                    yield event
            finally:
                given.close()

        return (yield from held(around_calls(events, lambda args, kwargs: attempt))())

    return call


def _unheard(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a storage's method during which nothing is captured."""

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        with capturing_nothing():
            return original(*args, **kwargs)

    return call


def _unseen(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a storage's method that gives a connection, during whose use nothing is captured."""

    @wraps(original)
    @contextmanager
    def connection(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with capturing_nothing(), original(*args, **kwargs) as given:
            yield given

    return connection


_ASKING = {
    "connect": _unseen,
    "index_connection": _unseen,
    "run_connection": _unseen,
    "has_table": _unheard,
}
"""The methods by which storages ask their databases, with what takes the place of each."""


def _subclasses(kind: Any) -> Iterator[type]:
    subclasses: list[type] = kind.__subclasses__()
    for one in subclasses:
        yield one
        yield from _subclasses(one)
