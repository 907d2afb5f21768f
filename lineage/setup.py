"""`configure`: the settings of this process, and what is instrumented in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from lineage import config
from lineage._guard import guard, logger
from lineage.errors import LineageError
from lineage.instruments import instruments as known_instruments
from lineage.instruments import unknown


class Installable(Protocol):
    """What can be installed, as `instrument_function` returns it."""

    def apply(self) -> object:
        """Install it; once installed, do nothing."""


def configure(*, instruments: Iterable[str | Installable] = (), **settings: Any) -> config.Config:
    """Set some settings for this process and instrument libraries; what is not given stays as it was.

    The settings are those of `lineage.settings.SETTINGS`; `destination` takes an OpenLineage transport
    configuration as a mapping. A wrong name or value raises ConfigError and changes nothing. `instruments`
    are names of integrations (`sqlalchemy`, `dbapi:pymysql`) or what `instrument_function` returned. One that
    fails is told of in the log and stops neither the settings nor the others.
    """
    made = config.configure(**settings)
    for one in instruments:
        # A library's own fault while it is loaded or hooked is nothing that may stop the program.
        with guard(f"instrumenting {one if isinstance(one, str) else type(one).__name__}"):
            try:
                _install(one)
            except (LineageError, ImportError) as fault:
                logger.warning("Not instrumented: %s", fault)
    return made


def _install(one: str | Installable) -> None:
    if not isinstance(one, str):
        one.apply()
        return
    known = known_instruments()
    name, _, target = one.partition(":")
    if name not in known:
        raise unknown(one, known)
    install = known[name].load()
    install(target) if target else install()
