"""What a request needs: a role, and its namespace. One table for all routes, closed by default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from graph.actions import ACTIONS
from graph.questions import QUESTIONS
from graph.store.access import Role


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs.

    `role` is None where anybody may ask. `namespace` is the one that the request is about; None: it is not
    about one, and a token for some namespaces only does not do. `in_handler`: the route itself checks the
    namespaces, as they stand in the body or in an answer.
    """

    role: Role | None
    namespace: str | None = None
    in_handler: bool = False


@lru_cache(maxsize=4096)
def need_of(method: str, path: str) -> Need:
    """Return what a request to a path, as it was sent, needs."""
    parts = [unquote(part) for part in path.split("/")[1:]]
    match parts:
        case ["ping" | "healthcheck"]:
            return Need(None)
        case ["api", "v1", "lineage"] | ["api", "v1", "lineage", "batch"] if method == "POST":
            return Need(Role.WRITER, in_handler=True)
        case ["api", "v1", "namespaces", namespace, *rest]:
            return Need(_of_entity(method, rest), namespace)
        case ["api", "v2", "audit"]:
            return Need(Role.ADMIN)
        case ["api", "v2", "openapi.json"]:
            return Need(Role.READER, in_handler=True)
        case ["api", "v2", "sign"]:
            return Need(Role.ADMIN)
        case ["api", "v2", "tail"] if method == "GET":
            return Need(Role.READER, in_handler=True)
        case ["api", "v2", question] if question in QUESTIONS and method in {"GET", "POST"}:
            return Need(Role.READER, in_handler=True)
        case ["api", "v2", action] if action in ACTIONS:
            return Need(Role.WRITER if action == "annotate" else Role.ADMIN, in_handler=True)
    return Need(_by_method(method))


def _of_entity(method: str, rest: Sequence[str]) -> Role:
    """Return the role for something in a namespace; to delete it, or the whole namespace, is an admin's."""
    match rest:
        case [] | ["datasets" | "jobs", _] if method == "DELETE":
            return Role.ADMIN
    return _by_method(method)


def _by_method(method: str) -> Role:
    return Role.READER if method in {"GET", "HEAD", "OPTIONS"} else Role.WRITER
