"""The schema of a dataset as DataHub has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graph.exports.datahub import models
from graph.exports.datahub.names import DatasetName

_TYPES = {
    "BooleanTypeClass": "bool boolean bit",
    "NumberTypeClass": "int integer tinyint smallint mediumint bigint hugeint int2 int4 int8 int16 int32"
    " int64 uint8 uint16 uint32 uint64 serial bigserial long short byte number numeric decimal bignumeric dec"
    " float float4 float8 float16 float32 float64 double real money",
    "StringTypeClass": "string str text varchar char character nvarchar nchar bpchar clob uuid json jsonb"
    " variant xml utf8 large_utf8 enum citext",
    "BytesTypeClass": "bytes binary varbinary blob bytea",
    "DateTypeClass": "date date32 date64",
    "TimeTypeClass": "time timetz timestamp timestamptz timestamp_ntz timestamp_ltz timestamp_tz datetime"
    " datetime2 smalldatetime interval",
    "ArrayTypeClass": "array list repeated",
    "MapTypeClass": "map object",
    "RecordTypeClass": "struct record row tuple",
}
_TYPE_OF = {word: name for name, words in _TYPES.items() for word in words.split()}
_FIRST = re.compile(r"\w+")


def schema_metadata(name: DatasetName, facet: Mapping[str, Any]) -> Any:
    """Return the aspect that says what a schema facet says; None for a facet without fields."""
    fields = list(_fields(name, facet.get("fields"), ""))
    if not fields:
        return None
    classes = models.classes
    return classes.SchemaMetadataClass(
        schemaName=name.name,
        platform=models.make_data_platform_urn(name.platform),
        version=0,
        hash="",
        platformSchema=classes.OtherSchemaClass(rawSchema=""),
        fields=fields,
    )


def _fields(name: DatasetName, told: Any, above: str) -> Iterator[Any]:
    """Yield the fields, nested ones as `address.city` behind the one they are in."""
    for each in told if isinstance(told, list | tuple) else ():
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            continue
        path = f"{above}{name.field_path(each['name'])}"
        type_ = each.get("type") if isinstance(each.get("type"), str) else None
        description = each.get("description")
        yield models.classes.SchemaFieldClass(
            fieldPath=path,
            type=models.classes.SchemaFieldDataTypeClass(type=type_class(type_, bool(each.get("fields")))()),
            nativeDataType=type_ or "unknown",
            nullable=True,
            description=description if isinstance(description, str) else None,
        )
        yield from _fields(name, each.get("fields"), f"{path}.")


def type_class(type_: str | None, nested: bool = False) -> Any:
    """Return DataHub's class for a type as databases and files write it: `VARCHAR(20)`, `int64`."""
    text = (type_ or "").strip().lower()
    found = _FIRST.search(text)
    word = found[0] if found is not None else ""
    name = "ArrayTypeClass" if text.endswith("[]") else _TYPE_OF.get(word)
    return getattr(models.classes, name or ("RecordTypeClass" if nested else "NullTypeClass"))
