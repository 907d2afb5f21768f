"""Tokens that are for some namespaces only: what is asked about, or done to, has to be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph.nodes import NodeType
from graph.queries.names import ANY, resolve
from graph.questions import Asked
from graph.store.access import Token


class BeyondScopeError(Exception):
    """A request that is not for the token; the message says why."""


def check_scope(token: Token | None, asked: Asked, question: str, told: Mapping[str, Any]) -> None:
    """Raise BeyondScopeError unless all that is asked about is in the namespaces of the token.

    Questions about the whole store are for tokens without such a bound. A name that is unknown, or that could
    be several, is told as to everybody.
    """
    if token is None or not token.namespaces:
        return
    if question == "search" and told.get("namespaces"):
        namespaces = set(told["namespaces"])
    elif question == "runs" and told.get("job"):
        namespaces = {resolve(asked.reader, told["job"], (NodeType.JOB,)).namespace}
    elif not told.get("contents") and (
        names := [told[key] for key in ("name", "source", "target") if told.get(key)]
    ):
        namespaces = {resolve(asked.reader, name, ANY).namespace for name in names}
    else:
        raise BeyondScopeError(
            f"the token is for {_listed(token)} only, and {question} is about all there is"
        )
    for namespace in sorted(namespaces):
        check_namespace(token, namespace)


def check_namespace(token: Token | None, namespace: str) -> None:
    """Raise BeyondScopeError unless the token is for the namespace; None is for all."""
    if token is not None and not token.allows(namespace):
        raise BeyondScopeError(f"the token is for {_listed(token)} only, not for {namespace!r}")


def _listed(token: Token) -> str:
    return ", ".join(map(repr, token.namespaces))
