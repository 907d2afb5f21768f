"""Where new events go from here, and which setting says so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lineage.config import current_config, load_config
from lineage.destination import Destination
from lineage.errors import ConfigError
from lineage.openlineage_config import read_openlineage_config

_OPENLINEAGE = ("OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT", "OPENLINEAGE_URL")


@dataclass(frozen=True, slots=True)
class Configured:
    """The destination of new events; `setting` is a variable, a file, or `default`."""

    destination: Destination
    setting: str
    disabled: bool


def configured() -> Configured:
    """Return where events of this environment and working directory go."""
    config = current_config()
    transport = read_openlineage_config(os.environ).transport
    setting = _store_setting(os.environ) if transport is None else _transport_setting(os.environ, transport)
    return Configured(config.destination, setting, config.disabled)


def _transport_setting(environment: Mapping[str, str], named: Mapping[str, Any]) -> str:
    """Return what has to be taken away for the transport to be another one."""
    for setting in _OPENLINEAGE:
        without = {name: value for name, value in environment.items() if not name.startswith(setting)}
        try:
            other = read_openlineage_config(without).transport
        except ConfigError:
            # It kept a broken file from being read.
            return setting
        if other != named:
            return setting
    return "openlineage.yml"


def _store_setting(environment: Mapping[str, str]) -> str:
    if "LINEAGE_STORE" in environment:
        return "LINEAGE_STORE"
    here = load_config({}, environment).store
    if here == load_config({}, {**environment, "LINEAGE_CONFIG": os.devnull}).store:
        return "default"
    return "LINEAGE_CONFIG" if environment.get("LINEAGE_CONFIG") else "lineage.toml"
