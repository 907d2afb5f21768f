"""The tables of a dbt model or another Jinja template, as far as they can be told without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator

PLACEHOLDER = "lineage_unknown_value"
"""Stands in the text for what only running the template would tell; no table of this name is meant."""

_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_OPENING = re.compile(r"\{[{%#]")
_DEFINITIONS = frozenset({"macro", "materialization", "test"})
_BLOCKS = frozenset({"call", "filter", "for", "raw", "snapshot"})
_CALL = re.compile(r"\s*(ref|source)\s*\(([^()]*)\)\s*")
_SILENT = re.compile(r"\s*(?:config|docs|log|print|return|do)\s*\(|.*\bloop\.", re.DOTALL)
_ARGUMENT = re.compile(r"(=\s*)?(?:'([^']*)'|\"([^\"]*)\")")


def rendered(template: str) -> str:
    """Return a template as SQL that names the same tables. Linear in its length.

    dbt's `ref('x')` and `ref('project', 'x')` become x, `source('a', 'b')` a.b, other expressions
    `PLACEHOLDER`; of a condition the first branch is kept, of a loop one round without its commas.
    """
    texts: list[str] = []
    kept = [True]  # by open block, whether what it holds is read
    for opening, content in _parts(template):
        if opening == "{%":
            _enter_or_leave(content, kept)
            texts.append(" ")
        elif kept[-1]:
            texts.append(_value(content) if opening == "{{" else content)
    return "".join(texts)


def _parts(template: str) -> Iterator[tuple[str, str]]:
    """Yield what stands between the marks and what stands in them, without comments."""
    at = 0
    while opening := _OPENING.search(template, at):
        end = template.find(_CLOSING[opening.group()], opening.end())
        if end < 0:
            break
        yield "", template[at : opening.start()]
        if opening.group() != "{#":
            yield opening.group(), template[opening.end() : end].strip("-").strip()
        at = end + 2
    yield "", template[at:]


def _enter_or_leave(tag: str, kept: list[bool]) -> None:
    word = (re.match(r"\w+", tag) or [""])[0]
    if word == "if":
        kept.append(kept[-1] and "loop." not in tag)
    elif word in _DEFINITIONS or (word == "set" and "=" not in tag):
        kept.append(False)
    elif word in _BLOCKS:
        kept.append(kept[-1])
    elif word in ("elif", "else"):
        kept[-1] = False
    elif word.startswith("end") and len(kept) > 1:
        kept.pop()


def _value(expression: str) -> str:
    if call := _CALL.fullmatch(expression):
        arguments = [one or other for keyword, one, other in _ARGUMENT.findall(call.group(2)) if not keyword]
        names = [name for name in arguments if name]
        if names:
            return ".".join(_quoted(name) for name in (names[-1:] if call.group(1) == "ref" else names))
    return "" if _SILENT.match(expression) else PLACEHOLDER


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'
