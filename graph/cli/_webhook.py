"""An answer posted to where somebody is told of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import typer

from lineage.errors import DeliveryError
from lineage.version import VERSION

SECONDS = 15.0
"""How long a webhook has, all in all."""

_STEP_SECONDS = 10


def check_webhook(url: str | None) -> None:
    """Raise BadParameter where a webhook is no URL that can be posted to; what it says is not repeated."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or parts.scheme not in ("http", "https") or not parts.hostname:
        raise typer.BadParameter("give a URL that begins with https:// or http://", param_hint="--webhook")


def post(url: str, answer: Mapping[str, Any]) -> None:
    """Post an answer as JSON; DeliveryError where it was not taken within 15 seconds.

    Of the URL only scheme and host are ever told: whoever knows the rest of it can post there, too.
    """
    failed: list[str] = []
    # A server that answers a byte at a time is bounded by no timeout of a socket.
    thread = threading.Thread(target=_post, args=(url, answer, failed), daemon=True)
    thread.start()
    thread.join(SECONDS)
    reason = f"did not answer in {SECONDS:g} s" if thread.is_alive() else "".join(failed)
    if reason:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        raise DeliveryError(f"the webhook at {place} {reason}", retriable=True)


def _post(url: str, answer: Mapping[str, Any], failed: list[str]) -> None:
    import requests

    try:
        with requests.post(
            url,
            json=answer,
            headers={"User-Agent": f"lineage-graph/{VERSION}"},
            timeout=_STEP_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as taken:
            if not 200 <= taken.status_code < 300:
                failed.append(f"answered {taken.status_code}")
    except (requests.RequestException, OSError, ValueError) as error:
        failed.append(f"cannot be reached ({type(error).__name__})")
