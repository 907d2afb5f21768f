"""Integrations: code that makes libraries people already use report lineage.

`install("sqlalchemy")` instruments a library, `uninstall` undoes it, `status()` says what stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lineage.errors import InstrumentError, LineageError
from producers._base import Producer, hook_once, hooked, unhook

__all__ = ["REGISTRY", "Status", "install", "status", "uninstall"]

REGISTRY = {
    "psycopg": "producers.psycopg:PsycopgProducer",
    "sqlalchemy": "producers.sqlalchemy:SQLAlchemyProducer",
}
"""Every integration by its name, which is the library's import name."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is instrumented: `version` of the library, None where it is not there; `problem` says why not."""

    name: str
    version: str | None
    targets: int
    problem: str | None


def install(name: str, target: Any = None, **options: Any) -> None:
    """Instrument a library, or only `target` of it (an engine, a connection), from now on.

    A second call changes nothing. Raises InstrumentError for an unknown name or a library that is too old,
    MissingDependencyError with the pip line for one that is not installed.
    """
    hook_once(_producer(name)(target, **options))


def uninstall(name: str, target: Any = None) -> None:
    """Undo `install` for a target; without one, for everything of that library."""
    unhook(name, target)


def status() -> list[Status]:
    """Return what is instrumented and what cannot be, and why."""
    return [_status(name) for name in REGISTRY]


def _status(name: str) -> Status:
    try:
        version = _producer(name).version()
    except LineageError as error:
        return Status(name, None, 0, str(error))
    return Status(name, version, hooked(name), None)


def _producer(name: str) -> type[Producer]:
    if name not in REGISTRY:
        raise InstrumentError(name, f"known are: {', '.join(sorted(REGISTRY))}")
    module, _, kind = REGISTRY[name].partition(":")
    producer: type[Producer] = getattr(import_module(module), kind)
    return producer
