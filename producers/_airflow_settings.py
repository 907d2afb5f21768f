"""Where Airflow's events go: ours go the same way.

The one line of configuration is that of Airflow's OpenLineage provider, read as the provider reads it. Where
it does not name our transport, nothing of ours does anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from lineage._guard import guard, logger
from lineage.config import configure, current_config
from lineage.errors import LineageError
from lineage.openlineage_config import read_openlineage_config


@cache
def is_on() -> bool:
    """Whether the provider sends its events by our transport; then ours go where they go. Asked once."""
    with guard("reading Airflow's OpenLineage configuration"):
        try:
            return _follow()
        except LineageError as fault:
            logger.warning("Airflow's tasks are not watched: %s", fault)
    return False


def _follow() -> bool:
    try:
        from airflow.providers.openlineage import conf
    except ImportError:  # the plugin came with this package, and nobody asked for it
        return False
    ours = None if conf.is_disabled() else our_transport(_configured(conf))
    if ours is None:
        return False
    settings: dict[str, Any] = {"destination": ours, "outbox": ours.get("path"), "ship": ours.get("ship")}
    # Airflow's own script is nobody's application, wherever it lies.
    settings["callsite_skip"] = (*current_config().callsite_skip, os.path.abspath(sys.argv[0]))
    if "LINEAGE_NAMESPACE" not in os.environ:
        settings["namespace"] = conf.namespace()
    configure(**settings)
    return not current_config().disabled


def _configured(conf: Any) -> Mapping[str, Any] | None:
    if path := conf.config_path():
        return read_openlineage_config({"OPENLINEAGE_CONFIG": path}).transport
    return conf.transport() or read_openlineage_config(os.environ).transport


def our_transport(transport: Any) -> Mapping[str, Any] | None:
    """Return the configuration of our transport in another one's, which may be composed of several."""
    if not isinstance(transport, Mapping):
        return None
    if str(transport.get("type")).rpartition(".")[2] == "OutboxTransport":
        return transport
    parts = transport.get("transports")
    inner = parts.values() if isinstance(parts, Mapping) else parts if isinstance(parts, list) else ()
    return next((found for one in inner if (found := our_transport(one)) is not None), None)
