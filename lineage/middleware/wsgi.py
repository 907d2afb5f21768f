"""WSGI: Flask, Django, Pyramid, Bottle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lineage._guard import guard
from lineage.context.carriers import Attached
from lineage.middleware.request import Rules, name_of_path

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]


class WSGIMiddleware:
    """Open the context of each request: `app.wsgi_app = WSGIMiddleware(app.wsgi_app)`, or around any app.

    As `ASGIMiddleware`, with WSGI's environ for its scope. The operation is `METHOD path`, without ids, as
    WSGI knows no routes. It holds while pieces of the answer are made, until it is closed, and not while the
    server sends them.
    """

    def __init__(
        self,
        app: App,
        *,
        actor: Callable[[Environ], object] | None = None,
        trust: bool | Callable[[Environ], bool] = False,
    ) -> None:
        self.app = app
        self._rules = Rules(actor, trust)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer as the application does."""
        around = self._open(environ)
        if around is None:
            return self.app(environ, start_response)
        later = False
        around.enter()
        try:
            answer = self.app(environ, start_response)
            later = _is_made_later(answer)
        finally:
            around.leave() if later else around.__exit__()
        return _Answer(answer, around) if later else answer

    def _open(self, environ: Environ) -> Attached | None:
        with guard("opening the context of a request"):
            path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
            path = path.encode("latin-1", "replace").decode("utf-8", "replace")
            headers = [(name[5:], str(value)) for name, value in environ.items() if name.startswith("HTTP_")]
            return self._rules.open(environ, environ["REQUEST_METHOD"], name_of_path(path or "/"), headers)
        return None


def _is_made_later(answer: object) -> bool:
    """Whether the application's code runs when the answer is iterated; lists and files are the server's."""
    return not any(hasattr(answer, name) for name in ("__len__", "read", "filelike"))


class _Answer:
    """An answer whose pieces are made in the context of its request."""

    __slots__ = ("_answer", "_around", "_pieces")

    def __init__(self, answer: Iterable[bytes], around: Attached) -> None:
        self._answer = answer
        self._around = around
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._around.enter()
        try:
            if self._pieces is None:
                self._pieces = iter(self._answer)
            return next(self._pieces)
        finally:
            self._around.leave()

    def close(self) -> None:
        """Close the application's answer, where it wants that."""
        with self._around:
            close = getattr(self._answer, "close", None)
            if close is not None:
                close()
