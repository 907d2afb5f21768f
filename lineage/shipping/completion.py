"""An event completed with the lineage of its SQL, for backends that read none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lineage.datasets import normalise
from lineage.event_id import ORIGINAL_TAG, event_id, original_id, parse_time
from lineage.sql.facets import Made, column_lineage_facet, explains, lineage_facet, made_by
from lineage.sql.named import NamedStatement, named_statements, statements_of, text_of
from lineage.sql.naming import Name
from lineage.version import PRODUCER

_SCHEMAS = "https://openlineage.io/spec/facets/1-0-0"
_CLAIMS_NO_OUTPUT = {"START", "FAIL", "ABORT"}


def completed(body: bytes, *, apart: bool) -> bytes | None:
    """Return the event with the datasets and columns that its SQL names; None where there is nothing to add.

    What the event says itself stays as it is. A tag names the event that this one was made from, so that a
    store that gets both, or gets this one twice, knows them as one. `apart` is as in `lineage.sql.extract`.
    """
    event = _mapping(json.loads(body))
    statements = statements_of(_mapping(_mapping(event.get("job")).get("facets")))
    if not statements or original_id(event) is not None:
        return None
    identity = _identity(event)
    listed = [
        (_name(one), _columns(one)) for key in ("inputs", "outputs") for one in _objects(event.get(key))
    ]
    found = named_statements([text_of(one) for one in statements], listed, apart=apart)
    if identity is None or not _complete(event, found):
        return None
    _tag(event, identity.hex())
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _identity(event: dict[str, Any]) -> bytes | None:
    said = event.get("eventTime")
    time = parse_time(said) if isinstance(said, str) else None
    return None if time is None else event_id(event, time)


def _complete(event: dict[str, Any], statements: list[NamedStatement]) -> bool:
    """Add to an event what its statements say; tell whether there was anything to add."""
    read = [
        one.datasets[table.name]
        for one in statements
        for table in one.lineage.inputs
        if table.name in one.datasets
    ]
    added = _list(event, "inputs", read)
    if not _claims_outputs(event):
        return added
    made = made_by(statements)
    added |= _list(event, "outputs", made)
    for output in _objects(event.get("outputs")):
        one = made.get(_name(output))
        facet = column_lineage_facet(one) if one is not None else None
        facets = output.get("facets") or {}
        if facet is not None and "columnLineage" not in facets:
            output["facets"] = {**facets, "columnLineage": facet}
            added = True
    return _explain(event, made) or added


def _claims_outputs(event: dict[str, Any]) -> bool:
    """Whether what its SQL writes stands: an event with an error tells of what failed, whatever its type."""
    facets = _mapping(_mapping(event.get("run")).get("facets"))
    return str(event.get("eventType")).upper() not in _CLAIMS_NO_OUTPUT and "errorMessage" not in facets


def _list(event: dict[str, Any], key: str, names: Iterable[Name]) -> bool:
    """Add to the event's inputs or outputs those that are missing there."""
    listed = list(_objects(event.get(key)))
    known = {_name(one) for one in listed}
    missing = [name for name in dict.fromkeys(names) if name not in known]
    if missing:
        event[key] = listed + [{"namespace": namespace, "name": name} for namespace, name in missing]
    return bool(missing)


def _explain(event: dict[str, Any], made: Mapping[Name, Made]) -> bool:
    """Add the lineage facet where all is known, or to an existing one the outputs that it leaves out."""
    facets = event["job"].get("facets") or {}
    known = facets.get("lineage")
    if isinstance(known, dict):
        said = {_name(one) for one in _objects(known.get("entries"))}
        more = lineage_facet({name: one for name, one in made.items() if name not in said})["entries"]
        if more:
            facets["lineage"] = {**known, "entries": [*_objects(known.get("entries")), *more]}
        return bool(more)
    inputs, outputs = ([_name(one) for one in _objects(event.get(key))] for key in ("inputs", "outputs"))
    if not explains(made, inputs, outputs):
        return False
    event["job"]["facets"] = {**facets, "lineage": lineage_facet(made)}
    return True


def _tag(event: dict[str, Any], identity: str) -> None:
    """Put the identity of the original into the tags of the run, or of the job where there is no run."""
    kind, entity = ("Run", event["run"]) if isinstance(event.get("run"), dict) else ("Job", event["job"])
    facets = entity.get("facets") or {}
    empty = {
        "_producer": PRODUCER,
        "_schemaURL": f"{_SCHEMAS}/Tags{kind}Facet.json#/$defs/Tags{kind}Facet",
    }
    facet = facets.get("tags") or empty
    tag = {"key": ORIGINAL_TAG, "value": identity, "source": "LINEAGE_GRAPH"}
    entity["facets"] = {**facets, "tags": {**facet, "tags": [*_objects(facet.get("tags")), tag]}}


def _name(dataset: Mapping[str, Any]) -> Name:
    return normalise(str(dataset.get("namespace")), str(dataset.get("name")))


def _columns(dataset: Mapping[str, Any]) -> list[str]:
    schema = _mapping(_mapping(dataset.get("facets")).get("schema"))
    return [one["name"] for one in _objects(schema.get("fields")) if isinstance(one.get("name"), str)]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
