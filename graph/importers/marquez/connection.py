"""Requests to a Marquez: marquez-python's client over a session of ours, and what it does not know.

The client keeps its token in a header dictionary of its module and knows no TLS settings, no retries and no
path for events, so its requests go through here; addresses and the encoding of names are the client's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError
from urllib3.exceptions import TimeoutError as TimedOutError
from urllib3.util import Retry

from graph.errors import ImportSourceError, InvalidSourceError
from lineage.errors import MissingDependencyError
from lineage.version import VERSION

_API = "/api/v1"
_CONNECT_SECONDS = 10.0
_RETRIES = Retry(
    total=3,
    read=1,
    backoff_factor=0.5,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=frozenset({"GET"}),
    raise_on_status=False,
)
_REFUSED = {401, 403}
_SHOWN = 200


class RefusedError(ImportSourceError):
    """An answer with an HTTP status that is none of success."""

    def __init__(self, source: str, reason: str, status: int) -> None:
        self.status = status
        super().__init__(source, reason)


class Connection:
    """Requests to the Marquez at a URL; `client` is marquez-python's client for it."""

    def __init__(self, url: str, *, token: str | None, ca_file: str | None, timeout: float) -> None:
        self.url = _address(url)
        self._verify: str | bool = ca_file or True
        self._timeout = (min(timeout, _CONNECT_SECONDS), timeout)
        # Given as auth, the token is not replaced by what a .netrc has for the host.
        self._auth = None if token is None else _Bearer(token)
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": f"lineage-graph/{VERSION}"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
        self.client = _client(self.url)
        self.client._get = self._get

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._session.close()

    def check(self) -> None:
        """Raise InvalidSourceError when what answers here is no Marquez."""
        try:
            answer = self.client.list_namespaces(limit=1)
        except RefusedError as error:
            if error.status in _REFUSED or error.status >= 500:
                raise
            raise self._no_marquez(f"HTTP {error.status}") from error
        except _NoJsonError as error:
            raise self._no_marquez(str(error)) from error
        if not isinstance(answer, dict) or not isinstance(answer.get("namespaces"), list):
            raise self._no_marquez(_shown(json.dumps(answer)))

    def _no_marquez(self, answer: str) -> InvalidSourceError:
        return InvalidSourceError(
            f"{self.url} is no Marquez: {_API}/namespaces answers {answer}; give the address of its API, such"
            " as http://localhost:5000"
        )

    def body(self, path: str, params: Mapping[str, Any]) -> bytes:
        """Return what the API answers at a path, as it came."""
        return self._answer(f"{self.url}{_API}{path}", params).content

    def _get(self, url: str, params: Mapping[str, Any] | None = None, as_json: bool = True) -> Any:
        """Stand in for the client's own request."""
        answer = self._answer(url, params)
        if not as_json:
            return answer.text
        try:
            return answer.json()
        except ValueError as error:
            raise _NoJsonError(self.url, f"what is not JSON: {_shown(answer.text)}") from error

    def _answer(self, url: str, params: Mapping[str, Any] | None) -> requests.Response:
        try:
            answer = self._session.get(
                url, params=params, auth=self._auth, timeout=self._timeout, verify=self._verify
            )
        except (requests.RequestException, OSError) as error:
            raise ImportSourceError(self.url, _reason(error, self._timeout[1])) from error
        if answer.ok:
            return answer
        if answer.status_code in _REFUSED:
            known = "the token was refused" if self._auth else "a token is needed: give --token"
            raise RefusedError(self.url, f"HTTP {answer.status_code}: {known}", answer.status_code)
        path = urlsplit(answer.url).path
        reason = f"HTTP {answer.status_code} for {path}: {_shown(answer.text)}"
        raise RefusedError(self.url, reason, answer.status_code)


class _NoJsonError(ImportSourceError):
    """An answer that is not JSON."""


class _Bearer(requests.auth.AuthBase):
    """Puts the token on a request, and on none to another host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _client(url: str) -> Any:
    try:
        from marquez_client import MarquezClient
    except ImportError as error:
        raise MissingDependencyError("marquez-python", extra="marquez") from error
    return MarquezClient(url)


def _address(url: str) -> str:
    address = url.strip().rstrip("/").removesuffix(_API).rstrip("/")
    parts = urlsplit(address)
    try:
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment:
        raise InvalidSourceError(f"{url!r} is no URL of a Marquez: give one such as http://localhost:5000")
    if parts.username or parts.password:
        raise InvalidSourceError("the URL holds credentials: give the token by --token instead")
    return address


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate cannot be verified (give --ca-file): {_shown(error)}"
    wrapped = error.args[0] if error.args else error
    cause = getattr(wrapped, "reason", None) or wrapped
    # urllib3 counts a refused connection among the timeouts.
    if isinstance(cause, TimedOutError) and not isinstance(cause, NewConnectionError):
        return f"no answer within {timeout:g} seconds: give a longer --timeout"
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return f"it cannot be asked: {_shown(error)}"
    return f"it cannot be reached, or broke off: {_shown(cause)}"


def _shown(text: object) -> str:
    whole = " ".join(str(text).split())
    return whole if len(whole) <= _SHOWN else whole[: _SHOWN - 3] + "..."
