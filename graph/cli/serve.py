"""`lineage serve`."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from contextlib import closing
from dataclasses import asdict
from enum import StrEnum
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph.cli._options import Store
from graph.cli._output import print_note
from graph.cli._store import own_location
from graph.errors import StoreError
from graph.store import open_store
from lineage.config import current_config
from lineage.errors import MissingDependencyError
from lineage.redaction import redact_url

if TYPE_CHECKING:
    from graph.api import ServerSettings

_APP = "graph.api.worker:app"
_BACKLOG = 2048
_GRACE_SECONDS = 30

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="0: one that is free.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, metavar="N", help="How many processes answer; on PostgreSQL only.")
]
Readers = Annotated[
    int, typer.Option("--readers", min=1, metavar="N", help="How many questions each answers at once.")
]
BodyLimit = Annotated[
    int, typer.Option("--body-limit", min=1, metavar="MIB", help="How large a body may be, decompressed.")
]
PageLimit = Annotated[
    int, typer.Option("--page-limit", min=1, metavar="N", help="How many items a page may have at most.")
]
Cors = Annotated[
    list[str] | None,
    typer.Option(
        "--cors",
        metavar="ORIGIN",
        help="Pages of this origin may ask from a browser, such as https://app.example.com, or '*'.",
    ),
]
CheckpointEvery = Annotated[
    int,
    typer.Option(
        "--checkpoint-every",
        min=1,
        metavar="MINUTES",
        help="How often a checkpoint of the log is signed, where LINEAGE_SIGNING_KEY names a key.",
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option("--certificate", metavar="FILE", help="Serve HTTPS with this certificate (PEM)."),
]
Key = Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The certificate's private key.")]


class AccessMode(StrEnum):
    """What `--access` takes."""

    TOKENS = "tokens"
    NONE = "none"


AccessOption = Annotated[
    AccessMode | None,
    typer.Option(
        "--access",
        help="tokens: every request needs one. none: everybody who reaches the server may do everything."
        "  [default: tokens, but none on this machine alone while there are no tokens]",
    ),
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 5000,
    access: AccessOption = None,
    workers: Workers = 1,
    readers: Readers = 4,
    body_limit: BodyLimit = 32,
    page_limit: PageLimit = 1000,
    cors: Cors = None,
    checkpoint_every: CheckpointEvery = 60,
    certificate: Certificate = None,
    key: Key = None,
    store: Store = None,
) -> None:
    """Answer Marquez's REST API and our own over HTTP, and take events in, until stopped."""
    for package in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingDependencyError(package, extra="server")
    location = _checked(own_location(store), workers)
    from graph.api import ServerSettings

    local = _is_local(host)
    settings = ServerSettings(
        location,
        access=_access(access, location, local=local),
        local=local,
        readers=readers,
        body_limit=body_limit * 1024 * 1024,
        page_limit=page_limit,
        signing_key=_signing_key(),
        checkpoint_seconds=checkpoint_every * 60.0,
        cors=tuple(cors or ()),
    )
    with closing(_listening(host, port)) as listening:
        at = f"{'http' if certificate is None else 'https'}://{_bracketed(host)}:{listening.getsockname()[1]}"
        print_note(f"Serving {redact_url(location)} at {at} until stopped.")
        _run(settings, listening, workers, {"ssl_certfile": certificate, "ssl_keyfile": key})


def _signing_key() -> str | None:
    """Return the file of the key to sign with; one that cannot be used is told here."""
    path = current_config().signing_key
    if path is None:
        return None
    from lineage.provenance.signing import read_key

    read_key(path)
    return str(path)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _checked(location: str, workers: int) -> str:
    """Return where the store is; what is wrong with it is told here, not by a server that does not start."""
    if location == ":memory:":
        raise StoreError(location, "a server needs a store that several connections share: give a file")
    if workers > 1 and "://" not in location:
        raise typer.BadParameter(
            "several processes write one store only in PostgreSQL: leave it out, or give --store postgresql://...",
            param_hint="--workers",
        )
    with closing(open_store(location)):
        return location


def _is_local(host: str) -> bool:
    """Tell whether an address is this machine's own."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ip_address(address).is_loopback for address in found)


def _access(wanted: AccessMode | None, location: str, *, local: bool) -> bool | None:
    """Return whether tokens are needed, None once there are some; refuse to serve others without."""
    if wanted is AccessMode.NONE:
        if not local:
            print_note("Everybody who reaches this server may read, write and delete.")
        return False
    with closing(open_store(location)) as store:
        has_tokens = any(token.is_valid(time.time_ns()) for token in store.access.tokens())
    if not has_tokens and (wanted is AccessMode.TOKENS or not local):
        raise typer.BadParameter(
            "there are no valid tokens: make some by `lineage token create NAME --role ROLE`,"
            " or say --access none for a server that is open to everybody who reaches it",
            param_hint="--access",
        )
    return True if has_tokens else None


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise typer.BadParameter(
            f"cannot listen at {host} port {port}: {reason}", param_hint="--host, --port"
        ) from error


def _run(settings: ServerSettings, listening: socket.socket, workers: int, options: dict[str, Any]) -> None:
    import uvicorn

    from graph.api.logs import CONFIG
    from graph.api.metrics import SEVERAL
    from graph.api.worker import VARIABLE

    options |= {"factory": True, "access_log": False, "server_header": False, "log_config": CONFIG}
    options |= {"timeout_graceful_shutdown": _GRACE_SECONDS, "backlog": _BACKLOG}
    os.environ[VARIABLE] = json.dumps(asdict(settings))
    if workers == 1:
        uvicorn.Server(uvicorn.Config(_APP, **options)).run(sockets=[listening])
        return
    host, port, *_ = listening.getsockname()
    listening.close()  # the processes share one that uvicorn makes
    with tempfile.TemporaryDirectory(prefix="lineage-metrics-") as folder:
        os.environ[SEVERAL] = folder
        uvicorn.run(_APP, host=host, port=port, workers=workers, **options)
