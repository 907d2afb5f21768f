"""The texts that datasets and jobs are found by, from where the store keeps them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph.nodes import Node
from graph.nodes import field as node_of_field
from graph.store._commands import annotated
from graph.store._other_names import names_of
from graph.store._reading import facets, nodes
from graph.store.commands import Label
from graph.store.database import Database
from graph.store.field_names import named_fields

_STATEMENTS = "lineageGraph_statements"


@dataclass(slots=True)
class Tag:
    """A tag of a dataset or job, or of one field of a dataset. `text` is `key`, or `key=value`."""

    key: str
    text: str
    field: str | None = None


@dataclass(slots=True)
class Texts:
    """What a dataset or job is found by. `columns` has the description of each, "" where there is none."""

    node: Node
    aliases: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    descriptions: list[str] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)


def texts_of(db: Database, keys: Collection[int]) -> dict[int, Texts]:
    """Return the texts of those of the keys that are datasets or jobs."""
    wanted = list(keys)
    found = {key: Texts(node) for key, node in nodes(db, wanted).items() if node.field is None}
    _add_names(db, found)
    _add_labels(db, found)
    _add_statements(db, found)
    return found


def _add_names(db: Database, found: Mapping[int, Texts]) -> None:
    """Add further names of datasets and their columns: those of the schema, then those only lineage names."""
    keys = list(found)
    names = names_of(db, keys)
    called = db.execute(
        """
        SELECT a.target, a.name FROM each_key(:keys) AS k CROSS JOIN alias AS a ON a.target = k.value
        UNION SELECT n.key, n.name FROM each_key(:keys) AS k CROSS JOIN node AS n ON n.key = k.value
        UNION SELECT r.previous, r.name FROM each_key(:keys) AS k
        CROSS JOIN renamed AS r ON r.previous = k.value
        """,
        {"keys": list(names)},
    ).fetchall()
    for key, name in sorted({(names[target], name) for target, name in called}):
        if name != found[key].node.name:
            found[key].aliases.append(name)
    for key, facet in facets(db, keys, "schema").items():
        found[key].columns = {
            name: _text(entry.get("description")) for name, entry in named_fields(facet.get("fields"))
        }
    for key, name in db.execute(
        "SELECT n.dataset, n.field FROM node AS n WHERE n.dataset IN (SELECT value FROM each_key(?) AS k)"
        " AND n.named & 2 = 0 ORDER BY n.field",
        (keys,),
    ):
        found[key].columns.setdefault(name, "")


def _add_labels(db: Database, found: Mapping[int, Texts]) -> None:
    """Add what people say of datasets, jobs and fields: descriptions, tags and owners."""
    said = annotated(db, found)
    for key, facet in facets(db, list(found), "tags").items():
        for tag in _objects(facet.get("tags")):
            column = _text(tag.get("field"))
            if column and _text(tag.get("key")):
                found[key].tags.append(_tag(Label(_text(tag["key"]), _text(tag.get("value"))), column))
    for key, of_node in said.items():
        found[key].descriptions += filter(None, [of_node.description])
        found[key].tags += (_tag(label) for label in of_node.tags)
        found[key].owners += (label.name for label in of_node.owners)
    _add_labels_of_fields(db, found)


def _add_labels_of_fields(db: Database, found: Mapping[int, Texts]) -> None:
    """Put what commands say of fields in the place of what facets say."""
    fields = {
        node_of_field(texts.node.namespace, texts.node.name, column).key: (texts, column)
        for texts in found.values()
        for column in texts.columns
    }
    said = db.execute(
        "SELECT DISTINCT a.entity FROM each_key(?) AS k CROSS JOIN annotation AS a ON a.entity = k.value",
        (list(fields),),
    )
    for key, of_field in annotated(db, [key for (key,) in said.fetchall()]).items():
        texts, column = fields[key]
        texts.columns[column] = of_field.description or ""
        texts.tags = [tag for tag in texts.tags if tag.field != column]
        texts.tags += (_tag(label, column) for label in of_field.tags)


def _tag(label: Label, column: str | None = None) -> Tag:
    # The specification asks for a value: a tag without one of its own is "true".
    has_value = label.value.lower() not in ("", "true")
    return Tag(label.name, f"{label.name}={label.value}" if has_value else label.name, column)


def _add_statements(db: Database, found: Mapping[int, Texts]) -> None:
    keys = list(found)
    for key, facet in facets(db, keys, "sql").items():
        found[key].statements.append(_text(facet.get("query")))
    for key, facet in facets(db, keys, _STATEMENTS).items():
        found[key].statements += (_text(one.get("query")) for one in _objects(facet.get("statements")))
    for key, text in db.execute(
        "SELECT DISTINCT q.job, q.text FROM query AS q WHERE q.job IN (SELECT value FROM each_key(?) AS k)"
        " AND q.text IS NOT NULL ORDER BY q.text",
        (keys,),
    ):
        found[key].statements.append(text)
    for texts in found.values():
        texts.statements = [text for text in dict.fromkeys(texts.statements) if text]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict))
