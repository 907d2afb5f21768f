"""Where events are delivered: the embedded store, or what an OpenLineage transport names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineage.errors import ConfigError

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


def store_location(store: str | os.PathLike[str]) -> str:
    """Return a store's location in its one spelling: an absolute path, or a URL as it is."""
    text = os.fspath(store)
    if "://" in text and not text.startswith("sqlite://"):
        if is_server(text):
            return text.rstrip("/")
        return f"postgresql://{text[11:]}" if text.startswith("postgres://") else text
    return str(Path(text.removeprefix("sqlite://")).expanduser().absolute())


def is_server(location: str) -> bool:
    """Tell whether a store's location is the URL of a server (`lineage serve`) rather than of a store."""
    return location.startswith(("http://", "https://"))


def server_destination(url: str, *, token: str | None, ca: str | None) -> Destination:
    """Return the destination of events whose store is behind a server."""
    options: dict[str, Any] = {"type": "http", "url": url}
    if token is not None:
        options["auth"] = {"type": "api_key", "apiKey": token}
    if ca is not None:
        options["verify"] = ca
    return transport_destination(options)


def store_destination(store: str | os.PathLike[str]) -> Destination:
    """Return the destination of events that the store at this path or URL drains; it has no password."""
    location = store_location(store)
    if "://" in location:
        from lineage.redaction import redact_url

        location = redact_url(location).replace(":***@", "@", 1)
    return Destination("store", location)


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


def configured_destination(transport: Mapping[str, Any]) -> Destination | None:
    """Return the destination of OpenLineage's configured transport; None for the embedded store.

    Our own transport, which people name so that other OpenLineage clients use the outbox, is looked through.
    """
    if str(transport.get("type")).rpartition(".")[2] == "OutboxTransport":
        target = transport.get("target")
        return transport_destination(target) if isinstance(target, Mapping) else None
    return transport_destination(transport)
