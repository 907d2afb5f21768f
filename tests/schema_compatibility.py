"""What a changed JSON schema breaks: for those who read old events, and for old readers of new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FIXED = ("pattern", "const", "format", "multipleOf", "uniqueItems", "dependentRequired")
_READ = {
    *("$schema", "$id", "$defs", "$ref", "allOf", "type", "properties", "required", "items", "enum"),
    *(
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "description",
        "examples",
        "title",
        "default",
    ),
    *_LEAST,
    *_MOST,
    *_FIXED,
}
_SAID = {key: f"{key} was" for key in (*_LEAST, *_MOST, *_FIXED)} | {
    "$ref": "it was",
    "enum": "what it may be was",
}
Schema = Mapping[str, Any]


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return a sentence for each way in which an event of one version is none of the other.

    Allowed are new optional properties and definitions, and other descriptions. All else is a new facet or a
    new file: events of every version stay valid, and a reader of an older version finds what it knows.
    """
    found = [f"{name} is gone" for name in _names(old, "$defs") - _names(new, "$defs")]
    for name in sorted(_names(old, "$defs") & _names(new, "$defs")):
        found += _breaks(name, old["$defs"][name], new["$defs"][name])
    return found + list(_breaks("", {**old, "$defs": {}}, {**new, "$defs": {}}))


def _breaks(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for schema in (old, new):
        for key in schema.keys() - _READ:
            yield f"{where}: nobody here can judge {key}"
    if _types(old) != _types(new):
        yield f"{where}: the type was {sorted(_types(old))} and is {sorted(_types(new))}"
    for key, said in _SAID.items():
        if old.get(key) != new.get(key):
            yield f"{where}: {said} {old.get(key)} and is {new.get(key)}"
    required = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"{where}.{name}: is required now" for name in sorted(required[1] - required[0]))
    yield from (f"{where}.{name}: is not required any more" for name in sorted(required[0] - required[1]))
    yield from _breaks_of_properties(where, old, new)
    for key in ("items", "propertyNames"):
        yield from _breaks_of_part(f"{where}.{key}", old.get(key), new.get(key))
    parts = old.get("allOf", ()), new.get("allOf", ())
    if len(parts[0]) != len(parts[1]):
        yield f"{where}: allOf had {len(parts[0])} parts and has {len(parts[1])}"
    for part in zip(*parts, strict=False):
        yield from _breaks(where, *part)


def _breaks_of_properties(where: str, old: Schema, new: Schema) -> Iterator[str]:
    yield from (
        f"{where}.{name}: is gone" for name in sorted(_names(old, "properties") - _names(new, "properties"))
    )
    for name in sorted(_names(old, "properties") & _names(new, "properties")):
        yield from _breaks(f"{where}.{name}", old["properties"][name], new["properties"][name])
    closing = ("additionalProperties", "unevaluatedProperties")
    for key in closing:
        yield from _breaks_of_part(f"{where}.{key}", old.get(key, True), new.get(key, True))
    if any(old.get(key) is False for key in closing):
        yield from (
            f"{where}.{name}: older readers refuse it"
            for name in sorted(_names(new, "properties") - _names(old, "properties"))
        )


def _breaks_of_part(where: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _breaks(where, old, new)
    elif old != new:
        yield f"{where}: was {old} and is {new}"


def _types(schema: Schema) -> set[str]:
    types = schema.get("type", "any")
    return {types} if isinstance(types, str) else set(types)


def _names(schema: Schema, key: str) -> set[str]:
    return set(schema.get(key, {}))
