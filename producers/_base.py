"""What every integration is: installed once, undone completely, never in the host's way."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import ModuleType
from typing import Any
from weakref import WeakSet

from lineage.errors import InstrumentError, MissingDependencyError


class Producer:
    """One integration with a library, for all of it or for some of its objects (targets).

    A subclass puts its hooks in place in `hook`, once for all targets: each thing put in place registers with
    `undo` how to take it away again. The hooks ask `watches` whether an object is to be captured. Targets
    are not kept alive.
    """

    name: str
    minimum: str
    """The oldest version of the library that this was run with."""
    options: tuple[str, ...] = ()
    """What `install` takes besides a target."""

    def __init__(self) -> None:
        self.everywhere = False
        self.targets: WeakSet[Any] = WeakSet()
        self._undo: ExitStack | None = None
        self._lock = threading.Lock()

    def hook(self, undo: ExitStack) -> None:
        """Put the hooks in place."""
        raise NotImplementedError

    def subject(self, target: Any) -> Any:
        """Return what the hooks see of a target; raises InstrumentError for what is none."""
        raise NotImplementedError

    def version(self) -> str:
        """Return the version of the library that is there."""
        raise NotImplementedError

    def watches(self, subject: Any) -> bool:
        """Whether this object of the library is instrumented."""
        return self.everywhere or subject in self.targets

    def install(self, target: Any = None) -> None:
        """Instrument a target, or everything; does nothing where that is done already.

        Raises InstrumentError where the library is too old or the target is nothing it knows; nothing stays
        then.
        """
        self.check_version()
        subject = None if target is None else self.subject(target)
        with self._lock:
            if self._undo is None:
                with ExitStack() as undo:
                    self.hook(undo)
                    self._undo = undo.pop_all()
            if target is None:
                self.everywhere = True
            else:
                self.targets.add(subject)

    def uninstall(self, target: Any = None) -> None:
        """Undo `install` for a target; without one, for everything. With the last one the hooks go."""
        subject = None if target is None else self.subject(target)
        with self._lock:
            if target is None:
                self.everywhere = False
                self.targets.clear()
            else:
                self.targets.discard(subject)
            if self._undo is not None and not self.everywhere and not self.targets:
                undo, self._undo = self._undo, None
                undo.close()

    def check_version(self) -> None:
        """Raise InstrumentError where the library that is there is too old."""
        found = self.version()
        if _numbers(found) < _numbers(self.minimum):
            raise InstrumentError(self.name, f"version {found} is too old, {self.minimum} or newer is needed")


def replace(holder: Any, name: str, replacement: Callable[..., Any], undo: ExitStack) -> None:
    """Put a function in the place of one that a class or module holds itself, until `undo`."""
    before = vars(holder)[name]
    setattr(holder, name, replacement)

    def restore() -> None:
        if vars(holder).get(name) is replacement:  # else somebody else's, which calls ours, stands on top
            setattr(holder, name, before)

    undo.callback(restore)


def missing(package: str, extra: str, error: ImportError) -> MissingDependencyError:
    """Return the error of a library that is not installed, which names the pip line."""
    fault = MissingDependencyError(package, extra=extra)
    fault.__cause__ = error
    return fault


def module_version(module: ModuleType) -> str:
    """Return a library's own word for its version: a distribution may be called otherwise."""
    return str(module.__version__)


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str) -> Any:
    """Return an argument of a call by its place or name; None where it was not given."""
    return args[place] if len(args) > place else kwargs.get(name)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
