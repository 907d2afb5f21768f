"""Files of every format that were copied and renamed, asked where they came from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_artifacts import BESIDE, MADE, make

from lineage import track_run
from lineage.provenance.sidecars import sidecar_of

Lineage = Callable[..., Any]


def received(path: Path) -> Path:
    """Copy a file, with the one beside it when there is one, to where it has another name."""
    copy = path.parent / "received" / f"received {path.name}"
    copy.parent.mkdir(exist_ok=True)
    if sidecar_of(path).exists():
        shutil.copy(sidecar_of(path), sidecar_of(copy))
    shutil.copy(path, copy)
    return copy


@pytest.fixture(autouse=True)
def _a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.cli._store.SECONDS", 60)  # gives the same answers, later


@pytest.mark.parametrize("provenance", ["essential", pytest.param("full", marks=pytest.mark.slow)])
def test_a_copy_of_every_format_tells_the_run_that_wrote_it(
    lineage: Lineage, tmp_path: Path, provenance: str
) -> None:
    """PV-32: embedded, copied, renamed, read back and resolved; the writer may have kept no hash of it."""
    with track_run("load", provenance=provenance) as run:
        for name in MADE:
            path = make(tmp_path, name)
            run.output(path)
            run.embed(path)

    for name in MADE:
        asked = lineage("whence", received(tmp_path / name), "--json").items["query"]
        assert asked["madeBy"] == run.run_id, name
        assert asked["artifact"]["dataset"] == f"dataset:file:{tmp_path / name}"
        assert asked["link"] == ("content" if provenance == "full" else "version"), name


def test_a_copy_without_an_id_is_found_by_its_hash(lineage: Lineage, tmp_path: Path) -> None:
    """PV-32: where the run that wrote it recorded content hashes."""
    with track_run("load", provenance="full") as run:
        for name in MADE:
            run.output(make(tmp_path, name))

    for name in MADE:
        asked = lineage("whence", received(tmp_path / name), "--json").items["query"]
        assert (asked["madeBy"], asked["link"]) == (run.run_id, "content"), name


def test_a_copy_that_was_changed_says_so(lineage: Lineage, tmp_path: Path) -> None:
    """PV-32: the run is told, and that this is not what it wrote."""
    with track_run("load") as run:
        for name in BESIDE:
            path = make(tmp_path, name)
            run.output(path)
            run.embed(path)

    for name in BESIDE:
        copy = received(tmp_path / name)
        copy.write_bytes(copy.read_bytes() + b" ")
        asked = lineage("whence", copy, "--json").items["query"]
        assert (asked["madeBy"], asked["link"]) == (run.run_id, "changed"), name
