from __future__ import annotations

import pytest

from graph.errors import InvalidQueryError
from graph.queries.schema_shapes import read_schema

PLAIN = {"id": "int", "name": "text"}


@pytest.mark.parametrize(
    "value",
    [
        [{"name": "id", "type": "int"}, {"name": "name", "type": "text", "description": "of a person"}],
        PLAIN,
        {"fields": [{"name": "id", "type": "int"}, {"name": "name", "type": "text"}]},
        {
            "type": "record",
            "name": "Person",
            "fields": [{"name": "id", "type": "int"}, {"name": "name", "type": ["null", "text"]}],
        },
    ],
    ids=["list", "object", "facet", "avro"],
)
def test_a_schema_is_read_in_each_shape(value: object) -> None:
    """DD-21: as people and tools write schemas down."""
    assert list(read_schema(value).items()) == list(PLAIN.items())


def test_nested_fields_are_named_by_the_way_to_them() -> None:
    facet = {"fields": [{"name": "address", "type": "struct", "fields": [{"name": "city", "type": "text"}]}]}
    avro = {
        "fields": [
            {"name": "address", "type": {"type": "record", "fields": [{"name": "city", "type": "string"}]}}
        ]
    }

    assert read_schema(facet) == {"address": "struct", "address.city": "text"}
    assert read_schema(avro) == {"address": None, "address.city": "string"}


def test_types_of_avro_are_told_by_what_they_stand_for() -> None:
    types = {
        "amount": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
        "whole": {"type": "bytes", "logicalType": "decimal", "precision": 10},
        "day": {"type": "int", "logicalType": "date"},
        "tags": {"type": "array", "items": "string"},
        "either": ["int", "string"],
        "maybe": [{"type": "int", "logicalType": "date"}, "null"],
    }

    assert read_schema([{"name": name, "type": type_} for name, type_ in types.items()]) == {
        "amount": "decimal(10,2)",
        "whole": "decimal(10,0)",
        "day": "date",
        "tags": "array",
        "either": None,
        "maybe": "date",
    }


def test_a_json_schema_gives_names_and_no_types() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}

    assert read_schema(schema) == {"id": None, "name": None}


def test_columns_may_be_called_like_the_words_of_a_shape() -> None:
    assert read_schema({"fields": "json", "properties": "json"}) == {"fields": "json", "properties": "json"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "that is no schema"),
        (None, "that is no schema"),
        ({"id": 3}, "that is no schema"),
        ([], "no field"),
        ({}, "no field"),
        ({"fields": []}, "no field"),
        (["id"], 'has no name: "id"'),
        ([{"type": "int"}], 'has no name: {"type": "int"}'),
        ([{"name": "id"}, {"name": "id"}], "two fields called id"),
    ],
)
def test_what_is_no_schema_is_said_to_be_none(value: object, said: str) -> None:
    with pytest.raises(InvalidQueryError, match=said.replace("{", r"\{")):
        read_schema(value)
