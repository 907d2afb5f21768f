"""The schemas of our facets change only so that events and readers of every version understand each other."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from schema_compatibility import breaks

ROOT = Path(__file__).resolve().parent.parent
CURRENT = ROOT / "lineage" / "schemas"
RELEASED = ROOT / "tests" / "fixtures" / "facet_schemas"
"""The schemas of every release, in a folder each: they stay as they are."""

Changed = Callable[[dict[str, Any]], object]


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


@pytest.mark.parametrize(
    "released",
    sorted(RELEASED.glob("*/*.json")),
    ids=lambda path: f"{path.parent.name} {path.stem}",
)
def test_no_schema_breaks_what_was_released(released: Path) -> None:
    """PV-36: a change that old events or old readers do not bear fails here: give it another name."""
    assert breaks(load(released), load(CURRENT / released.name)) == []


def test_every_schema_is_kept_as_it_was_released() -> None:
    """PV-36: what is not written down cannot be compared."""
    latest = max(RELEASED.iterdir(), key=lambda folder: [int(part) for part in folder.name.split(".")])
    missing = {path.name for path in CURRENT.glob("*.json")} - {path.name for path in latest.glob("*.json")}
    assert not missing, f"copy new schemas to {latest.relative_to(ROOT)}"


def facet(schema: dict[str, Any]) -> Any:
    return schema["$defs"]["LineageGraphQueryAttributionRunFacet"]["allOf"][1]


def query(schema: dict[str, Any]) -> Any:
    return schema["$defs"]["AttributedQuery"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: facet(s)["properties"].pop("currency"), "currency: is gone"),
        (lambda s: facet(s)["required"].append("currency"), "currency: is required now"),
        (lambda s: facet(s)["required"].remove("total"), "total: is not required any more"),
        (lambda s: facet(s)["properties"]["service"].update(type="integer"), "the type was"),
        (lambda s: facet(s)["properties"]["service"].update(enum=["a"]), "what it may be was None"),
        (lambda s: facet(s)["properties"]["queries"]["items"].update({"$ref": "#/x"}), "it was #/$defs"),
        (lambda s: query(s)["properties"]["statement"].update(minimum=1), "minimum was 0 and is 1"),
        (lambda s: query(s)["properties"]["fingerprint"].update(pattern="^x$"), "pattern was"),
        (lambda s: query(s).update(additionalProperties=False), "additionalProperties: was"),
        (lambda s: facet(s).update(unevaluatedProperties=False), "unevaluatedProperties: was"),
        (lambda s: query(s).update(minContains=1), "nobody here can judge minContains"),
        (lambda s: s["$defs"].pop("QueryCounts"), "QueryCounts is gone"),
        (lambda s: s["properties"].clear(), "lineageGraph_queryAttribution: is gone"),
    ],
)
def test_a_change_that_breaks_is_named(change: Changed, said: str) -> None:
    """PV-36: the check can fail: each of these is a change that old events or old readers do not bear."""
    old = load(CURRENT / "LineageGraphQueryAttributionRunFacet.json")
    new = copy.deepcopy(old)
    change(new)
    assert any(said in problem for problem in breaks(old, new)), breaks(old, new)


def test_what_is_added_and_described_breaks_nothing() -> None:
    """PV-36: new optional properties, definitions and words are what schemas grow by."""
    old = load(CURRENT / "LineageGraphQueryAttributionRunFacet.json")
    new = copy.deepcopy(old)
    new["$id"] = new["$id"].replace("0.1.0", "0.2.0")
    facet(new)["properties"]["region"] = {"type": "string"}
    facet(new)["properties"]["service"]["description"] = "Who ran it."
    new["$defs"]["Region"] = {"type": "string"}
    assert breaks(old, new) == []
