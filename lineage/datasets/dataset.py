"""A dataset and its schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lineage.datasets.address import masked, without_credentials
from lineage.errors import InvalidNameError


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a part of one: `fields` are the members of a struct, a map or an array's element."""

    name: str
    type: str | None = None
    description: str | None = None
    fields: tuple[Field, ...] = ()


SchemaLike = Sequence[Field | tuple[str, str | None] | str] | Mapping[str, str | None]


@dataclass(frozen=True, slots=True, init=False)
class Dataset:
    """A dataset by its OpenLineage namespace and name.

    `schema` may be given as fields, as (name, type) pairs, as names or as a mapping of name to
    type, and is kept as a tuple of `Field`. `symlinks` are the (namespace, name) pairs the dataset
    was known by before `parse_dataset` rewrote them. A namespace loses user and password.

    Raises InvalidNameError for a namespace or name that is blank, no text or holds a NUL, and
    TypeError for a schema of another shape. Names are taken as they are: `parse_dataset` brings
    a dataset into its canonical form.
    """

    namespace: str
    name: str
    schema: tuple[Field, ...]
    symlinks: tuple[tuple[str, str], ...]

    def __init__(
        self,
        namespace: str,
        name: str,
        schema: SchemaLike = (),
        symlinks: Iterable[tuple[str, str]] = (),
    ) -> None:
        check_text(namespace, "the namespace is empty: give the data source, such as 's3://bucket'")
        check_text(name, "the name is empty: give the table, the object key or the path")
        aliases = tuple((without_credentials(space), alias) for space, alias in symlinks)
        object.__setattr__(self, "namespace", without_credentials(namespace))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "schema", _fields(schema))
        object.__setattr__(self, "symlinks", aliases)


def check_text(value: object, when_blank: str) -> None:
    """Raise InvalidNameError for what cannot be a part of a name."""
    if not isinstance(value, str):
        shown = None if value is None else type(value).__name__
        raise InvalidNameError(shown, "give a text, a path, a Dataset or a SQLAlchemy URL")
    if not value.strip():
        raise InvalidNameError(value, when_blank)
    if "\0" in value:
        raise InvalidNameError(masked(value), "it holds a NUL character: remove it")


def _fields(schema: SchemaLike) -> tuple[Field, ...]:
    if isinstance(schema, str):
        raise TypeError(f"schema {schema!r} is one text: give a list of fields, or a mapping of name to type")
    entries: Iterable[object] = schema.items() if isinstance(schema, Mapping) else schema
    return tuple(_field(entry) for entry in entries)


def _field(entry: object) -> Field:
    match entry:
        case Field():
            return entry
        case str():
            return Field(entry)
        case (str(name), str() | None as kind):
            return Field(name, kind)
    raise TypeError(f"{entry!r} is no field of a schema: give a Field, a (name, type) pair or a name")
