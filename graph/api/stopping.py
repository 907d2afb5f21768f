"""What is to be done when a server is told to stop, before it waits for the answers that are under way."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call a function in the event loop when the process gets a signal to stop, and let others have it, too.

    A server waits for all answers before it ends its application, and an answer that only ends with the
    application would be waited for in vain. Outside of the main thread there are no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        others = before[signal.Signals(number)]
        if callable(others):
            others(number, frame)

    # Only what a server has put there is told of it: a default would end the process at once.
    ours = [number for number, others in before.items() if callable(others)]
    for number in ours:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is on_signal:
                signal.signal(number, before[number])
