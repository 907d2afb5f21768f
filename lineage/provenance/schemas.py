"""What the type of a column is, whichever library says it, and the version of a schema made of that."""

from __future__ import annotations

from typing import Any

from lineage.datasets import Dataset, Field
from lineage.errors import ContentError
from lineage.provenance.arrow import as_schema, pyarrow
from lineage.provenance.canonical import content_text, encode, hasher

_UTC = frozenset({"UTC", "Etc/UTC", "Z", "+00:00", "-00:00"})

_FAMILIES = {
    "string": ("string", "large_string", "string_view"),
    "binary": ("binary", "large_binary", "binary_view", "fixed_size_binary"),
    "date": ("date",),
    "time": ("time",),
    "duration": ("duration",),
    "interval": ("interval",),
    "bool": ("boolean",),
    "null": ("null",),
    **{name: (name,) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    **{name: (name,) for name in ("float16", "float32", "float64")},
}
"""Types by name, and the tests of `pyarrow.types` (some younger than our oldest) for what belongs to each."""


def schema_version(schema: Any) -> str:
    """Return `schema-sha256:HEX` of names and types in their order.

    `schema` is a pyarrow schema, a table or frame as `hash_table` takes it, or what `Dataset(schema=...)`
    takes: fields, (name, type) pairs, names, or a mapping of name to type. Types of Arrow, pandas and
    polars are compared as `hash_table` compares them; types given as text count as that text, so the two
    never agree.
    """
    digest = hasher("schema")
    arrow = as_schema(schema)
    if arrow is not None:
        digest.update(encode(("arrow", schema_types(arrow))))
    else:
        digest.update(encode(("declared", _declared(Dataset("declared", "schema", schema=schema).schema))))
    return content_text("schema", digest)


def _declared(fields: tuple[Field, ...]) -> list[tuple[Any, ...]]:
    return [(field.name, field.type, _declared(field.fields)) for field in fields]


def schema_types(schema: Any) -> list[tuple[str, Any]]:
    """Return the columns of an Arrow schema as (name, type), types as plain tuples of text and numbers.

    What differs by library or by how the data is laid out is one type: strings of every layout, dictionaries
    (categories) and their values, lists of every layout, maps and lists of their entries, times and instants
    of every unit, decimals of every precision. Whether a column may be null, and metadata, are no part of it.
    """
    return [(field.name, _field_type(field)) for field in schema]


def _field_type(field: Any) -> tuple[Any, ...]:
    said = field.metadata or {}
    name = said.get(b"ARROW:extension:name")
    if name is None:
        return _type(field.type)
    # A type that this process has not registered: its storage, and what it is in the field's metadata.
    return ("extension", name.decode(), said.get(b"ARROW:extension:metadata", b""), _type(field.type))


def _type(kind: Any) -> tuple[Any, ...]:
    types = pyarrow().types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _type(kind.value_type)
    if isinstance(kind, pyarrow().BaseExtensionType):
        return ("extension", kind.extension_name, _extension_parameters(kind), _type(kind.storage_type))
    if types.is_map(kind):
        return ("list", ("struct", ("key", _type(kind.key_type)), ("value", _type(kind.item_type))))
    if _is_list(kind):
        return ("list", _field_type(kind.value_field))
    if types.is_struct(kind):
        return ("struct", *((field.name, _field_type(field)) for field in kind))
    return _flat_type(kind)


def _flat_type(kind: Any) -> tuple[Any, ...]:
    types = pyarrow().types
    if types.is_timestamp(kind):
        return ("timestamp", "UTC" if kind.tz in _UTC else kind.tz)
    if types.is_decimal(kind):
        return ("decimal", kind.scale)
    for name, belongs in _FAMILIES.items():
        if any(getattr(types, f"is_{layout}", _none)(kind) for layout in belongs):
            return (name,)
    raise ContentError(f"columns of Arrow's type {kind} have no content hash")


def _none(_kind: Any) -> bool:
    return False


def _is_list(kind: Any) -> bool:
    types = pyarrow().types
    layouts = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    return any(getattr(types, f"is_{layout}")(kind) for layout in layouts)


def _extension_parameters(kind: Any) -> bytes:
    if hasattr(kind, "__arrow_ext_serialize__"):
        return bytes(kind.__arrow_ext_serialize__())
    # Arrow's own do not say their parameters but in their text, which of one without any is its name.
    text = str(kind)
    return b"" if text == f"extension<{kind.extension_name}>" else text.encode()
