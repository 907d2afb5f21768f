"""Where a statement ends that has no semicolon behind it, as in T-SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import Token

from lineage.sql.splitting import word

# fmt: off
_STARTING = frozenset({
    "ALTER", "BEGIN", "BEGIN TRANSACTION", "BREAK", "CLOSE", "COMMIT", "CONTINUE", "CREATE", "DEALLOCATE",
    "DECLARE", "DELETE", "DENY", "DROP", "ELSE", "END", "EXEC", "EXECUTE", "FETCH", "GO", "GOTO", "GRANT",
    "IF", "INSERT", "MERGE", "OPEN", "PRINT", "RAISERROR", "RETURN", "REVOKE", "ROLLBACK", "SELECT", "SET",
    "THROW", "TRUNCATE", "UPDATE", "USE", "WAITFOR", "WHILE", "WITH",
})
# A word behind one of these goes on with the statement.
_UNFINISHED = {
    "SELECT": {"UNION", "ALL", "EXCEPT", "INTERSECT", "MINUS", "DISTINCT", "AS", "FOR", "IN", "IS", "(", "=",
               "RETURN", "QUERY", "THEN"},
    "INSERT": {"THEN", "FOR", "ON", "AFTER", "BEFORE", "OF", ",", "OR", "INSTEAD OF"},
    "UPDATE": {"THEN", "FOR", "ON", "AFTER", "BEFORE", "OF", ",", "OR", "KEY", "DO"},
    "DELETE": {"THEN", "FOR", "ON", "AFTER", "BEFORE", "OF", ",", "OR"},
    "MERGE": {"INNER", "LEFT", "RIGHT", "FULL", "OUTER", "UNION"},
    "SET": {"UPDATE", "DELETE", "DEFAULT", "CHARACTER", "THEN"},
    "IF": {"TABLE", "VIEW", "PROCEDURE", "PROC", "FUNCTION", "INDEX", "DATABASE", "SCHEMA", "TRIGGER", "COLUMN",
           "CONSTRAINT", "TYPE", "SEQUENCE", "SYNONYM", "USER", "ROLE", "LOGIN"},
    "EXECUTE": {"WITH", "ON", ","},
    "EXEC": {"WITH"},
    "FETCH": {"ROWS", "ROW", ","},
    "USE": {"OPTION", "(", ","},
    "DROP": {",", ")"},
    "ALTER": {","},
}
# fmt: on


class Boundary:
    """Tells, token by token of one statement, whether the next one begins another statement."""

    def __init__(self, head: str) -> None:
        self._head = head
        self._main = head not in ("WITH",)  # whether the verb behind a WITH clause was seen
        self._source = head != "INSERT"  # whether what an INSERT takes its rows from was seen
        self._set = head != "UPDATE"
        self._defining = head == "CREATE"

    def before(self, tokens: Sequence[Token], i: int) -> bool:
        """Whether a new statement begins at token `i`, which is outside brackets and CASE."""
        this, last = word(tokens[i]), word(tokens[i - 1])
        following = word(tokens[i + 1]) if i + 1 < len(tokens) else ""
        if this not in _STARTING or last in (".", "@", "#") or following == ".":
            if this == "VALUES":
                self._source = True
            return False
        if last in _UNFINISHED.get(this, ()) or (last == "AS" and not self._defining):
            return False
        return not self._belongs(this, last, following)

    def _belongs(self, this: str, last: str, following: str) -> bool:
        """Whether a word that could begin a statement goes on with this one."""
        if this in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE") and not self._main:
            self._main = True
            self._source, self._set = this != "INSERT", this != "UPDATE"
            return True
        if this in ("SELECT", "EXEC", "EXECUTE") and not self._source:
            self._source = True
            return True
        if this == "WITH":
            if self._defining and last == "AS":
                self._main = False
                return True
            return following == "(" or self._head in ("CREATE", "ALTER") or last == "AS"
        if this == "SELECT" and self._defining and last == "AS":
            return True
        if this == "SET":
            if not self._set:
                self._set = True
                return True
            return self._head == "ALTER" and following == "("
        if this in ("UPDATE", "IF") and following == "(" and self._head != "IF" and this == "UPDATE":
            return True
        return this in ("DROP", "ALTER") and self._head == "ALTER"
