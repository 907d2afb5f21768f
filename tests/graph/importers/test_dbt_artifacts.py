"""Files that are no artifacts of dbt, and those of other versions."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt_shop import changed, imported

from graph.errors import InvalidSourceError

pytestmark = pytest.mark.usefixtures("shop_home")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("manifest.json", None, "has no manifest.json"),
        ("manifest.json", b"", "is no manifest of dbt"),
        ("manifest.json", b"[]", "is no manifest of dbt"),
        ("manifest.json", b"\xff\xfe", "is no manifest of dbt"),
        ("manifest.json", b"[" * 100_000, "is no manifest of dbt"),
        ("run_results.json", b'{"metadata": {}}', "is no run-results of dbt"),
        ("catalog.json", b"{", "is no catalog of dbt"),
        ("sources.json", b"null", "is no sources of dbt"),
    ],
)
def test_a_file_that_is_none_is_named(project: Path, file: str, content: bytes | None, told: str) -> None:
    path = project / "target" / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InvalidSourceError, match=told) as caught:
        imported(project / "target")

    assert str(path.parent) in str(caught.value)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("https://schemas.getdbt.com/dbt/manifest/v9.json", "version 9 .* 10 or newer is needed"),
        ("https://schemas.getdbt.com/dbt/catalog/v1.json", "is no manifest of dbt: it says"),
        ("something", "is no manifest of dbt: it says 'something'"),
    ],
)
def test_another_form_is_refused(project: Path, form: str, told: str) -> None:
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["metadata"].update(dbt_schema_version=form))

    with pytest.raises(InvalidSourceError, match=told):
        imported(project / "target")


def test_a_newer_form_is_tried_and_told(project: Path) -> None:
    notes: list[str] = []
    form = "https://schemas.getdbt.com/dbt/manifest/v99.json"
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["metadata"].update(dbt_schema_version=form))

    assert len(imported(project / "target", notes=notes)) > 40
    assert any("version 99, newer than" in note for note in notes)


def test_a_value_of_the_wrong_kind_is_told_with_its_place(project: Path) -> None:
    manifest = project / "target" / "manifest.json"
    changed(manifest, lambda content: content["nodes"]["model.shop.orders"].update(schema=7))

    with pytest.raises(InvalidSourceError, match=r"manifest\.json is no manifest .*`int`.*schema"):
        imported(project / "target")
