"""OpenLineage's own configuration, read as openlineage-python reads it.

Its file (the one in OPENLINEAGE_CONFIG, else openlineage.yml in the working directory, else in
~/.openlineage) comes before the `OPENLINEAGE__*` variables, and both before OPENLINEAGE_URL. What
openlineage-python writes into `os.environ` on the way is worked out here without writing anything.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineage.errors import ConfigError

_FILE_NAME = "openlineage.yml"
_PREFIX = "OPENLINEAGE__"
_SOURCE = "OpenLineage configuration"


@dataclass(frozen=True, slots=True)
class OpenLineageConfig:
    """What OpenLineage's configuration says to a client, but for its dataset trimmers, which are not applied.

    `filters` are patterns of job names whose runs are not reported; `job_tags` and `run_tags` are put on
    every event; `environment_variables` are names whose values are reported; `source_location` false
    leaves out where a job's code is.
    """

    transport: Mapping[str, Any] | None = None
    filters: tuple[re.Pattern[str], ...] = ()
    job_tags: Mapping[str, str] = field(default_factory=dict)
    run_tags: Mapping[str, str] = field(default_factory=dict)
    environment_variables: tuple[str, ...] = ()
    source_location: bool = True

    def reports(self, job_name: str) -> bool:
        """Return whether runs of this job are reported."""
        return not any(pattern.match(job_name) for pattern in self.filters)


def read_openlineage_config(environment: Mapping[str, str]) -> OpenLineageConfig:
    """Return the configuration that this environment and its files give; ConfigError when it is wrong."""
    merged = _merged(_from_variables(environment), _from_file(environment))
    tags, facets = _mapping(merged, "tags"), _mapping(merged, "facets")
    code = _mapping(facets, "source_code_location")
    return OpenLineageConfig(
        transport=_transport(merged, environment),
        filters=tuple(_filters(merged.get("filters"))),
        job_tags=_texts(_mapping(tags, "job")),
        run_tags=_texts(_mapping(tags, "run")),
        environment_variables=tuple(str(name) for name in facets.get("environment_variables") or ()),
        source_location=str(code.get("disabled", False)).lower() != "true",
    )


def _transport(merged: Mapping[str, Any], environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    transport = _mapping(merged, "transport")
    url = environment.get("OPENLINEAGE_URL")
    simple = _simple_http(url, environment) if url else None
    kind = transport.get("type")
    if not kind:
        return simple
    if simple is None:
        return transport
    if kind == "async_http":
        return {**simple, **transport}
    if kind == "composite" and isinstance(transport.get("transports"), Mapping | None):
        return {**transport, "transports": {"default_http": simple, **(transport.get("transports") or {})}}
    return transport


def _simple_http(url: str, environment: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {"type": "http", "url": url}
    if endpoint := environment.get("OPENLINEAGE_ENDPOINT"):
        options["endpoint"] = endpoint
    if api_key := environment.get("OPENLINEAGE_API_KEY"):
        options["auth"] = {"type": "api_key", "apiKey": api_key}
    return options


def _filters(given: Any) -> list[re.Pattern[str]]:
    if not isinstance(given, list | None):
        raise ConfigError("filters", type(given).__name__, _SOURCE, "give a list")
    patterns = []
    for one in given or ():
        kind = one.get("type") if isinstance(one, Mapping) else None
        if kind == "exact" and one.get("match"):
            patterns.append(re.compile(re.escape(str(one["match"])) + r"\Z"))
        elif kind == "regex" and one.get("regex"):
            patterns.append(_pattern(str(one["regex"])))
        else:
            raise ConfigError("filters", one, _SOURCE, "give type exact with match, or regex with regex")
    return patterns


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError("filters.regex", text, _SOURCE, f"give a regular expression ({error})") from None


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = values.get(key)
    if not isinstance(value, Mapping | None):
        raise ConfigError(key, type(value).__name__, _SOURCE, "give a mapping")
    return value or {}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    candidates = [Path.cwd() / _FILE_NAME, Path("~/.openlineage").expanduser() / _FILE_NAME]
    if named := environment.get("OPENLINEAGE_CONFIG"):
        candidates.insert(0, Path(named))
    # A folder that may not be looked into counts as empty, as it does for openlineage-python.
    path = next((path for path in candidates if os.path.isfile(path)), None)
    if path is None:
        return {}
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        # The parser's message may quote the file, which may hold credentials.
        raise ConfigError(_FILE_NAME, str(path), "file", "it must be readable YAML") from None
    return content if isinstance(content, dict) else {}


def _from_variables(environment: Mapping[str, str]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    # Backwards, so that a variable nearer to the top replaces what those below it said.
    for variable in sorted((name for name in environment if name.startswith(_PREFIX)), reverse=True):
        place = merged
        *path, last = variable.removeprefix(_PREFIX).lower().split("__")
        for step in path:
            inner = place.get(step)
            if not isinstance(inner, dict):
                inner = place[step] = {}
            place = inner
        place[last] = _value(environment[variable])
    return merged


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
