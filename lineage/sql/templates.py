"""The tables of a dbt model or another Jinja template, as far as they can be told without running it."""

from __future__ import annotations

import re

PLACEHOLDER = "lineage_unknown_value"
"""Stands in the text for what only running the template would tell; no table of this name is meant."""

_COMMENTS = re.compile(r"\{#.*?#\}", re.DOTALL)
# Definitions, commas between a loop's rounds and all branches but the first make no part of one reading.
_SKIPPED = re.compile(
    r"\{%-?\s*(?:macro\b.*?\{%-?\s*endmacro|set\s+\w+\s*-?%\}.*?\{%-?\s*endset"
    r"|if\s+not\s+loop\.last\b.*?\{%-?\s*endif|el(?:se|if)\b(?:(?!\{%-?\s*if\b).)*?\{%-?\s*endif)\s*-?%\}",
    re.DOTALL,
)
_TAGS = re.compile(r"\{%.*?%\}", re.DOTALL)
_EXPRESSIONS = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_CALL = re.compile(r"\s*(ref|source)\s*\(([^()]*)\)\s*")
_SILENT = re.compile(r"\s*(?:config|docs|log|print|return|do)\s*\(|.*\bloop\.", re.DOTALL)
_STRING = re.compile(r"(?<![=\w])\s*(?:'([^']*)'|\"([^\"]*)\")")


def rendered(template: str) -> str:
    """Return a template as SQL that names the same tables.

    dbt's `ref('x')` and `ref('project', 'x')` become x, `source('a', 'b')` a.b, other expressions
    `PLACEHOLDER`; of a condition the first branch is kept, of a loop one round.
    """
    text = _TAGS.sub(" ", _SKIPPED.sub(" ", _COMMENTS.sub(" ", template)))
    return _EXPRESSIONS.sub(lambda match: _value(match.group(1)), text)


def _value(expression: str) -> str:
    if call := _CALL.fullmatch(expression):
        names = [one or other for one, other in _STRING.findall(call.group(2))]
        if names:
            return ".".join(_quoted(name) for name in (names[-1:] if call.group(1) == "ref" else names))
    return "" if _SILENT.match(expression) else PLACEHOLDER


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'
