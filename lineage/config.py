"""Settings: one frozen `Config`, read once, from one table.

`LINEAGE_*` settings are taken from `configure(...)` arguments before the environment. Where events
go follows OpenLineage's own configuration in OpenLineage's own order (its file, then
`OPENLINEAGE__*`, then `OPENLINEAGE_URL`), and is the embedded store when that names nothing.
`os.environ` is never written.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lineage.errors import ConfigError

_ENV_PREFIX = "OPENLINEAGE__"
_FILE_NAME = "openlineage.yml"
_SECRET_WORDS = ("auth", "api_key", "apikey", "password", "secret", "token", "headers", "key")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events are delivered: the embedded store (`kind` "store") or an OpenLineage transport.

    `options` is the transport's configuration as OpenLineage understands it. It may hold
    credentials and stays in memory; `identity` is what is written down.
    """

    kind: str
    address: str
    options: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_store(self) -> bool:
        """Whether events wait for a store of ours to drain them, rather than for a shipper."""
        return self.kind == "store"

    @property
    def identity(self) -> str:
        """Kind and address without credentials: the same for every process with this destination."""
        return json.dumps({"kind": self.kind, "address": self.address}, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the settings table: its name, the variables it is read from, and what it means."""

    name: str
    variables: tuple[str, ...]
    parse: Callable[[str], Any]
    allowed: str
    meaning: str


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


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError(text)


def _size(text: str) -> int:
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    word = text.strip().lower().removesuffix("b").removesuffix("i")
    factor = units.get(word[-1:], 1)
    size = int(float(word[:-1] if factor > 1 else word) * factor)
    if size < 1 << 20:
        raise ValueError(text)
    return size


def _durability(text: str) -> str:
    word = text.strip().upper()
    if word not in {"NORMAL", "FULL"}:
        raise ValueError(text)
    return word


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text.strip()


def _folder(text: str) -> Path:
    return Path(_words(text)).expanduser().absolute()


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "namespace",
        ("LINEAGE_NAMESPACE", "OPENLINEAGE_NAMESPACE"),
        _words,
        "any words",
        "The namespace of jobs that name none. Default: default.",
    ),
    Setting(
        "disabled",
        ("LINEAGE_DISABLED", "OPENLINEAGE_DISABLED"),
        _flag,
        "true or false",
        "Record nothing at all. Default: false.",
    ),
    Setting(
        "store",
        ("LINEAGE_STORE",),
        _words,
        "a file path",
        "The store that questions are asked of. Default: lineage.db in the user's data folder.",
    ),
    Setting(
        "outbox",
        ("LINEAGE_OUTBOX",),
        _folder,
        "a folder on a local disk",
        "Where events wait until they are delivered. Default: the user's state folder.",
    ),
    Setting(
        "outbox_limit",
        ("LINEAGE_OUTBOX_LIMIT",),
        _size,
        "a size of at least 1M, such as 500M or 2G",
        "The size of one outbox file above which the oldest unsent events are dropped. Default: 1G.",
    ),
    Setting(
        "outbox_durability",
        ("LINEAGE_OUTBOX_DURABILITY",),
        _durability,
        "NORMAL or FULL",
        "NORMAL survives a killed process, FULL a power failure as well. Default: NORMAL.",
    ),
    Setting(
        "ship",
        ("LINEAGE_SHIP",),
        _flag,
        "true or false",
        "Deliver to another backend from a thread of this process. Default: true.",
    ),
)


def _read(setting: Setting, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    given = arguments.get(setting.name)
    if given is not None:
        return _parsed(setting, str(given), "configure()")
    for variable in setting.variables:
        if variable in environment:
            return _parsed(setting, environment[variable], variable)
    return None


def _parsed(setting: Setting, text: str, source: str) -> Any:
    try:
        return setting.parse(text)
    except ValueError:
        raise ConfigError(setting.name, text, source, f"give {setting.allowed}") from None


def data_folder() -> Path:
    """Return the user's data folder, where the store lies unless it is set."""
    import platformdirs

    return Path(platformdirs.user_data_dir("lineage-graph", appauthor=False))


def _default_outbox() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("lineage-graph", appauthor=False)) / "outbox"


def load_config(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Config:
    """Return the settings that these arguments and this environment give; ConfigError when one is wrong."""
    known = {setting.name for setting in SETTINGS}
    for name in arguments:
        if name not in known:
            raise ConfigError(
                name, arguments[name], "configure()", f"settings are {', '.join(sorted(known))}"
            )
    values = {setting.name: _read(setting, arguments, environment) for setting in SETTINGS}
    store = store_location(values["store"] or data_folder() / "lineage.db")
    return Config(
        namespace=values["namespace"] or "default",
        disabled=bool(values["disabled"]),
        store=store,
        outbox=values["outbox"] or _default_outbox(),
        outbox_limit=values["outbox_limit"] or 1 << 30,
        outbox_durability=values["outbox_durability"] or "NORMAL",
        ship=values["ship"] is not False,
        destination=openlineage_destination(environment) or store_destination(store),
    )


def store_location(store: str | os.PathLike[str]) -> str:
    """Return a store's location in its one spelling: an absolute path, or a URL as it is."""
    text = os.fspath(store)
    if "://" in text and not text.startswith("sqlite://"):
        return text
    return str(Path(text.removeprefix("sqlite://")).expanduser().absolute())


def store_destination(store: str | os.PathLike[str]) -> Destination:
    """Return the destination of events that the store at this path drains."""
    return Destination("store", store_location(store))


def transport_destination(options: Mapping[str, Any]) -> Destination:
    """Return the destination that an OpenLineage transport configuration names."""
    kind = options.get("type")
    if not isinstance(kind, str) or not kind:
        raise ConfigError("transport", sorted(options), "OpenLineage configuration", "it needs a `type`")
    if kind in {"http", "async_http"}:
        if not isinstance(options.get("url"), str):
            raise ConfigError("transport.url", options.get("url"), "OpenLineage configuration", "give a URL")
        endpoint = str(options.get("endpoint") or "api/v1/lineage").strip("/")
        return Destination("http", f"{_without_user(options['url']).rstrip('/')}/{endpoint}", dict(options))
    return Destination(
        kind, json.dumps(_without_secrets(options), sort_keys=True, default=str), dict(options)
    )


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_secrets(inner)
            for key, inner in value.items()
            if not any(word in str(key).lower() for word in _SECRET_WORDS)
        }
    if isinstance(value, str) and "://" in value:
        return _without_user(value)
    return value


def openlineage_destination(environment: Mapping[str, str]) -> Destination | None:
    """Return the destination of OpenLineage's own configuration; None when it names none.

    The order is that of openlineage-python: its file before `OPENLINEAGE__*`, and `OPENLINEAGE_URL`
    when neither names a transport.
    """
    transport = _merged(_from_variables(environment), _from_file(environment)).get("transport")
    if isinstance(transport, Mapping) and transport.get("type"):
        return _unless_embedded(transport)
    url = environment.get("OPENLINEAGE_URL")
    if not url:
        return None
    options: dict[str, Any] = {"type": "http", "url": url}
    if endpoint := environment.get("OPENLINEAGE_ENDPOINT"):
        options["endpoint"] = endpoint
    if api_key := environment.get("OPENLINEAGE_API_KEY"):
        options["auth"] = {"type": "api_key", "api_key": api_key}
    return transport_destination(options)


def _unless_embedded(transport: Mapping[str, Any]) -> Destination | None:
    """Look through our own transport, which people name so that other OpenLineage clients use the outbox."""
    if str(transport["type"]).rpartition(".")[2] == "OutboxTransport":
        target = transport.get("target")
        return transport_destination(target) if isinstance(target, Mapping) else None
    return transport_destination(transport)


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    candidates = [Path.cwd() / _FILE_NAME, Path("~/.openlineage").expanduser() / _FILE_NAME]
    if named := environment.get("OPENLINEAGE_CONFIG"):
        candidates.insert(0, Path(named))
    for path in candidates:
        if path.is_file():
            import yaml

            try:
                content = yaml.safe_load(path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, yaml.YAMLError):
                # The parser's message may quote the file, which may hold credentials.
                raise ConfigError("openlineage.yml", str(path), "file", "it must be readable YAML") from None
            return content if isinstance(content, dict) else {}
    return {}


def _from_variables(environment: Mapping[str, str]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for variable in sorted((name for name in environment if name.startswith(_ENV_PREFIX)), reverse=True):
        value: Any = environment[variable]
        if value.strip().startswith("{"):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                continue
        place = merged
        *path, last = variable.removeprefix(_ENV_PREFIX).lower().split("__")
        for step in path:
            inner = place.get(step)
            if not isinstance(inner, dict):
                inner = place[step] = {}
            place = inner
        place[last] = value
    return merged


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


_lock = threading.Lock()
_arguments: dict[str, Any] = {}
_current: Config | None = None


def current_config() -> Config:
    """Return the settings of this process, reading them on the first call."""
    global _current
    config = _current
    if config is None:
        with _lock:
            config = _current = _current or load_config(_arguments, os.environ)
    return config


def configure(**settings: Any) -> Config:
    """Set some settings for this process and return all of them; what is not given stays as it was.

    The names are those of the settings table (`lineage.config.SETTINGS`), and `destination` takes an
    OpenLineage transport configuration as a mapping. A wrong name or value raises ConfigError and changes
    nothing.
    """
    global _current, _arguments
    with _lock:
        destination = settings.pop("destination", _arguments.get("destination"))
        arguments = {**_arguments, **{key: value for key, value in settings.items() if value is not None}}
        arguments.pop("destination", None)
        config = load_config(arguments, os.environ)
        if destination is not None:
            config = replace(config, destination=transport_destination(destination))
            arguments["destination"] = destination
        _arguments, _current = arguments, config
    return config


def reset_config() -> None:
    """Forget what `configure` was given and read the environment anew at the next use."""
    global _current, _arguments
    with _lock:
        _arguments, _current = {}, None
