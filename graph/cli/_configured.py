"""Where new events go from here, and which setting says so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lineage.config import current_config, load_config
from lineage.destination import Destination
from lineage.openlineage_config import read_openlineage_config

_OPENLINEAGE = ("OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT", "OPENLINEAGE_URL")
_STORE = ("LINEAGE_STORE", "LINEAGE_CONFIG")


@dataclass(frozen=True, slots=True)
class Configured:
    """The destination of new events; `setting` is a variable, a file, or `default`."""

    destination: Destination
    setting: str
    disabled: bool


def configured() -> Configured:
    """Return where events of this environment and working directory go."""
    config = current_config()
    setting = (
        _openlineage_setting(os.environ) if not _is_plain_store(os.environ) else _store_setting(os.environ)
    )
    return Configured(config.destination, setting, config.disabled)


def _is_plain_store(environment: Mapping[str, str]) -> bool:
    return read_openlineage_config(environment).transport is None


def _openlineage_setting(environment: Mapping[str, str]) -> str:
    """Return what has to be taken away for the transport to be another one."""
    named = read_openlineage_config(environment).transport
    for setting in _OPENLINEAGE:
        if read_openlineage_config(_without(environment, setting)).transport != named:
            return setting
    return "openlineage.yml"


def _store_setting(environment: Mapping[str, str]) -> str:
    if "LINEAGE_STORE" in environment:
        return "LINEAGE_STORE"
    here = load_config({}, environment).store
    if here == load_config({}, {**environment, "LINEAGE_CONFIG": os.devnull}).store:
        return "default"
    return "LINEAGE_CONFIG" if environment.get("LINEAGE_CONFIG") else "lineage.toml"


def _without(environment: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name: value for name, value in environment.items() if not name.startswith(prefix)}
