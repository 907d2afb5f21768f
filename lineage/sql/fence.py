"""What is refused before parsing, because the parser would fail on it slowly, deeply or wrongly."""

from __future__ import annotations

import re
from dataclasses import dataclass

TOO_DEEP = "nested too deep"
"""The words by which a problem says that more stack would have helped."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a text is read: characters and tokens in all, joined tables and nesting by statement.

    `laterals` are LATERAL subqueries in each other, `bare_joins` JOINs in a row without ON or USING.
    """

    characters: int
    tokens: int
    joins: int
    depth: int
    laterals: int
    bare_joins: int
    advice: str


CHEAP = Limits(
    characters=100_000,
    tokens=4_000,
    joins=60,
    depth=150,
    laterals=8,
    bare_joins=8,
    advice="extract(..., apart=True) reads it in a process of its own",
)
"""What is read in any program, where a text must cost it no more than about 0.1 s.

Reading costs about 25 us a token (columns, conditions, joined tables, CTEs alike), so 4,000 cost 0.1 s, and a
string or comment 0.2 us a character. An unqualified column among joined tables costs for each of them.

At Python's own recursion limit the parser gives up between 40 levels (function calls) and 90 (subqueries)
with an error that is caught. The depth is for programs that have raised the limit, where a compiled parser
would exhaust the C stack instead and take the process with it. Where a text is broken inside LATERAL
subqueries in each other, the parser tries each of them twice: 8 cost 0.1 s, 14 some 4 s. So does it with
JOINs that have no condition, broken or not: 8 cost 0.1 s, 16 half a minute.
"""

WIDE = Limits(
    characters=1_000_000,
    tokens=1_000_000,
    joins=1_000_000,
    depth=10_000,
    laterals=10_000,
    bare_joins=10_000,
    advice="give it in smaller parts",
)
"""What is read in a process that may be ended, with a stack for this depth."""

_TOKENS = re.compile(
    r"""
    --[^\n]* | /\*.*?(?:\*/|\Z)                # comments
    | (?P<template> \{\{ | \{% | \{\# )        # Jinja
    | '(?:[^'\\]|\\.)*+'?                      # strings; '' reads as two of them
    | \w+ | [^\w\s]
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = frozenset({"(", "[", "{", "case"})
_CLOSING = frozenset({")", "]", "}", "end"})
# What ends a FROM clause, whose commas join tables.
_AFTER_FROM = frozenset(
    {"where", "group", "having", "order", "qualify", "window", "limit", "select", "union"}
)

TEMPLATE = "the text is a Jinja template: give the compiled SQL (dbt writes it to target/compiled)"

_limits = CHEAP


def widen() -> None:
    """Let everything through that a process with a deep stack may read; for processes of our own alone."""
    global _limits
    _limits = WIDE


def is_template(sql: str) -> bool:
    """Return whether a text has Jinja outside its strings and comments."""
    return any(match.lastgroup for match in _TOKENS.finditer(sql))


def refusal(sql: str, limits: Limits | None = None) -> str | None:
    """Return why a text is not given to the parser and what to do, or None. Linear in the text's length."""
    limits = limits or _limits
    if len(sql) > limits.characters:
        return f"the text has {len(sql)} characters, {limits.characters} are read here: {limits.advice}"
    nesting, tables = _Nesting(limits), _Tables()
    for count, match in enumerate(_TOKENS.finditer(sql), 1):
        if match.lastgroup:
            return TEMPLATE
        if count > limits.tokens:
            return f"the text has more than the {limits.tokens} words and signs read here: {limits.advice}"
        token = match.group().lower()
        if (what := nesting.too_deep(token)) is not None:
            return f"it is {TOO_DEEP}: {what} deep: {limits.advice}"
        if tables.joined(token, nesting.depth) > limits.joins:
            return f"a statement joins more than the {limits.joins} tables read here: {limits.advice}"
        if tables.bare > limits.bare_joins:
            return f"more than {limits.bare_joins} JOINs in a row have no condition: {limits.advice}"
    return None


class _Nesting:
    """Follows how deep brackets, CASE and LATERAL subqueries stand in each other."""

    def __init__(self, limits: Limits) -> None:
        self.depth = 0
        self._limits = limits
        self._before = ""
        self._laterals: list[int] = []

    def too_deep(self, token: str) -> str | None:
        """Take the next token and return what is deeper than the limits, or None."""
        if token in _OPENING:
            self.depth += 1
            if self._before == "lateral":
                self._laterals.append(self.depth)
        elif token in _CLOSING:
            if self._laterals and self._laterals[-1] == self.depth:
                self._laterals.pop()
            self.depth = max(0, self.depth - 1)
        self._before = token
        if self.depth > self._limits.depth:
            return f"brackets and CASE more than {self._limits.depth}"
        if len(self._laterals) > self._limits.laterals:
            return f"LATERAL more than {self._limits.laterals}"
        return None


class _Tables:
    """Counts the tables that a statement joins, by JOIN or by the commas of its FROM clauses.

    `bare` is how many of the JOINs read last wait for a condition.
    """

    def __init__(self) -> None:
        self.bare = 0
        self._count = 0
        self._waiting: dict[int, int] = {}
        self._before = ""
        self._listing: set[int] = set()

    def joined(self, token: str, depth: int) -> int:
        """Take the next token and return the count so far."""
        self._wait(token, depth)
        if token == ";":
            self._count = 0
        elif token == "join" or (token == "," and depth in self._listing):
            self._count += 1
        elif token == "from":
            self._listing.add(depth)
        elif token in _AFTER_FROM or token in _CLOSING:
            self._listing.discard(depth if token in _AFTER_FROM else depth + 1)
        return self._count

    def _wait(self, token: str, depth: int) -> None:
        """Count the JOINs at each depth that no ON or USING has followed yet."""
        waiting = self._waiting
        if token == "join" and self._before != "cross":
            waiting[depth] = waiting.get(depth, 0) + 1
        elif token in ("on", "using") and waiting.get(depth):
            waiting[depth] -= 1
        elif token == ";":
            waiting.clear()
        elif waiting and (token in _AFTER_FROM or token in _CLOSING):
            waiting.pop(depth if token in _AFTER_FROM else depth + 1, None)
        self.bare = waiting.get(depth, 0)
        self._before = token
