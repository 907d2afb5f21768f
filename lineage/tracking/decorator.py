"""`@track_lineage`: a run for each call of a function, whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from typing import Any, TypeVar, cast, overload

from lineage._guard import guard
from lineage.tracking.declared import Declared, as_declarations, resolve
from lineage.tracking.lifecycle import JobSpec, TrackedRun, begin, job_name_of

_F = TypeVar("_F", bound=Callable[..., Any])


@overload
def track_lineage(function: _F, /) -> _F: ...
@overload
def track_lineage(
    *,
    inputs: Declared | Iterable[Declared] = (),
    outputs: Declared | Iterable[Declared] = (),
    name: str | None = None,
    job_namespace: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    emitter: Any = None,
) -> Callable[[_F], _F]: ...
def track_lineage(
    function: Callable[..., Any] | None = None,
    /,
    *,
    inputs: Declared | Iterable[Declared] = (),
    outputs: Declared | Iterable[Declared] = (),
    name: str | None = None,
    job_namespace: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    emitter: Any = None,
) -> Any:
    """Emit OpenLineage events for each call of a function, method, coroutine function or generator.

    `inputs` and `outputs` name datasets: strings (URIs, paths, bare names), `Dataset`s, templates over
    the call's arguments (`"s3://lake/raw/{day}"`) or callables that get the same arguments. More can be
    said inside through `current_run()`. The job is called `name`, else `module.function`.
    `emitter` is an OpenLineage client or transport to use instead of the outbox.

    The function's results, exceptions and signature stay as they are.
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, staticmethod | classmethod):
            return type(target)(decorate(target.__func__))
        job = JobSpec(
            name or job_name_of(target), job_namespace, dict(tags or {}), description, lambda: _place(target)
        )
        calls = _Calls(job, as_declarations(inputs), as_declarations(outputs), emitter, _signature(target))
        return _wrapped(target, calls)

    return decorate if function is None else decorate(function)


class _Calls:
    """The runs of one decorated function."""

    def __init__(
        self,
        job: JobSpec,
        inputs: tuple[Declared, ...],
        outputs: tuple[Declared, ...],
        emitter: Any,
        signature: inspect.Signature | None,
    ) -> None:
        self._job = job
        self._inputs = inputs
        self._outputs = outputs
        self._emitter = emitter
        self._signature = signature

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> TrackedRun:
        return begin(
            self._job,
            lambda: resolve(self._inputs, self._signature, args, kwargs),
            lambda: resolve(self._outputs, self._signature, args, kwargs),
            self._emitter,
        )


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some built-ins have none
        return None


def _place(function: Any) -> tuple[str, int] | None:
    """Return the file and line of a function; None for one that is not written in Python."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else None


def _wrapped(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, calls)
    elif inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, calls)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, calls)
    else:
        wrapper = _plain(function, calls)
    with guard("taking over a function's name"):
        functools.update_wrapper(wrapper, function)
    return wrapper


def _plain(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with calls.begin(args, kwargs):
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with calls.begin(args, kwargs):
            return await function(*args, **kwargs)

    return call


def _generator(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    """Track a generator: the run is current while its own code runs, not while its consumer's does."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = cast("Generator[Any, Any, Any]", function(*args, **kwargs))
        resume: Callable[[], Any] = functools.partial(next, steps)
        with calls.begin(args, kwargs) as run:
            while True:
                try:
                    item = resume()
                except StopIteration as stop:
                    return stop.value
                run.leave()
                try:
                    sent = yield item
                except GeneratorExit:
                    run.enter()
                    steps.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed on to the host's generator
                    resume = functools.partial(steps.throw, thrown)
                else:
                    resume = functools.partial(steps.send, sent)
                run.enter()

    return call


def _async_generator(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    """Track an async generator, as `_generator` does a generator."""

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = cast("AsyncGenerator[Any, Any]", function(*args, **kwargs))
        resume: Callable[[], Any] = steps.__anext__
        with calls.begin(args, kwargs) as run:
            while True:
                try:
                    item = await resume()
                except StopAsyncIteration:
                    return
                run.leave()
                try:
                    sent = yield item
                except GeneratorExit:
                    run.enter()
                    await steps.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed on to the host's generator
                    resume = functools.partial(steps.athrow, thrown)
                else:
                    resume = functools.partial(steps.asend, sent)
                run.enter()

    return call
