"""Tokens and the record in a database that runs SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from typing import Any

from graph.store.access import AuditRecord, Role, Token
from graph.store.database import Database

_TOKEN = "id, digest, name, role, namespaces, created_at, expires_at, revoked_at"
_RECORD = "at, token, who, client, method, path, status, reason"


class SqlAccess:
    """See `Access`. It belongs to the store's connection and thread."""

    def __init__(
        self,
        db: Database,
        errors: Callable[[], AbstractContextManager[None]],
        transaction: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._db = db
        self._errors = errors
        self._transaction = transaction

    def tokens(self) -> list[Token]:
        """See Access."""
        with self._errors():
            rows = self._db.execute(f"SELECT {_TOKEN} FROM token ORDER BY created_at, id")
            return [_token(row) for row in rows]

    def add(self, token: Token) -> None:
        """See Access."""
        id_, digest, name, role, namespaces, *times = astuple(token)
        with self._transaction():
            self._db.execute(
                f"INSERT INTO token ({_TOKEN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (id_, digest, name, str(role), json.dumps(namespaces), *times),
            )

    def revoke(self, ids: Collection[str], at: int) -> int:
        """See Access."""
        with self._transaction():
            return self._db.executemany(
                "UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                [(at, id_) for id_ in ids],
            )

    def record(self, records: Sequence[AuditRecord]) -> None:
        """See Access."""
        with self._transaction():
            self._db.executemany(
                f"INSERT INTO audit ({_RECORD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(astuple, records)
            )

    def recorded(self, *, before: int | None = None, limit: int = 100) -> list[tuple[int, AuditRecord]]:
        """See Access."""
        with self._errors():
            rows = self._db.execute(
                f"SELECT seq, {_RECORD} FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                (2**63 - 1 if before is None else before, limit),
            )
            return [(seq, AuditRecord(*fields)) for seq, *fields in rows]


def _token(row: Sequence[Any]) -> Token:
    id_, digest, name, role, namespaces, *times = row
    return Token(id_, bytes(digest), name, Role(role), tuple(json.loads(namespaces)), *times)
