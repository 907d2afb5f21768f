"""How the schema that is to come differs from the one that the store knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graph.errors import InvalidQueryError
from graph.nodes import Node
from graph.queries.schema_changes import Add, Change, Drop, Rename, Retype
from graph.queries.type_widening import same_type
from graph.store.base import LineageReader
from graph.store.field_names import named_fields

Schema = Mapping[str, str | None]
"""By the name of a field (a nested one is `outer.inner`): its type, None where that is not told."""


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """What leads from the known schema to the new one, and what was compared.

    `known` and `new` count the fields of the two schemas. `untyped` are fields in both whose type one of them
    does not tell. `only_in_lineage` are fields that lineage names and the known schema lacks: whether they
    come or go is not known.
    """

    changes: tuple[Change, ...]
    known: int
    new: int
    untyped: tuple[str, ...] = ()
    only_in_lineage: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what was compared, as it stands in the query of the envelope."""
        return {
            "knownFields": self.known,
            "newFields": self.new,
            "typesNotCompared": list(self.untyped),
            "onlyInLineage": list(self.only_in_lineage),
        }


def compare_schemas(
    reader: LineageReader, dataset: Node, new: Schema, renames: Iterable[Rename] = ()
) -> SchemaComparison:
    """Compare the schema that a dataset is to have with the one its current schema facet tells.

    Raises:
        InvalidQueryError: the store knows no schema of the dataset, or the renames do not lead from one to
        the other.
    """
    known = known_schema(reader, dataset)
    if not known:
        raise InvalidQueryError(
            f"no schema of {dataset.label} is known to compare with (no event had a schema facet of it):"
            " name what changes instead"
        )
    renames = list(renames)
    renamed = {each.field: each.to for each in renames}
    unlisted = [each.field or "" for each in reader.fields(dataset) if each.field not in known]
    return SchemaComparison(
        changes=tuple(
            change
            for change in schema_difference(known, new, renames)
            if not (isinstance(change, Add) and change.field in unlisted)
        ),
        known=len(known),
        new=len(new),
        untyped=tuple(
            name
            for name, type_ in known.items()
            if (now := _new_name(name, renamed)) in new and (type_ is None or new[now] is None)
        ),
        only_in_lineage=tuple(unlisted),
    )


def known_schema(reader: LineageReader, dataset: Node) -> Schema:
    """Return the schema that the dataset's current schema facet tells; empty where there is none."""
    return schema_of(reader.facets([dataset.key], "schema").get(dataset.key, {}))


def schema_of(facet: Mapping[str, Any]) -> Schema:
    """Return the schema that a schema facet tells."""
    return {name: _type(entry.get("type")) for name, entry in named_fields(facet.get("fields"))}


def _type(said: object) -> str | None:
    return said if isinstance(said, str) and said.strip() else None


def schema_difference(before: Schema, after: Schema, renames: Iterable[Rename] = ()) -> list[Change]:
    """Return what leads from one schema to the other, in the order of the schemas.

    A rename is never guessed: a field with another name is one dropped and one added, unless `renames` says
    that they are the same. Types are compared where both schemas tell them. What is nested in a field that
    was dropped or added is not listed beside it.

    Raises:
        InvalidQueryError: a rename whose new name the later schema does not have, or whose old name it still
        has.
    """
    renamed = {each.field: each.to for each in renames}
    for old, new in renamed.items():
        if new not in after:
            raise InvalidQueryError(f"{old} is renamed to {new}, which the new schema does not have")
        if old in after and old not in renamed.values():
            raise InvalidQueryError(f"{old} is renamed to {new}, and the new schema still has {old}")
    found: list[Change] = []
    met = set()
    for name, old_type in before.items():
        now = _new_name(name, renamed)
        if now not in after or (now == name and name in renamed.values()):
            found.append(Drop(name))
            continue
        met.add(now)
        if name in renamed:
            found.append(Rename(name, now))
        new_type = after[now]
        if old_type is not None and new_type is not None and not same_type(old_type, new_type):
            found.append(Retype(name, new_type))
    dropped = {each.field for each in found if isinstance(each, Drop)}
    added = {name for name in after if name not in met}
    return [
        *(each for each in found if not _within(each.field, dropped)),
        *(Add(name, after[name]) for name in after if name in added and not _within(name, added)),
    ]


def _new_name(name: str, renamed: Mapping[str, str]) -> str:
    """Return what a field is called afterwards; what is nested in a renamed field goes with it."""
    for old in sorted(renamed, key=len, reverse=True):
        if name == old or name.startswith(f"{old}."):
            return renamed[old] + name[len(old) :]
    return name


def _within(name: str, outer: Collection[str]) -> bool:
    """Tell whether the name is one nested in another of these."""
    return any(name.startswith(f"{each}.") for each in outer)
