"""Settings: one frozen `Config`, read once, from one table.

A setting is taken from `configure(...)`, else from its variables, else from the file lineage.toml. Where
events go and what a client is told to report follow OpenLineage's own configuration in its own order
(`lineage.openlineage_config`); without one, events go to the embedded store. `os.environ` is never written.
"""

from __future__ import annotations

import os
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lineage.destination import (
    Destination,
    configured_destination,
    is_server,
    server_destination,
    store_destination,
    store_location,
)
from lineage.errors import ConfigError
from lineage.openlineage_config import OpenLineageConfig, read_openlineage_config
from lineage.settings import SETTINGS, Setting

_FILE_NAME = "lineage.toml"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of this process. Build it with `configure` or the environment, not by hand."""

    namespace: str
    disabled: bool
    store: str
    outbox: Path
    outbox_limit: int
    outbox_durability: str
    ship: bool
    destination: Destination
    token: str | None = field(default=None, repr=False)
    ca: str | None = None
    signing_key: Path | None = None
    trusted_keys: Path | None = None
    openlineage: OpenLineageConfig = field(default_factory=OpenLineageConfig)
    service_name: str = "unknown"
    environment: str = "unknown"
    queries: bool = True
    sink: tuple[Any, ...] = ("lineage",)
    include_query_text: bool = True
    include_raw_query_text: bool = False
    callsite_skip: tuple[str, ...] = ()
    callsite_keep: tuple[str, ...] = ()
    callsite_frames: int | None = 10
    prices: Path | None = None
    otel_old_names: bool = False
    provenance: str = "essential"
    parameters_allowed: tuple[str, ...] = ()
    parameters_key: Path | None = None


def _read(
    setting: Setting, arguments: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]
) -> Any:
    if (given := arguments.get(setting.name)) is not None:
        return _parsed(setting, given, "configure()")
    for variable in setting.variables:
        if variable in environment:
            return _parsed(setting, environment[variable], variable)
    if setting.name in file:
        return _parsed(setting, file[setting.name], _FILE_NAME)
    return None


def _parsed(setting: Setting, value: object, source: str) -> Any:
    try:
        if setting.takes_objects:
            return setting.parse(value)
        return setting.parse(",".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    except (ValueError, OverflowError):
        raise ConfigError(setting.name, value, source, f"give {setting.allowed}") from None


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what lineage.toml says: the file in LINEAGE_CONFIG, else the one in the working directory."""
    named = environment.get("LINEAGE_CONFIG")
    path = Path(named).expanduser() if named else Path.cwd() / _FILE_NAME
    if not named and not os.path.isfile(path):
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ConfigError("LINEAGE_CONFIG", str(path), "file", "it must be a readable TOML file") from None
    _check_names(values, str(path))
    return values


def _check_names(values: Mapping[str, Any], source: str) -> None:
    known = sorted(setting.name for setting in SETTINGS)
    for name in values:
        if name not in known:
            raise ConfigError(name, values[name], source, f"settings are {', '.join(known)}")


def data_folder() -> Path:
    """Return the user's data folder, where the store lies unless it is set."""
    import platformdirs

    return Path(platformdirs.user_data_dir("lineage-graph", appauthor=False))


def _default_outbox() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("lineage-graph", appauthor=False)) / "outbox"


def load_config(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Config:
    """Return the settings that these arguments and this environment give; ConfigError when one is wrong.

    `destination` among the arguments is an OpenLineage transport configuration.
    """
    settings = {name: value for name, value in arguments.items() if name != "destination"}
    _check_names(settings, "configure()")
    file = _from_file(environment)
    values = {setting.name: _read(setting, settings, environment, file) for setting in SETTINGS}
    store = store_location(values["store"] or data_folder() / "lineage.db")
    theirs = read_openlineage_config(environment)
    given = arguments.get("destination")
    transport = theirs.transport if given is None else given
    destination = configured_destination(transport) if transport is not None else None
    disabled = values["disabled"]
    if disabled is None:
        # As openlineage-python reads its variable: any other word leaves it enabled.
        disabled = environment.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true"
    return Config(
        namespace=values["namespace"] or "default",
        disabled=disabled,
        store=store,
        outbox=values["outbox"] or _default_outbox(),
        outbox_limit=values["outbox_limit"] or 1 << 30,
        outbox_durability=values["outbox_durability"] or "NORMAL",
        ship=values["ship"] is not False,
        destination=destination or _of_store(store, values),
        token=values["token"],
        ca=values["ca"],
        signing_key=values["signing_key"],
        trusted_keys=values["trusted_keys"],
        openlineage=theirs,
        service_name=values["service_name"] or _program(),
        environment=values["environment"] or "unknown",
        queries=values["queries"] is not False,
        sink=values["sink"] or ("lineage",),
        include_query_text=values["include_query_text"] is not False,
        include_raw_query_text=values["include_raw_query_text"] is True,
        callsite_skip=values["callsite_skip"] or (),
        callsite_keep=values["callsite_keep"] or (),
        callsite_frames=10 if values["callsite_frames"] is None else values["callsite_frames"] or None,
        prices=values["prices"],
        otel_old_names=values["otel_old_names"] is True,
        provenance=values["provenance"] or "essential",
        parameters_allowed=values["parameters_allowed"] or (),
        parameters_key=values["parameters_key"],
    )


def _of_store(store: str, values: Mapping[str, Any]) -> Destination:
    """Return where events go that are for a store: it drains them, but for one behind a server."""
    if is_server(store):
        return server_destination(store, token=values["token"], ca=values["ca"])
    return store_destination(store)


def _program() -> str:
    """Return the name of the running program: its script or, of `python -m`, its package."""
    main = sys.modules.get("__main__")
    if (spec := getattr(main, "__spec__", None)) is not None:
        return str(spec.name).removesuffix(".__main__")
    return Path(getattr(main, "__file__", None) or "python").stem


_lock = threading.Lock()
_arguments: dict[str, Any] = {}
_current: Config | None = None
_temporary: ContextVar[Config | None] = ContextVar("lineage_temporary_config", default=None)


def current_config() -> Config:
    """Return the settings that hold here, reading them on the first call."""
    global _current
    config = _temporary.get() or _current
    if config is None:
        with _lock:
            config = _current = _current or load_config(_arguments, os.environ)
    return config


def configure(**settings: Any) -> Config:
    """Set some settings for this process and return all of them; what is not given stays as it was.

    The names are those of the settings table (`lineage.settings.SETTINGS`), and `destination` takes an
    OpenLineage transport configuration as a mapping. A wrong name or value raises ConfigError and changes
    nothing.
    """
    global _current, _arguments
    with _lock:
        arguments = _with(_arguments, settings)
        config = load_config(arguments, os.environ)
        _arguments, _current = arguments, config
    return config


@contextmanager
def configured(**settings: Any) -> Iterator[Config]:
    """Have other settings inside a block, for this thread or task and the tasks it starts, and nowhere else.

    The names are those of `configure`; what is not given is as outside. Raises ConfigError before the block.
    """
    outside = current_config()
    inside = load_config(_with(_arguments, settings), os.environ)
    given = {name for name, value in settings.items() if value is not None}
    if "destination" not in given and not (inside.destination.is_store and "store" in given):
        inside = replace(inside, destination=outside.destination)
    kept = {name: getattr(outside, name) for name in (one.name for one in SETTINGS) if name not in given}
    token = _temporary.set(replace(inside, **kept))
    try:
        yield current_config()
    finally:
        _temporary.reset(token)


def _with(arguments: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**arguments, **{name: value for name, value in settings.items() if value is not None}}


def reset_config() -> None:
    """Forget what `configure` was given and read the environment anew at the next use."""
    global _current, _arguments
    with _lock:
        _arguments, _current = {}, None
