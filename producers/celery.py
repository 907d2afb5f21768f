"""Tasks of Celery: each execution is a run, whose parent is the run that sent it; messages carry the context.

Hooks `Celery.send_task`, which all ways to send a task lead to, and connects to the signals of sending and
executing. A run is of one attempt: one that is tried again ends as failed, or as aborted where no exception
asked for it, and the next one names it. What a task is given and what it returns is looked at for nothing.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, MutableMapping
from contextlib import ExitStack
from contextvars import ContextVar
from functools import wraps
from threading import get_ident
from typing import Any
from weakref import WeakKeyDictionary

from lineage._guard import guard
from lineage.attribution import flush_queries
from lineage.context.carriers import Attached, Received, known_name, read_carrier
from lineage.errors import InstrumentError
from lineage.operations import MessagingTracker
from lineage.tracking.lifecycle import JobSpec, TrackedRun, begin
from producers._base import Producer, argument, missing, module_version, replace
from producers._messages import begin_operation, broker_namespace, end_operation, is_on, outgoing

try:
    import celery
    from celery import Celery, signals
    from celery.exceptions import Ignore, Reject, Retry
except ImportError as error:
    raise missing("celery", "celery", error) from error

_SENDING = guard("beginning to send a task")
_STARTING = guard("beginning the run of a task")
_ENDING = guard("ending the run of a task")
_TELLING = guard("telling what a worker saw")

RETRY_OF = "lineage-retry-of"
"""The header of a task that is tried again: the id of the run of the attempt before."""

_SCHEMES = {"pyamqp": "amqp", "librabbitmq": "amqp", "amqps": "amqp"}


class CeleryProducer(Producer):
    """Captures the tasks of all apps, or of some of them, where they are sent and where they are executed."""

    name = "celery"
    minimum = "5.5.3"

    def hook(self, undo: ExitStack) -> None:
        """Hook what sends tasks, and connect to the signals."""
        replace(Celery, "send_task", _send(Celery.send_task), undo)
        for signal, receiver in (
            (signals.before_task_publish, _before_publish),
            (signals.task_prerun, _before_run),
            (signals.task_postrun, _after_run),
            (signals.worker_process_shutdown, _before_exit),
        ):
            signal.connect(receiver, weak=False)
            undo.callback(signal.disconnect, receiver)

    def subject(self, target: Any) -> Any:
        """Return the app itself."""
        if not isinstance(target, Celery):
            raise InstrumentError(self.name, f"give a client (a Celery app), not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the version of Celery."""
        return module_version(celery)


PRODUCER = CeleryProducer()

_sending: ContextVar[MessagingTracker | None] = ContextVar("lineage_sending", default=None)
"""The operation of the task that is being sent."""

_namespaces: WeakKeyDictionary[Celery, str] = WeakKeyDictionary()


def namespace_of(app: Any) -> str:
    """Return the namespace of the tasks of an app: the URI of its broker, without credentials."""
    found = _namespaces.get(app)
    if found is None:
        known = app.connection_for_write().info()
        scheme = str(known["transport"])
        place = known["hostname"], known["port"], known["virtual_host"]
        found = _namespaces[app] = broker_namespace(_SCHEMES.get(scheme, scheme), *place)
    return found


def dataset_of(task: str) -> str:
    """Return what the messages of a task belong to: tasks share queues, and do not feed each other."""
    return f"task:{task}"


def _is_watched(app: Any) -> bool:
    return PRODUCER.watches(app) and is_on()


def _send(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        operation = None
        with _SENDING:
            if _is_watched(self):
                name = str(argument(args, kwargs, 0, "name"))
                place = namespace_of(self), dataset_of(name)
                operation = begin_operation("celery", "publish", None, sys._getframe(), *place)
        token = _sending.set(operation)
        try:
            result = send(self, *args, **kwargs)
        except BaseException as error:
            end_operation(operation, error)
            raise
        finally:
            _sending.reset(token)
        end_operation(operation, messages=1)
        return result

    return call


def _before_publish(
    headers: MutableMapping[str, Any] | None = None,
    exchange: Any = None,
    routing_key: Any = None,
    **_: Any,
) -> None:
    """Write into the headers of a task for whom it is; a further attempt is for those of the first."""
    with _SENDING:
        operation = _sending.get()
        if headers is None or operation is None:
            return
        operation.set_destination(str(getattr(exchange, "name", exchange) or routing_key))
        task = _running.get((headers.get("id"), get_ident()))
        if task is not None and headers.get("retries"):
            headers.update(task.carrier)
            headers[RETRY_OF] = task.run.run_id
            return
        kept, ours = outgoing(headers.items())
        if ours:
            for name in headers.keys() - {name for name, _ in kept}:
                del headers[name]
            headers.update(ours)


class _Execution:
    """One execution of a task: its run, and what its message said."""

    __slots__ = ("attached", "carrier", "operation", "run")

    def __init__(self, carrier: dict[str, Any], attached: Attached | None, run: TrackedRun) -> None:
        self.carrier = carrier
        self.attached = attached
        self.run = run
        self.operation: Any = None


_running: dict[tuple[Any, int], _Execution] = {}
"""The executions of this process by the ids of their tasks and of their threads."""


class TaskAborted(KeyboardInterrupt):
    """A task ended without a result of its own: what it asked for."""


def _before_run(task_id: Any = None, task: Any = None, **_: Any) -> None:
    """Begin the run of a task, for those whom its message says."""
    with _STARTING:
        if not _is_watched(task.app):
            return
        request = task.request
        carrier = {name: value for name, value in vars(request).items() if known_name(name) is not None}
        received = read_carrier(carrier)
        attached = Attached(received) if received != Received() else None
        if attached is not None:
            attached.enter()
        begun = begin(JobSpec(task.name, location=lambda: _place(task)), tuple, tuple)
        begun.enter()
        execution = _running[task_id, get_ident()] = _Execution(carrier, attached, begun)
        begun.tag("celery_task_id", str(task_id))
        if request.retries:
            before = vars(request).get(RETRY_OF)
            begun.attempt(request.retries + 1, retry_of=before if isinstance(before, str) else None)
        if not request.is_eager:
            known = request.delivery_info or {}
            queue = known.get("exchange") or known.get("routing_key")
            place = namespace_of(task.app), dataset_of(task.name)
            execution.operation = begin_operation("celery", "consume", queue, sys._getframe(), *place)


def _place(task: Any) -> tuple[str, int] | None:
    code = getattr(inspect.unwrap(task.run), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else None


def _after_run(task_id: Any = None, retval: Any = None, state: str | None = None, **_: Any) -> None:
    """End the run of a task as the task ended."""
    execution = _running.pop((task_id, get_ident()), None)
    if execution is None:
        return
    error = _error_of(retval, state)
    with _ENDING:
        end_operation(execution.operation, error, messages=1)
    with _ENDING:
        execution.run.leave()
        execution.run.end(error)
    with _ENDING:
        if execution.attached is not None:
            execution.attached.__exit__()


def _error_of(retval: Any, state: str | None) -> BaseException | None:
    """Return the exception that the run of a task ends with; one that aborts where the task asked for it."""
    if isinstance(retval, Retry):
        asked = TaskAborted("the task asked to be tried again")
        return retval.exc if isinstance(retval.exc, BaseException) else asked
    if isinstance(retval, Ignore | Reject):
        return TaskAborted(f"the task asked to be {'ignored' if isinstance(retval, Ignore) else 'rejected'}")
    if state is None:  # something else than an exception of the task's leaves it
        return sys.exc_info()[1]
    return retval if isinstance(retval, BaseException) and state != "SUCCESS" else None


def _before_exit(**_: Any) -> None:
    """Tell what is untold in a process of a pool, which ends without anything that Python does at its end."""
    with _TELLING:
        flush_queries()
