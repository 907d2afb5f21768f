"""Where a statement ends that has no semicolon behind it, as in T-SQL."""

from __future__ import annotations

from collections.abc import Sequence

_STARTING = frozenset({
    "ALTER", "BEGIN", "BEGIN TRANSACTION", "BREAK", "BULK", "CLOSE", "COMMIT", "CONTINUE", "CREATE",
    "DEALLOCATE", "DECLARE", "DELETE", "DENY", "DROP", "ELSE", "END", "EXEC", "EXECUTE", "FETCH", "GO",
    "GOTO", "GRANT", "IF", "INSERT", "MERGE", "OPEN", "PRINT", "RAISERROR", "RETURN", "REVOKE", "ROLLBACK",
    "SELECT", "SET", "THROW", "TRUNCATE", "UPDATE", "USE", "WAITFOR", "WHILE", "WITH",
})  # fmt: skip
_CHANGES = frozenset({"THEN", "FOR", "AFTER", "BEFORE", "OF", ",", "OR", "INSTEAD OF", "KEY", "DO", "BULK"})
# A word behind one of these goes on with the statement.
_UNFINISHED = {
    "SELECT": frozenset({
        "UNION", "ALL", "EXCEPT", "INTERSECT", "MINUS", "DISTINCT", "AS", "FOR", "IN", "IS", "(", "=",
        "QUERY", "THEN",
    }),
    "INSERT": _CHANGES,
    "UPDATE": _CHANGES,
    "DELETE": _CHANGES,
    "MERGE": frozenset({"INNER", "LEFT", "RIGHT", "FULL", "OUTER", "UNION"}),
    "SET": frozenset({"UPDATE", "DELETE", "DEFAULT", "CHARACTER", "THEN"}),
    "IF": frozenset({
        "TABLE", "VIEW", "PROCEDURE", "PROC", "FUNCTION", "INDEX", "DATABASE", "SCHEMA", "TRIGGER", "COLUMN",
        "CONSTRAINT", "TYPE", "SEQUENCE", "SYNONYM", "USER", "ROLE", "LOGIN",
    }),
    "EXECUTE": frozenset({"WITH", "ON", ","}),
    "EXEC": frozenset({"WITH"}),
    "FETCH": frozenset({"ROWS", "ROW", ","}),
    "USE": frozenset({"OPTION", "(", ","}),
    "DROP": frozenset({",", ")"}),
    "ALTER": frozenset({","}),
}  # fmt: skip
_OPTIONS = frozenset({"(", "TIES", "CHECK", "NOCHECK", "NOWAIT", "LOG", "SETERROR"})  # behind WITH
_VERBS = frozenset({"DELETE", "INSERT", "MERGE", "SELECT", "UPDATE"})


class Boundary:
    """Tells, word by word of one statement, whether the next one begins another statement."""

    def __init__(self, head: str) -> None:
        self._head = head
        self._begin(head)

    def _begin(self, verb: str) -> None:
        """Note what a statement with this verb still needs."""
        self._needs_verb = verb == "WITH"
        self._needs_rows = verb == "INSERT"
        self._needs_set = verb == "UPDATE"

    def before(self, words: Sequence[str], at: int) -> bool:
        """Whether a new statement begins at this word, which is outside brackets and CASE."""
        this, last = words[at].partition(" ")[0], words[at - 1]
        following = words[at + 1] if at + 1 < len(words) else ""
        if this == "VALUES":
            self._needs_rows = False
        if this not in _STARTING or last in (".", "@", "#") or following == ".":
            return False
        if last in _UNFINISHED.get(this, ()) or (last == "ON" and self._head in ("CREATE", "ALTER")):
            return False
        return not self._belongs(this, last, following)

    def _belongs(self, this: str, last: str, following: str) -> bool:
        """Whether a word that could begin a statement goes on with this one."""
        if this in _VERBS and self._needs_verb:
            self._begin(this)
            return True
        if this in ("SELECT", "EXEC", "EXECUTE") and self._needs_rows:
            self._needs_rows = False
            return True
        if this == "WITH":
            if self._head == "CREATE" and last == "AS":
                self._needs_verb = True
            return (
                following in ("(", "TIES", "CHECK")
                or last == "AS"
                or self._head in ("CREATE", "ALTER", "BULK")
            )
        if this == "SET":
            needed, self._needs_set = self._needs_set, False
            return needed or (self._head == "ALTER" and following == "(")
        if this == "UPDATE":
            return following == "("
        return last == "AS" or (this in ("DROP", "ALTER") and self._head == "ALTER")
