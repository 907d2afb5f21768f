"""Check events against the published schemas and our facets against ours."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).resolve().parent.parent
BASE_FACET = {
    "type": "object",
    "properties": {"_producer": {"type": "string"}, "_schemaURL": {"type": "string"}},
    "required": ["_producer", "_schemaURL"],
}
# The part of OpenLineage's own schema that our facet schemas refer to.
OPENLINEAGE_FACETS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    "$defs": {"RunFacet": BASE_FACET, "JobFacet": BASE_FACET, "DatasetFacet": BASE_FACET},
}


@cache
def own_facets() -> dict[str, Draft202012Validator]:
    """Return the validator of each of our facets, by its key on the wire."""
    schemas = [json.loads(path.read_text()) for path in sorted((ROOT / "lineage/schemas").glob("*.json"))]
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in [OPENLINEAGE_FACETS, *schemas]]
    registry: Registry[Any] = Registry().with_resources(resources)
    return {
        key: Draft202012Validator({"$ref": schema["$id"]}, registry=registry)
        for schema in schemas
        for key in schema["properties"]
    }


@cache
def published_validator() -> ModuleType | None:
    """Return the validator of the published schemas; None where the reference material is absent."""
    path = ROOT.parent / "shared" / "tools" / "validate_events.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("validate_events", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def problems(event: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each violation of an event."""
    published = published_validator()
    if published is not None:
        yield from published.problems(event)
    for where, facets in facet_holders(event):
        for key, facet in facets.items():
            if key.startswith("lineageGraph_"):
                if key not in own_facets():
                    yield f"{where}.{key}: no schema of ours"
                    continue
                for error in own_facets()[key].iter_errors({key: facet}):
                    yield f"{where}.{key}: {error.message}"


def facet_holders(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every place of an event that holds facets."""
    for name in ("run", "job"):
        yield name, event.get(name, {}).get("facets") or {}
    for side in ("inputs", "outputs"):
        for dataset in event.get(side) or []:
            for kind in ("facets", "inputFacets", "outputFacets"):
                yield f"{side}.{kind}", dataset.get(kind) or {}
