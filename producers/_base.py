"""What every integration is: installed once, undone completely, never in the host's way."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from types import ModuleType
from typing import Any, ClassVar

from lineage.errors import InstrumentError, MissingDependencyError


class Producer:
    """One integration with a library, for all of it or for one object (`target`).

    A subclass names the library and says in `hook` what it puts in place; each thing put in place registers
    with `undo` how to take it away again.
    """

    name: ClassVar[str]
    minimum: ClassVar[str]
    """The oldest version of the library that this was run with."""

    def __init__(self, target: Any = None) -> None:
        self.target = target

    def hook(self, undo: ExitStack) -> None:
        """Put the hooks in place."""
        raise NotImplementedError

    @classmethod
    def version(cls) -> str:
        """Return the version of the library that is there.

        Raises MissingDependencyError, with the pip line, when it is not installed.
        """
        raise NotImplementedError


_lock = threading.Lock()
_hooked: list[tuple[Producer, ExitStack]] = []


def hook_once(producer: Producer) -> None:
    """Install a producer unless it is installed for that target already.

    Raises InstrumentError where the library is too old or the target is nothing it knows; nothing stays then.
    """
    found = producer.version()
    if _numbers(found) < _numbers(producer.minimum):
        raise InstrumentError(
            producer.name, f"version {found} is too old, {producer.minimum} or newer is needed"
        )
    with _lock:
        if any(_same(known, producer) for known, _ in _hooked):
            return
        with ExitStack() as undo:
            producer.hook(undo)
            _hooked.append((producer, undo.pop_all()))


def unhook(name: str, target: Any = None) -> None:
    """Take away what was installed for a target; without one everything of that producer."""
    with _lock:
        for entry in [each for each in _hooked if each[0].name == name]:
            if target is None or entry[0].target is target:
                _hooked.remove(entry)
                entry[1].close()


def hooked(name: str) -> int:
    """Return for how many targets a producer is installed."""
    return sum(known.name == name for known, _ in _hooked)


def missing(package: str, extra: str, error: ImportError) -> MissingDependencyError:
    """Return the error of a library that is not installed, which names the pip line."""
    fault = MissingDependencyError(package, extra=extra)
    fault.__cause__ = error
    return fault


def module_version(module: ModuleType) -> str:
    """Return a library's own word for its version: a distribution may be called otherwise."""
    return str(module.__version__)


def _same(one: Producer, other: Producer) -> bool:
    return one.name == other.name and one.target is other.target


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
