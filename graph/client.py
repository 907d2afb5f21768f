"""A server of a store, asked over HTTP: answers come whole, and the log as lines.

server = Server("https://lineage.example.com", token=...)
answer = server.ask("upstream", None, {"name": ["gold.daily_revenue"]})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from graph.errors import InvalidQueryError, StoreError
from graph.questions.wire import MEDIA_TYPE, UnreadableRecordsError, loads
from lineage.redaction import redact_text, redact_url
from lineage.version import VERSION

_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 300
_CHUNK = 1 << 16


class Server:
    """Where a server is, and how it is asked; `ca` is a file of certificates that may vouch for it."""

    def __init__(self, url: str, *, token: str | None = None, ca: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"lineage-graph/{VERSION}"
        # A netrc file would put its own credentials in the place of the token.
        self._session.auth = _Bearer(token)
        if ca is not None:
            self._session.verify = ca
        self._ca = ca

    def ask(self, question: str, as_of: str | None, parameters: Mapping[str, Any]) -> Any:
        """Return the record that answers a question of `graph.questions`, as of a time where one is given.

        Raises InvalidQueryError with the server's words where it cannot be asked so or a name is not known,
        StoreError where the server cannot be reached, does not let us ask, or cannot answer now.
        """
        told = {_camel(name): value for name, value in parameters.items()}
        if as_of is not None:
            told["asOf"] = as_of
        with self._asked("POST", f"/api/v2/{question}", json=told, headers={"Accept": MEDIA_TYPE}) as answer:
            try:
                return loads(answer.content)
            except UnreadableRecordsError as error:
                raise StoreError(
                    redact_url(self.url), f"is no lineage-graph server of release {VERSION} ({error})"
                ) from error

    def events(self) -> Iterator[bytes]:
        """Yield the log as JSON Lines, in chunks; see `ask` for errors."""
        with self._asked("GET", "/api/v2/events") as answer, self._told_errors():
            yield from answer.iter_content(_CHUNK)

    @contextmanager
    def _asked(self, method: str, path: str, **options: Any) -> Iterator[requests.Response]:
        # An environment's REQUESTS_CA_BUNDLE would otherwise come before ours.
        options["verify"] = self._ca if self._ca is not None else None
        with self._told_errors():
            answer = self._session.request(
                method,
                self.url + path,
                stream=True,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                allow_redirects=False,
                **options,
            )
        with answer:
            self._check(answer)
            yield answer

    def _check(self, answer: requests.Response) -> None:
        if answer.status_code == 200:
            return
        with self._told_errors():
            content = answer.content
        message = _message(answer, content)
        if answer.status_code in {400, 404, 422} and message is not None:
            raise InvalidQueryError(message)
        reason = f"answered {answer.status_code}" + ("" if message is None else f": {redact_text(message)}")
        if answer.status_code == 401:
            reason += " (LINEAGE_TOKEN)"
        raise StoreError(redact_url(self.url), reason)

    @contextmanager
    def _told_errors(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, OSError, ValueError) as error:
            if isinstance(error, StoreError | InvalidQueryError):
                raise
            reason = f"cannot be reached: {redact_text(str(error))}"
            raise StoreError(redact_url(self.url), reason) from error


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _message(answer: requests.Response, content: bytes) -> str | None:
    """Return what a lineage-graph server says of an error; None of something else's answer."""
    import json

    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return None
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(told, dict) and told.get("code") == answer.status_code
    return str(told.get("message")) if is_ours else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
