"""The text of what drivers are given to execute."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

_POSTCOMPILE = re.compile(r"__\[POSTCOMPILE_[^\]]*+\]")
_DEEPEST = 32


_TEXTS = (str, bytes, bytearray, memoryview)


def as_text(text: object) -> str:
    """Return text or bytes as a plain `str`; of anything else what its `str()` says."""
    if isinstance(text, str):
        return str.__str__(text)
    if isinstance(text, bytes | bytearray | memoryview):
        return bytes(text).decode("utf-8", "replace")
    return str(text)


def statement_text(query: object) -> str | None:
    """The statement in a query as drivers accept it, or None where there is none.

    Text and bytes are what they hold (UTF-8, bad bytes replaced). Objects of `psycopg.sql` and
    `psycopg2.sql`, and template strings, are put together without a connection: names quoted, their
    literals as `?`, for adapting values runs code of the program. Anything of SQLAlchemy is what its
    `str()` says; a list that SQLAlchemy writes out when it executes is one `?`. Objects that hold a text
    in `text`, `query` or `sql` give that. Nothing is raised, whatever an object's own code raises.
    """
    if isinstance(query, _TEXTS):
        return as_text(query)
    # The object's code is the program's: whatever it raises, nothing is known of the statement.
    with suppress(Exception):
        return _object_text(query, 0)
    return None


def _object_text(query: object, depth: int) -> str | None:
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(query).__mro__}
    if ("psycopg", "Composable") in kinds or ("psycopg2", "Composable") in kinds:
        return _composed(query, depth)
    if ("string", "Template") in kinds and hasattr(query, "interpolations"):
        return _template(query, depth)
    if any(module == "sqlalchemy" for module, _ in kinds):
        return _POSTCOMPILE.sub("?", str(query))
    for name in ("text", "query", "sql"):
        held = getattr(query, name, None)
        if isinstance(held, _TEXTS):
            return as_text(held)
    return None


def _composed(part: object, depth: int) -> str:
    """`psycopg.sql` objects keep their content in `_obj`, those of psycopg2 in `_wrapped`."""
    content = getattr(part, "_obj", None)
    if content is None:
        content = getattr(part, "_wrapped", None)
    kinds = {kind.__name__ for kind in type(part).__mro__}
    if "Placeholder" in kinds:
        return f"%({content})s" if content else "%s"
    if "SQL" in kinds and isinstance(content, str):
        return content
    if "Identifier" in kinds and isinstance(content, tuple):
        return _quoted(content)
    if "Composed" in kinds and isinstance(content, Iterable) and depth < _DEEPEST:
        return "".join(_composed(one, depth + 1) for one in content)
    return "?"


def _template(template: object, depth: int) -> str:
    """A template string (PEP 750) as psycopg reads it: `{x}` a value, `{x:i}` a name, `{x:q}` a statement."""
    pieces: list[str] = []
    for part in template:  # type: ignore[attr-defined]
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = part.value
        kinds = {kind.__name__ for kind in type(value).__mro__}
        if part.format_spec == "i" and isinstance(value, str):
            pieces.append(_quoted((value,)))
        elif ("Composable" in kinds or "Template" in kinds) and depth < _DEEPEST:
            pieces.append(_object_text(value, depth + 1) or "?")
        else:
            pieces.append("?")
    return "".join(pieces)


def _quoted(names: Iterable[object]) -> str:
    return ".".join('"' + str(name).replace('"', '""') + '"' for name in names)
