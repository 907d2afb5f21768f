"""One wrapping for every kind of function: something of ours stands open around each call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Protocol, cast

from lineage._guard import guard


class Around(Protocol):
    """What stands around one call. A generator leaves it while its consumer's code runs."""

    def __enter__(self) -> object: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any, /) -> None: ...

    def enter(self) -> None:
        """Hold again for the code that runs now."""

    def leave(self) -> None:
        """Hold no more, without an end."""


Begin = Callable[[tuple[Any, ...], Mapping[str, Any]], Around]


def around_calls(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    """Return the function with `begin(args, kwargs)` entered around each of its calls.

    Coroutines are awaited and generators consumed inside. Results, exceptions, names and signature stay.
    """
    if inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, begin)
    elif inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, begin)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, begin)
    else:
        wrapper = _plain(function, begin)
    with guard("taking over a function's name"):
        functools.update_wrapper(wrapper, function)
    return wrapper


def _plain(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with begin(args, kwargs):
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with begin(args, kwargs):
            return await function(*args, **kwargs)

    return call


def _generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    """Wrap a generator: held while its own code runs, not while its consumer's does."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = cast("Generator[Any, Any, Any]", function(*args, **kwargs))
        resume: Callable[[], Any] = functools.partial(next, steps)
        around = begin(args, kwargs)
        with around:
            while True:
                try:
                    item = resume()
                except StopIteration as stop:
                    return stop.value
                around.leave()
                try:
                    sent = yield item
                except GeneratorExit:
                    around.enter()
                    steps.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed on to the host's generator
                    resume = functools.partial(steps.throw, thrown)
                else:
                    resume = functools.partial(steps.send, sent)
                around.enter()

    return call


def _async_generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    """Wrap an async generator, as `_generator` does a generator."""

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = cast("AsyncGenerator[Any, Any]", function(*args, **kwargs))
        resume: Callable[[], Any] = steps.__anext__
        around = begin(args, kwargs)
        with around:
            while True:
                try:
                    item = await resume()
                except StopAsyncIteration:
                    return
                around.leave()
                try:
                    sent = yield item
                except GeneratorExit:
                    around.enter()
                    await steps.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed on to the host's generator
                    resume = functools.partial(steps.athrow, thrown)
                else:
                    resume = functools.partial(steps.asend, sent)
                around.enter()

    return call


def follow(result: Any, around: Around) -> tuple[Any, bool]:
    """Return what a call gave, and whether `around` ends with it rather than with the call.

    A coroutine or generator comes back as one of the same kind that holds `around` while it runs. A future is
    followed by a callback. Anything else is the host's own business from here on.
    """

    def give() -> Any:
        return result

    def begin(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Around:
        return around

    if inspect.iscoroutine(result):
        return _coroutine(give, begin)(), True
    if inspect.isgenerator(result):
        return _generator(give, begin)(), True
    if inspect.isasyncgen(result):
        return _async_generator(give, begin)(), True
    add_done_callback = getattr(result, "add_done_callback", None)
    if inspect.isawaitable(result) and callable(add_done_callback):
        add_done_callback(lambda done: _end_with(done, around))
        return result, True
    return result, False


def _end_with(future: Any, around: Around) -> None:
    with guard("following a future"):
        if future.cancelled():
            import asyncio

            around.__exit__(None, asyncio.CancelledError(), None)
        else:
            around.__exit__(None, future.exception(), None)
