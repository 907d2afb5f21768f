"""What named changes of a dataset affect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graph import queries
from graph.errors import InvalidQueryError
from graph.questions.asked import Asked

if TYPE_CHECKING:
    from graph.queries import ChangeImpact
    from graph.queries.schema_changes import Change


def changes(
    asked: Asked,
    name: Sequence[str],
    drop: Sequence[str] = (),
    rename: Sequence[str] = (),
    retype: Sequence[str] = (),
    schema: Any = None,
    critical: Sequence[str] = (),
    depth: int | None = None,
) -> ChangeImpact:
    """Return what changes of a dataset affect, each and together.

    Fields are dropped by name, renamed by `A=B`, and given other types by `FIELD=T`; `schema` is a whole new
    schema as JSON (`graph.queries.schema_shapes`). `critical` are names of what must not be hit.
    """
    from graph.queries.schema_shapes import read_schema

    named = named_changes(drop, rename, retype)
    new = None if schema is None else read_schema(schema)
    found = queries.impact_of_changes(asked.reader, name, named, schema=new, critical=critical, depth=depth)
    return replace(found, answer=asked.said(found.answer))


def named_changes(drop: Sequence[str], rename: Sequence[str], retype: Sequence[str]) -> list[Change]:
    """Return the changes that texts name one by one. Raises InvalidQueryError where one is not `A=B`."""
    return [
        *(queries.Drop(name) for name in drop),
        *(queries.Rename(*pair(text, "A=B")) for text in rename),
        *(queries.Retype(*pair(text, "FIELD=T")) for text in retype),
    ]


def pair(text: str, form: str) -> tuple[str, str]:
    """Return what stands before and behind the first `=`; InvalidQueryError where one of both is empty."""
    left, _, right = text.partition("=")
    if not left.strip() or not right.strip():
        raise InvalidQueryError(f"{text!r} is not {form}")
    return left.strip(), right.strip()
