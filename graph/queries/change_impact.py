"""What changes of a dataset's schema break before they are made: each by itself and all together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from graph.nodes import Node, NodeType
from graph.queries.answer import Answer, Impact
from graph.queries.critical import CriticalHit, find_critical
from graph.queries.draft import Draft
from graph.queries.impacts import impact_of_fields
from graph.queries.names import resolve
from graph.queries.readers import with_readers
from graph.queries.schema_changes import (
    Add,
    Change,
    Drop,
    Rename,
    Retype,
    check_changes,
    nested_in,
)
from graph.queries.schema_comparison import Schema, SchemaComparison, compare_schemas, known_schema
from graph.queries.type_widening import holds_all
from graph.store.base import LineageReader


class Verdict(StrEnum):
    """What becomes of a node, for people; the graver ones first."""

    BREAKS = "breaks"
    MAY_BREAK = "may break"
    CHANGES_MEANING = "changes meaning"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChangedField:
    """One change and what it affects: `marks` says how surely, by node, in the order of an answer.

    `type_before` and `compatible` are told of a Retype: the type as the schema facet has it, and whether the
    new one holds all its values; None where the type is not known. A compatible change affects nothing.
    """

    change: Change
    marks: Mapping[Node, Impact] = field(default_factory=dict)
    type_before: str | None = None
    compatible: bool | None = None

    def marked(self, impact: Impact) -> list[Node]:
        """Return the nodes that are affected as surely as this."""
        return [node for node, mark in self.marks.items() if mark is impact]

    def verdict(self, node: Node) -> Verdict | None:
        """Return what the change does to a node; None when it does nothing."""
        match self.marks.get(node):
            case None:
                return None
            case Impact.DIRECT:
                return Verdict.MAY_BREAK if isinstance(self.change, Retype) else Verdict.BREAKS
            case Impact.INDIRECT:
                return Verdict.CHANGES_MEANING
            case Impact.UNKNOWN:
                return Verdict.UNKNOWN

    def as_json(self) -> dict[str, Any]:
        """Return the change as it stands in the envelope: with the ids of what it affects."""
        said = _as_json(self.change)
        if isinstance(self.change, Retype):
            said |= {"from": self.type_before, "compatible": self.compatible}
        return said | {impact.value: [node.id for node in self.marked(impact)] for impact in Impact}


def _as_json(change: Change) -> dict[str, Any]:
    match change:
        case Drop(name):
            return {"kind": "drop", "field": name}
        case Rename(name, to):
            return {"kind": "rename", "field": name, "to": to}
        case Retype(name, to):
            return {"kind": "type", "field": name, "to": to}
        case Add(name, type_):
            return {"kind": "add", "field": name, "type": type_}


@dataclass(frozen=True, slots=True)
class ChangeImpact:
    """What changes of a dataset affect: `answer` is all of them together, `changes` each by itself.

    `owners` names who owns each dataset and job of the answer, from its ownership facet; None where nobody
    said. `critical` are the things that were named as critical, hit or not. `compared` tells which schemas
    were compared, where one was given.
    """

    dataset: Node
    answer: Answer
    changes: tuple[ChangedField, ...]
    owners: Mapping[Node, tuple[str, ...] | None]
    critical: tuple[CriticalHit, ...] = ()
    compared: SchemaComparison | None = None

    def hits_critical(self, *, ignore_unknown: bool = False) -> bool:
        """Tell whether a critical thing is hit.

        One that may be, as nobody can tell, is unless that is ignored; of an incomplete answer nobody can
        tell of any.
        """
        if self.critical and self.answer.incomplete and not ignore_unknown:
            return True
        mattering = {Impact.DIRECT, Impact.INDIRECT} if ignore_unknown else set(Impact)
        return any(hit.impact in mattering for hit in self.critical)

    def verdict(self, node: Node) -> Verdict | None:
        """Return the gravest that one of the changes does to a node; None when none does anything."""
        found = {change.verdict(node) for change in self.changes}
        return next((verdict for verdict in Verdict if verdict in found), None)

    def as_json(self) -> dict[str, Any]:
        """Return the envelope of docs/schemas/change_impact.json; `owners` are those of its nodes."""
        shown = [each.node for each in self.answer.nodes if each.node in self.owners]
        return {
            **self.answer.as_json(),
            "changes": [change.as_json() for change in self.changes],
            "owners": {node.id: _listed(self.owners[node]) for node in shown},
            "critical": [hit.as_json() for hit in self.critical],
        }


def _listed(owners: tuple[str, ...] | None) -> list[str] | None:
    return None if owners is None else list(owners)


def impact_of_changes(
    reader: LineageReader,
    dataset: Node | str | Sequence[str],
    changes: Iterable[Change],
    *,
    schema: Schema | None = None,
    critical: Iterable[Node | str] = (),
    depth: int | None = None,
) -> ChangeImpact:
    """Return what changes of a dataset's fields affect, before they are made.

    `direct` are nodes made from the values of a field that goes, gets another name or a type that may not
    hold its values; `indirect` those whose rows or order it decides; `unknown` what lies behind readers of
    the dataset whose column lineage nobody gave. A type that holds all values of the one before affects
    nothing. A field that is added breaks nothing; the readers with unknown column lineage are `unknown`,
    as they may read whatever is there. The answer's distances count from the changed fields.

    `schema` is what the dataset's schema is to be: what leads there from the known one is added to the
    changes. A field under another name is one dropped and one added there, unless a Rename says otherwise.

    `critical` are names of datasets (dashboards are datasets), fields or jobs to be found among what is hit.

    Raises:
        UnknownNameError, AmbiguousNameError: the dataset, a field of it or a critical thing is not known.
        InvalidQueryError: changes that contradict each other, a new name that is taken, a schema that cannot
        be compared, or a depth below 1.
    """
    asked = resolve(reader, dataset, (NodeType.DATASET,))
    guarded = [resolve(reader, name) for name in critical]
    fields = {node.field or "": node for node in reader.fields(asked)}
    named = list(changes)
    compared = None
    if schema is not None:
        renames = [change for change in named if isinstance(change, Rename)]
        compared = compare_schemas(reader, asked, schema, renames)
        named += compared.changes
    types = known_schema(reader, asked)
    wanted = check_changes(asked, list(fields), types or fields, named)
    each = [_impact_of_one(reader, asked, fields, types, change, depth) for change in wanted]
    harmful = [change.change for change in each if not change.compatible]
    touched = _touched(fields, harmful)
    answer = _together(reader, asked, touched, harmful, depth)
    if compared is not None:
        answer = replace(answer, query={**answer.query, "compared": compared.as_json()})
    starts = [asked, *touched] if harmful else []
    return ChangeImpact(
        dataset=asked,
        answer=answer,
        changes=tuple(each),
        owners=_owners(reader, answer),
        critical=tuple(find_critical(answer, starts, guarded, lost=bool(touched))),
        compared=compared,
    )


def _impact_of_one(
    reader: LineageReader,
    dataset: Node,
    fields: Mapping[str, Node],
    types: Schema,
    change: Change,
    depth: int | None,
) -> ChangedField:
    before = types.get(change.field) if isinstance(change, Retype) else None
    compatible = holds_all(before, change.to) if isinstance(change, Retype) and before is not None else None
    if compatible:
        return ChangedField(change, type_before=before, compatible=True)
    answer = impact_of_fields(reader, dataset, _touched(fields, [change]), depth=depth)
    marks = {each.node: each.impact for each in answer.nodes if each.impact is not None}
    return ChangedField(change, marks, type_before=before, compatible=compatible)


def _touched(fields: Mapping[str, Node], changes: Iterable[Change]) -> list[Node]:
    """Return the fields that the changes take or alter, with what is nested in them."""
    altered = [change.field for change in changes if not isinstance(change, Add)]
    return [
        fields[name] for name in dict.fromkeys(each for one in altered for each in nested_in(one, fields))
    ]


def _together(
    reader: LineageReader,
    dataset: Node,
    touched: Sequence[Node],
    harmful: Sequence[Change],
    depth: int | None,
) -> Answer:
    if harmful:
        answer = impact_of_fields(reader, dataset, touched, depth=depth)
        return with_readers(reader, answer, dataset, touched)
    draft = Draft()
    draft.place(dataset.key, 0)
    return draft.finish(reader, {"question": "impact", "node": dataset.id, "depth": depth})


def _owners(reader: LineageReader, answer: Answer) -> dict[Node, tuple[str, ...] | None]:
    nodes = [each.node for each in answer.nodes if each.node.type is not NodeType.FIELD]
    facets = reader.facets([node.key for node in nodes], "ownership") if nodes else {}
    return {node: _names(facets.get(node.key, {}).get("owners")) for node in nodes}


def _names(owners: object) -> tuple[str, ...] | None:
    """Return the owners' names, each with its type where it has one; None when there is none."""
    found = []
    for owner in owners if isinstance(owners, list) else ():
        name, type_ = (owner.get("name"), owner.get("type")) if isinstance(owner, dict) else (None, None)
        if isinstance(name, str) and name:
            found.append(f"{name} ({type_})" if isinstance(type_, str) and type_ else name)
    return tuple(found) or None
