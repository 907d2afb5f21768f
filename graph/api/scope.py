"""Questions of tokens that are for some namespaces only: what is asked about has to be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph.nodes import NodeType
from graph.queries.names import ANY, resolve
from graph.questions import Asked
from graph.store.access import Token


class BeyondScopeError(Exception):
    """A question that is not for the token; the message says why."""


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
    elif names := [told[key] for key in ("name", "source", "target") if key in told]:
        namespaces = {resolve(asked.reader, name, ANY).namespace for name in names}
    else:
        raise BeyondScopeError(
            f"the token is for {_listed(token)} only, and {question} is about all there is"
        )
    beyond = sorted(namespace for namespace in namespaces if not token.allows(namespace))
    if beyond:
        raise BeyondScopeError(f"the token is for {_listed(token)} only, not for {beyond[0]!r}")


def _listed(token: Token) -> str:
    return ", ".join(map(repr, token.namespaces))
