"""A server of a store, over HTTP: it is asked, has things done, takes events in, and gives the log as lines.

server = Server("https://lineage.example.com", token=...)
answer = server.ask("upstream", None, {"name": ["gold.daily_revenue"]})
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import requests

from graph.errors import InvalidQueryError, StoreError
from graph.questions.wire import MEDIA_TYPE, UnreadableRecordsError, loads
from graph.store.changes import Outcome, Status
from lineage.redaction import redact_text, redact_url
from lineage.version import VERSION

_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 300
_CHUNK = 1 << 16
_PIECE = 8 << 20
"""How many bytes of events go in one request, unless one event alone is larger."""


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

        Actions of `graph.actions` are asked for in the same way.

        Raises InvalidQueryError with the server's words where it cannot be asked so or a name is not known,
        StoreError where the server cannot be reached, does not let us ask, or cannot answer now.
        """
        told = {_camel(name): value for name, value in parameters.items()}
        if as_of is not None:
            told["asOf"] = as_of
        with self._asked("POST", f"/api/v2/{question}", json=told, headers={"Accept": MEDIA_TYPE}) as answer:
            return self._record(answer)

    def keep(self, bodies: Sequence[bytes]) -> list[Outcome]:
        """Have the server take events in, and return what became of each, in order.

        What it refuses to look at, as too large or not for the token, is rejected too; such are no dead
        letters. Raises StoreError as `ask` does; events that went before are kept, and may be sent again.
        """
        outcomes: list[Outcome] = []
        for piece in _pieces(bodies):
            outcomes += self._keep(piece)
        return outcomes

    def _keep(self, piece: Sequence[bytes]) -> list[Outcome]:
        if len(piece) == 1 and not _is_json(piece[0]):
            return [self._keep_alone(piece[0])]
        body = b"[" + b",".join(piece) + b"]"
        headers = {"Accept": MEDIA_TYPE, "Content-Type": "application/json"}
        path = "/api/v1/lineage/batch"
        with self._asked("POST", path, borne=(413,), data=body, headers=headers) as answer:
            if answer.status_code == 200:
                return list(self._record(answer))
            if len(piece) == 1:
                return [Outcome(Status.REJECTED, (_message(answer, answer.content) or "is too large",))]
        half = len(piece) // 2
        return [*self._keep(piece[:half]), *self._keep(piece[half:])]

    def _keep_alone(self, body: bytes) -> Outcome:
        """Have something taken in that cannot be part of a list: the server says what is wrong with it."""
        path, headers = "/api/v1/lineage", {"Content-Type": "application/json"}
        with self._asked("POST", path, borne=(201, 400, 413, 422), data=body, headers=headers) as answer:
            if answer.status_code == 201:
                return Outcome(Status.ACCEPTED)
            return Outcome(Status.REJECTED, (_message(answer, answer.content) or "is no event",))

    def _record(self, answer: requests.Response) -> Any:
        with self._told_errors():
            content = answer.content
        try:
            return loads(content)
        except UnreadableRecordsError as error:
            raise StoreError(
                redact_url(self.url), f"is no lineage-graph server of release {VERSION} ({error})"
            ) from error

    def events(self) -> Iterator[bytes]:
        """Yield the log as JSON Lines, in chunks; see `ask` for errors."""
        with self._asked("GET", "/api/v2/events") as answer, self._told_errors():
            yield from answer.iter_content(_CHUNK)

    def tail(self, after: int | None, parameters: Mapping[str, Any]) -> Iterator[tuple[int, bytes]]:
        """Yield (number, event) as events come in, behind a number of the log; None: from now on.

        A number comes with an empty event where the server says how far it has looked. It ends when the
        server ends it. See `ask` for errors.
        """
        headers = {"Accept": "text/event-stream"}
        told = dict(parameters) if after is None else {**parameters, "after": after}
        with self._asked("GET", "/api/v2/tail", params=told, headers=headers) as answer:
            data = b""
            for line in self._lines(answer):
                if line.startswith(b"data: "):
                    data = line.removeprefix(b"data: ")
                elif line.startswith(b"id: "):
                    yield int(line.removeprefix(b"id: ")), data
                    data = b""

    def _lines(self, answer: requests.Response) -> Iterator[bytes]:
        """Yield the lines of an answer as they come."""
        waiting = b""
        with self._told_errors():
            for chunk in answer.iter_content(None):
                *lines, waiting = (waiting + chunk).split(b"\n")
                yield from lines

    @contextmanager
    def _asked(
        self, method: str, path: str, *, borne: Collection[int] = (), **options: Any
    ) -> Iterator[requests.Response]:
        """Give the answer to a request: 200, or one of the statuses that are borne."""
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
            if answer.status_code not in borne:
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
        reason = f"answered {answer.status_code}" + ("" if message is None else f": {message}")
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


def _pieces(bodies: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield events in order, as many at once as one request should hold; what is no JSON comes alone."""
    piece: list[bytes] = []
    size = 0
    for body in bodies:
        is_json = _is_json(body)
        if piece and (not is_json or size + len(body) > _PIECE):
            yield piece
            piece, size = [], 0
        if is_json:
            piece.append(body)
            size += len(body)
        else:
            yield [body]
    if piece:
        yield piece


def _is_json(body: bytes) -> bool:
    """Tell whether bytes are one JSON value, and so can be part of a list."""
    try:
        return len(_LIST.decode(b"[" + body + b"]")) == 1
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


_LIST = msgspec.json.Decoder(list[msgspec.Raw])


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
