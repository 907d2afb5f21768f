"""Delivery to OpenLineage's HTTP API, in batches where the backend takes them.

Options are those of openlineage-python's `http` transport and are read by its own HttpConfig, so that
authentication, headers, TLS and compression mean what they mean there. Retries are ours: they are the
outbox's. Redirects are not followed, because a redirected POST arrives as a GET without its event.
"""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from lineage._guard import guard
from lineage.errors import DeliveryError
from lineage.outbox import Waiting
from lineage.shipping.secrets import without_secrets
from lineage.shipping.verdicts import DELIVERED, Fate, Verdict, retry_after

if TYPE_CHECKING:
    import requests

_ANSWER_BYTES = 1 << 20
_RETRIED = {401, 403, 407, 408, 425, 429}
"""Statuses below 500 that say nothing against the event: credentials can be put right, load goes down."""
_NO_ANSWER = 599
_NO_BATCHES = {404, 405, 501}


class HttpSender:
    """Posts events to `url` + `endpoint`, and batches to the same with `/batch`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Raises DeliveryError (not retriable) when the options cannot be used."""
        import requests
        from openlineage.client.transport.http import HttpConfig

        self.options = options
        self.batches = True
        fault: BaseException | None = None
        with guard("reading the options of an http transport"):
            try:
                self.config = HttpConfig.from_dict(_typed(options))
            except Exception as raised:
                fault = raised
                raise
        if fault is not None:
            raise DeliveryError(self._clean(f"the http transport cannot be used: {fault}"), retriable=False)
        self.url = urljoin(self.config.url.strip(), self.config.endpoint)
        self.batch_url = _with_batch(self.url)
        self.session = requests.Session()
        self.verify: bool | str = self.config.verify
        tls = getattr(self.config, "ssl_context", None)
        if tls is not None:
            self.verify = tls.ca_cert_path or self.verify
            self.session.cert = tls.as_requests_cert()

    def post(self, event: Waiting) -> Verdict:
        """Deliver one event; DeliveryError when the backend cannot be reached."""
        status, text, wait = self._send(self.url, event.body)
        return DELIVERED if 200 <= status < 300 else self._failure(status, text, wait)

    def post_batch(self, events: Sequence[Waiting]) -> list[Verdict] | None:
        """Deliver events in one request; None when the backend does not take this batch as a batch."""
        body = b"[" + b",".join(event.body for event in events) + b"]"
        status, text, wait = self._send(self.batch_url, body)
        if 200 <= status < 300:
            return self._of_answer(text, len(events))
        if status in _NO_BATCHES:
            self.batches = False
            return None
        failure = self._failure(status, text, wait)
        return None if failure.fate is Fate.REFUSED else [failure] * len(events)

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def _failure(self, status: int, text: str, wait: float | None) -> Verdict:
        said = _shown(self.url) if status == _NO_ANSWER else f"{status} from {_shown(self.url)}"
        reason = self._clean(f"{said}: {text[:1000]}".rstrip(": "))
        if status in _RETRIED or not 400 <= status < 500:
            # A firewall forbids what an event looks like; everything else here is about the backend.
            return Verdict(Fate.RETRY, reason, wait, ailing=status != 403)
        return Verdict(Fate.REFUSED, reason)

    def _of_answer(self, text: str, number: int) -> list[Verdict]:
        """Read what a backend says of a batch: everything was taken, but for what `failed_events` names."""
        verdicts = [DELIVERED] * number
        try:
            answer = json.loads(text or "{}")
        except ValueError:
            return verdicts
        if not isinstance(answer, dict) or not isinstance(answer.get("failed_events"), list):
            return verdicts
        for failed in answer["failed_events"]:
            index = failed.get("index") if isinstance(failed, dict) else None
            if isinstance(index, int) and 0 <= index < number:
                fate = Fate.RETRY if failed.get("retriable") is True else Fate.REFUSED
                verdicts[index] = Verdict(fate, self._clean(str(failed.get("reason") or "no reason given")))
        return verdicts

    def _send(self, url: str, body: bytes) -> tuple[int, str, float | None]:
        """Return (status, text, seconds of Retry-After); _NO_ANSWER is the status of one that never came."""
        import requests

        try:
            headers = {"Content-Type": "application/json", **self._authorization()}
            headers.update(self.config.custom_headers)
            if self.config.compression is not None:
                headers["Content-Encoding"] = self.config.compression.value
                body = gzip.compress(body, compresslevel=3)
            with self.session.post(
                url,
                data=body,
                headers=headers,
                timeout=self.config.timeout,
                verify=self.verify,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return answer.status_code, _text(answer), retry_after(answer.headers.get("Retry-After"))
        except requests.ReadTimeout:
            return _NO_ANSWER, f"no answer within {self.config.timeout:g} s", None
        except requests.RequestException as fault:
            reason = f"{_shown(url)} cannot be reached: {_cause(fault)}"
            raise DeliveryError(self._clean(reason), retriable=True) from None

    def _authorization(self) -> dict[str, str]:
        """Ask the configured token provider, which may be the user's own class and raise anything."""
        bearer, fault = None, None
        with guard("getting the credentials of a backend"):
            try:
                bearer = self.config.auth.get_bearer()
            except Exception as raised:
                fault = raised
                raise
        if fault is not None:
            raise DeliveryError(self._clean(f"no credentials could be had: {fault}"), retriable=True)
        return {"Authorization": bearer} if bearer else {}

    def _clean(self, text: str) -> str:
        return without_secrets(text, self.options)


def _typed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose flags and numbers are not words, as values from the environment are."""
    typed = copy.deepcopy(dict(options))
    if isinstance(typed.get("timeout"), str):
        typed["timeout"] = float(typed["timeout"])
    if isinstance(typed.get("verify"), str) and typed["verify"].lower() in {"true", "false"}:
        typed["verify"] = typed["verify"].lower() == "true"
    return typed


def _with_batch(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/batch").geturl()


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _text(answer: requests.Response) -> str:
    content = b""
    for piece in answer.iter_content(1 << 16):
        content += piece
        if len(content) > _ANSWER_BYTES:
            break
    return content.decode("utf-8", "replace")


def _cause(fault: BaseException) -> str:
    """Return the operating system's word for a failed connection, else the kind of the fault."""
    seen: BaseException | None = fault
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.__context__
    return type(fault).__name__
