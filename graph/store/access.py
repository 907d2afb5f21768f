"""Who may use a server of a store, and the record of what was refused and what administrators did.

A token is `lng_ID_SECRET`. The store keeps the SHA-256 of the secret, which is 256 random bits: no slower
hash is needed for what cannot be guessed. Tokens and the record stand outside the log of events.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

_PREFIX = "lng"


class Role(StrEnum):
    """What a token is for; each may do what those before it may."""

    READER = "reader"
    """Asks."""
    WRITER = "writer"
    """Brings events, and says tags, descriptions and the like."""
    ADMIN = "admin"
    """Deletes, brings back, and reads the record."""

    def covers(self, needed: Role) -> bool:
        """Tell whether this role may do what needs the other one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret; times are nanoseconds since the epoch, `namespaces` () for all."""

    id: str
    digest: bytes
    name: str
    role: Role
    namespaces: tuple[str, ...]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def is_valid(self, now: int) -> bool:
        """Tell whether it was neither revoked nor has expired by a time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def allows(self, namespace: str) -> bool:
        """Tell whether it is for this namespace."""
        return not self.namespaces or namespace in self.namespaces


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One call that was refused, or that only an administrator may make.

    `token` is the id of the token that was sent, `who` its name or the user of the command, `client` the
    address that the call came from; each "" where it is not known.
    """

    at: int
    token: str
    who: str
    client: str
    method: str
    path: str
    status: int
    reason: str


class Access(Protocol):
    """Tokens and the record in a store. Methods raise StoreError where it cannot be read or written."""

    def tokens(self) -> list[Token]:
        """Return all tokens, also those that are valid no longer, in the order in which they were made."""

    def add(self, token: Token) -> None:
        """Keep a token."""

    def revoke(self, ids: Collection[str], at: int) -> int:
        """Have tokens be valid no longer, and return how many of them were until now."""

    def record(self, records: Sequence[AuditRecord]) -> None:
        """Add to the record."""

    def recorded(self, *, before: int | None = None, limit: int = 100) -> list[tuple[int, AuditRecord]]:
        """Return (number, record), the latest first, starting behind the number `before`."""


def new_token(
    name: str, role: Role, namespaces: Sequence[str] = (), *, expires_at: int | None = None
) -> tuple[Token, str]:
    """Return a token, and the text that its holder sends; that is known here and now only."""
    id_, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = Token(id_, _digest(secret), name, role, tuple(namespaces), time.time_ns(), expires_at)
    return token, f"{_PREFIX}_{id_}_{secret}"


def id_in(text: str) -> str | None:
    """Return the id in the text of a token; None when it is none of ours."""
    prefix, _, rest = text.partition("_")
    id_, _, secret = rest.partition("_")
    return id_ if prefix == _PREFIX and id_ and secret else None


def is_of(text: str, token: Token) -> bool:
    """Tell in constant time whether the text is that of the token."""
    _, _, secret = text.removeprefix(f"{_PREFIX}_").partition("_")
    return hmac.compare_digest(_digest(secret), token.digest)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
