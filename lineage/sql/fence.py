"""What is refused before parsing, because the parser would fail on it slowly, deeply or wrongly."""

from __future__ import annotations

import re

MAX_CHARACTERS = 1_000_000
"""Longer texts are refused: one of this length, an IN list of numbers, took the parser 10 s."""

MAX_DEPTH = 150
"""Deeper nesting of brackets and CASE is refused.

At Python's own recursion limit the parser gives up between 40 levels (function calls) and 90 (subqueries)
with an error that is caught. This bound is for programs that have raised the limit, where a compiled parser
would exhaust the C stack instead and take the process with it.
"""

_TOKENS = re.compile(
    r"""
    --[^\n]* | /\*.*?(?:\*/|\Z)                # comments
    | '(?:[^'\\]|\\.)*'?                       # strings; '' reads as two of them
    | \{\{ | \{%                               # Jinja
    | [(\[{] | [)\]}] | \bcase\b | \bend\b
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_OPENING = ("(", "[", "{", "case")
_CLOSING = (")", "]", "}", "end")


def refusal(sql: str) -> str | None:
    """Return why a text is not given to the parser, or None."""
    if len(sql) > MAX_CHARACTERS:
        return f"the text has {len(sql)} characters, more than the {MAX_CHARACTERS} that are read"
    depth = 0
    for match in _TOKENS.finditer(sql):
        token = match.group().lower()
        if token in ("{{", "{%"):
            return "the text is a Jinja template: give the compiled SQL (dbt writes it to target/compiled)"
        if token in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                return f"brackets are nested more than {MAX_DEPTH} deep"
        elif token in _CLOSING:
            depth = max(0, depth - 1)
    return None
