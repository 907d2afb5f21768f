"""`OutboxTransport`: any OpenLineage client gets the outbox by naming this class as its transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import attr
from openlineage.client.transport.transport import Config as TransportConfig
from openlineage.client.transport.transport import Transport

from lineage._guard import guard
from lineage.config import current_config
from lineage.destination import Destination, store_destination, transport_destination
from lineage.encoding import encode
from lineage.errors import ConfigError
from lineage.transport.delivery import EXIT_SECONDS, Delivery, delivery_to

_SOURCE = "OpenLineage configuration"


@attr.define
class OutboxConfig(TransportConfig):
    """Options of the transport.

    `target` is the configuration of any other OpenLineage transport, and where the events go in the end
    (none: the embedded store); `path` is the outbox folder; `ship` false starts no delivering thread.
    """

    target: Mapping[str, Any] | None = None
    path: str | None = None
    ship: bool | None = None

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> OutboxConfig:
        """Read the options, ignoring those of other transports; ConfigError when one cannot be used."""
        target, path = params.get("target"), params.get("path")
        if target is not None and not isinstance(target, Mapping):
            raise ConfigError(
                "transport.target", type(target).__name__, _SOURCE, "give a transport's options"
            )
        if path is not None and not (isinstance(path, str) and path):
            raise ConfigError("transport.path", path, _SOURCE, "give a folder")
        return cls(target=target or None, path=path, ship=_flag(params.get("ship")))


def _flag(value: Any) -> bool | None:
    word = str(value).strip().lower()
    if value is None or word in {"true", "1", "yes", "on"}:
        return None if value is None else True
    if word in {"false", "0", "no", "off"}:
        return False
    raise ConfigError("transport.ship", value, _SOURCE, "give true or false")


class OutboxTransport(Transport):
    """Appends events to the outbox of its target; neither the network nor a failure reaches the caller.

    Configure it as `{"type": "lineage.transport.OutboxTransport", "target": {"type": "http", "url": ...}}`.
    """

    kind = "outbox"
    config_class = OutboxConfig

    def __init__(self, config: OutboxConfig) -> None:
        """Raises ConfigError when the target cannot be used or leads back to this class."""
        settings = current_config()
        if config.path is not None:
            settings = replace(settings, outbox=Path(config.path).expanduser().absolute())
        if config.ship is not None:
            settings = replace(settings, ship=config.ship)
        self.config = config
        self._settings = settings
        self._destination = _destination(config.target, settings.store)

    def emit(self, event: Any) -> None:
        """Append an OpenLineage event. Never raises, never waits for a backend."""
        if self._settings.disabled:
            return
        with guard("queueing an event of an OpenLineage client"):
            body = encode(event)
            run = getattr(event, "run", None)
            self._delivery.put(body, getattr(run, "runId", None))

    @cached_property
    def _delivery(self) -> Delivery:
        return delivery_to(self._destination, self._settings)

    def close(self, timeout: float = -1) -> bool:
        """Wait for deliveries and return whether nothing waits; what is not delivered stays in the outbox.

        At most `timeout` seconds; negative: as at the end of a process, at most one second and none when the
        last attempt failed. True at once for the embedded store.
        """
        shipper = self._delivery.shipper
        if shipper is None or timeout < 0 or not self._settings.ship:
            return self._delivery.finish(EXIT_SECONDS)
        return shipper.flush(timeout)


def _destination(target: Mapping[str, Any] | None, store: str) -> Destination:
    if target is None:
        return store_destination(store)
    if _names_us(target):
        raise ConfigError("transport.target", "OutboxTransport", _SOURCE, "name the transport behind it")
    return transport_destination(target)


def _names_us(value: Any) -> bool:
    if isinstance(value, Mapping):
        kind = str(value.get("type", "")).rpartition(".")[2]
        return kind == OutboxTransport.__name__ or any(_names_us(inner) for inner in value.values())
    return isinstance(value, list) and any(_names_us(inner) for inner in value)
