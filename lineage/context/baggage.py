"""An attribution as members of W3C baggage, beside the members of others.

Ours are `lineage.operation`, `lineage.actor`, ... and `lineage.attribute.NAME`, percent-encoded. A number or
a truth value says so in a property (`;type=int`), as baggage itself knows text only.
https://www.w3.org/TR/baggage/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, unquote

from lineage.context.scopes import MAX_CHARACTERS, Attribution, Scalar, scalars

LIMIT_CHARACTERS = 8_192
LIMIT_MEMBERS = 64
"""What W3C asks every party to carry; what is longer may be cut on the way, so it is not sent."""

_PREFIX = "lineage."
_ATTRIBUTE = "lineage.attribute."
_WHO = ("operation", "actor", "request_id", "job_id", "session_id", "agent")

_MEMBER = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*([!#-+\--:<-\[\]-~]*)[ \t]*((?:;[\x20-\x7e\t]*)?)"
)
_IN_KEYS = "!#$&'*+^`|"
_IN_VALUES = "!#$&'()*+/:<=>?@[]^`{|}"


def write_baggage(attribution: Attribution | None, others: Iterable[str]) -> str:
    """Return the header: the members of others first, then ours, as many as the limits allow."""
    members: list[str] = []
    left = LIMIT_CHARACTERS
    for member in (*others, *_members(attribution)):
        if len(members) < LIMIT_MEMBERS and len(member) + 1 <= left:
            members.append(member)
            left -= len(member) + 1
    return ",".join(members)


def read_baggage(header: str) -> tuple[Attribution | None, tuple[str, ...]]:
    """Return the attribution in the header, if there is one, and the members of others as they came."""
    who: dict[str, str] = {}
    attributes: dict[str, Scalar] = {}
    others: list[str] = []
    for match in _matches(header):
        key, value = match[1], unquote(match[2], errors="replace")[:MAX_CHARACTERS]
        if key.startswith(_ATTRIBUTE):
            scalar = _scalar(value, match[3])
            if scalar is not None:
                attributes[unquote(key.removeprefix(_ATTRIBUTE), errors="replace")] = scalar
        elif key.startswith(_PREFIX):
            who[key.removeprefix(_PREFIX)] = value
        else:
            others.append(match[0].rstrip())
    attribution = Attribution(
        **{name: who.get(name) or None for name in _WHO},
        attributes=scalars(attributes),
    )
    return (attribution if attribution != Attribution() else None), tuple(others)


def _matches(header: str) -> Iterable[re.Match[str]]:
    """Return the well-formed members of the header, as many as its limits allow."""
    left = LIMIT_CHARACTERS
    for count, text in enumerate(header.split(",", LIMIT_MEMBERS)):
        left -= len(text) + 1
        if left < -1 or count == LIMIT_MEMBERS:
            return
        match = _MEMBER.fullmatch(text.strip(" \t"))
        if match is not None:
            yield match


def _members(attribution: Attribution | None) -> Iterable[str]:
    if attribution is None:
        return
    for name in _WHO:
        value = getattr(attribution, name)
        if value is not None:
            yield f"{_PREFIX}{name}={_encoded(value)}"
    for name, plain in attribution.attributes:
        text, kind = _plain(plain)
        yield f"{_ATTRIBUTE}{quote(name, safe=_IN_KEYS, errors='replace')}={_encoded(text)}{kind}"


def _plain(value: Scalar) -> tuple[str, str]:
    """Return a value as text, and the property that says its type; members of an IntEnum are integers."""
    if isinstance(value, str):
        return value, ""
    kind = bool if isinstance(value, bool) else int if isinstance(value, int) else float
    return repr(kind(value)), f";type={kind.__name__}"


def _encoded(value: str) -> str:
    return quote(value, safe=_IN_VALUES, errors="replace")


_KINDS: dict[str, Callable[[str], Scalar]] = {"int": int, "float": float, "bool": lambda text: text == "True"}


def _scalar(value: str, properties: str) -> Scalar | None:
    """Return an attribute's value; None where it is not what it says it is."""
    kind = re.search(r";[ \t]*type[ \t]*=[ \t]*(int|float|bool)\b", properties)
    if kind is None:
        return value
    try:
        return _KINDS[kind[1]](value)
    except ValueError:
        return None
