"""Context across threads, executors and callbacks, which do not carry it by themselves.

Nothing of the standard library is patched: what should carry context says so.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def bind(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function bound to the context of here and now: for threads, callbacks, timers, greenlets.

    All context variables are carried, those of other libraries too. Each call runs in a copy of its own, so
    it may be called several times at once, and what it sets stays inside. Of a coroutine function all steps
    run in that copy, whoever awaits it. A generator runs in its consumer's context, as always.
    """
    context = copy_context()

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)

    @wraps(function)
    async def call_async(*args: P.args, **kwargs: P.kwargs) -> Any:
        own = context.copy()
        return await _steps(cast("Coroutine[Any, Any, Any]", own.run(function, *args, **kwargs)), own)

    return cast("Callable[P, R]", call_async) if inspect.iscoroutinefunction(function) else call


@types.coroutine
def _steps(coroutine: Coroutine[Any, Any, R], context: Context) -> Generator[Any, Any, R]:
    """Await a coroutine, each of its steps in a context that is not the awaiting task's."""
    step: Callable[[], Any] = partial(coroutine.send, None)
    while True:
        try:
            awaited = context.run(step)
        except StopIteration as stop:
            return cast("R", stop.value)
        try:
            sent = yield awaited
        except BaseException as thrown:  # noqa: BLE001 - handed on to the host's coroutine
            step = partial(coroutine.throw, thrown)
        else:
            step = partial(coroutine.send, sent)


def run_with_context(context: Context, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function in a copy of a context taken with `contextvars.copy_context()`, and return its result.

    For `executor.submit(run_with_context, context, function, argument)`. One context serves many calls at
    once, and the worker's own context is as it was afterwards.
    """
    return context.copy().run(function, *args, **kwargs)


class ContextThreadPoolExecutor(ThreadPoolExecutor):
    """A ThreadPoolExecutor whose tasks run in the context they were submitted from, each in its own copy.

    Also as the executor of `loop.run_in_executor`. The context is taken by `submit` (and `map`, which
    submits), not when a thread becomes free, and given up when the task has ended. An `initializer` runs in
    the worker's context: tasks do not see the context variables that it sets.
    """

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Submit a task as ThreadPoolExecutor does."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))
