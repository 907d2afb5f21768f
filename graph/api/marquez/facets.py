"""What facets say of a dataset or job, read from their texts: what is not as specified says nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

Texts = Mapping[str, bytes]
"""Facets by name, as JSON texts."""


class _Said(msgspec.Struct, gc=False):
    """Texts that a facet holds; None is one that it does not hold."""


class Documentation(_Said):
    """See the facet of this name; so with the others."""

    description: str | None = None


class DataSource(_Said):
    """The source of a dataset."""

    name: str | None = None


class Lifecycle(_Said, rename={"change": "lifecycleStateChange"}):
    """What happened to a dataset."""

    change: str | None = None


class DatasetType(_Said, rename={"type": "datasetType"}):
    """What kind of thing a dataset is."""

    type: str | None = None


class CodeLocation(_Said):
    """Where the code of a job is."""

    url: str | None = None


class JobType(_Said, rename={"processing": "processingType", "type": "jobType"}):
    """How a job works and what it is part of."""

    processing: str | None = None
    integration: str | None = None
    type: str | None = None


class Column(_Said):
    """One field of a schema."""

    name: str
    type: str | None = None
    description: str | None = None


class _Schema(msgspec.Struct, gc=False):
    fields: list[Column] | None = None


class Tag(_Said):
    """A tag of a dataset, a job or a field."""

    key: str
    field: str | None = None


class _Tags(msgspec.Struct, gc=False):
    tags: list[Tag] | None = None


_S = TypeVar("_S", bound=_Said)
_SCHEMA = msgspec.json.Decoder(_Schema)
_TAGS = msgspec.json.Decoder(_Tags)


@cache
def _decoder(kind: type[_Said]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def said(texts: Texts, name: str, kind: type[_S]) -> _S:
    """Return what the facet of this name says, nothing where there is none."""
    text = texts.get(name)
    if text is None:
        return kind()
    try:
        found: _S = _decoder(kind).decode(text)
    except msgspec.ValidationError:
        return _usable(msgspec.json.decode(text), kind)
    return found


def columns(texts: Texts) -> list[Column]:
    """Return the fields of a dataset's schema in its order."""
    text = texts.get("schema")
    if text is None:
        return []
    try:
        return [one for one in _SCHEMA.decode(text).fields or () if one.name]
    except msgspec.ValidationError:
        return list(_listed(msgspec.json.decode(text), "fields", Column, "name"))


def tags(texts: Texts) -> list[Tag]:
    """Return the tags that a facet gives."""
    text = texts.get("tags")
    if text is None:
        return []
    try:
        return [one for one in _TAGS.decode(text).tags or () if one.key]
    except msgspec.ValidationError:
        return list(_listed(msgspec.json.decode(text), "tags", Tag, "key"))


def _listed(facet: Any, key: str, kind: type[_S], needed: str) -> Iterable[_S]:
    entries = facet.get(key) if isinstance(facet, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get(needed), str) and entry[needed]:
            yield _usable(entry, kind)


def _usable(facet: Any, kind: type[_S]) -> _S:
    """Return what is a text where there should be one."""
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    found = facet if isinstance(facet, dict) else {}
    return kind(**{name: found[key] for name, key in names if isinstance(found.get(key), str)})
