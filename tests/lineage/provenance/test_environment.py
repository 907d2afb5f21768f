"""What a run runs in, and the id of it."""

from __future__ import annotations

import platform
import re
import time
from importlib import metadata
from pathlib import Path

import pytest
from repositories import made_repository

from lineage.provenance import environment, hash_file
from lineage.provenance.environment import environment_facet, environment_of, lock_file, packages


def test_python_packages_and_process_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PV-18: the environment, by what the interpreter itself says of it."""
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    facet = environment_facet(tmp_path)
    assert (facet.python, facet.implementation) == (platform.python_version(), "CPython")
    assert facet.packages is not None
    assert facet.packages["openlineage-python"] == metadata.version("openlineage-python")
    assert (facet.hashSeed, facet.timezone) == ("7", "Europe/Berlin")
    assert facet.platform == f"{platform.system()}-{platform.machine()}"
    assert facet.unknown == ["lockFile", "imageDigest"]
    assert re.fullmatch("environment-sha256:[0-9a-f]{64}", facet.id or "")


@pytest.mark.parametrize(
    "change", ["PYTHONHASHSEED", "TZ", "IMAGE_DIGEST", "package", "python", "lock", "nothing"]
)
def test_the_id_is_of_all_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """PV-18: changing any of it changes the id; the folder and the time do not."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = environment_of(tmp_path / "a")["id"]
    values = {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "IMAGE_DIGEST": "sha256:" + "0" * 64}
    if change in values:
        monkeypatch.setenv(change, values[change])
    elif change == "package":
        monkeypatch.setattr(environment, "packages", lambda: {**packages(), "pandas": "0.1"})
    elif change == "python":
        monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    elif change == "lock":
        (tmp_path / "b/uv.lock").write_text("version = 1", encoding="utf-8")
    assert (environment_of(tmp_path / "b")["id"] == before) == (change == "nothing")


@pytest.mark.parametrize(
    "name",
    [
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile.lock",
        "conda-lock.yml",
        "requirements.txt",
        "requirements-prod.txt",
    ],
)
def test_the_lock_file_is_the_nearest_one_in_the_repository(tmp_path: Path, name: str) -> None:
    """PV-18: by its path there and the hash of its bytes."""
    made_repository(tmp_path / "shop", load_py="x = 1\n")
    inside = tmp_path / "shop/jobs/daily"
    inside.mkdir(parents=True)
    (tmp_path / name).write_text("outside", encoding="utf-8")
    assert lock_file(inside) is None
    (tmp_path / "shop" / name).write_text("root", encoding="utf-8")
    found = lock_file(inside)
    assert found is not None
    assert (found.path, found.hash) == (name, hash_file(tmp_path / "shop" / name))
    (tmp_path / "shop/jobs" / name).write_text("nearer", encoding="utf-8")
    found = lock_file(inside)
    assert found is not None
    assert found.path == f"jobs/{name}"


def test_packages_without_a_name_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        metadata = {"Name": None, "Version": None}

    class Odd:
        metadata = {"Name": "My_Odd.Package", "Version": "1"}

    monkeypatch.setattr(metadata, "distributions", lambda: [Broken, Odd, Odd])
    assert packages.__wrapped__() == {"my-odd-package": "1"}


def test_odd_variables_are_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PV-23: a variable of that name may hold anything."""
    monkeypatch.setenv("PYTHONHASHSEED", "hunter2")
    monkeypatch.setenv("TZ", "a secret; hunter2")
    assert "hunter2" not in str(environment_of(tmp_path))


def test_what_is_known_is_looked_up_once(tmp_path: Path) -> None:
    environment_of(tmp_path)
    began = time.process_time()
    for _ in range(1000):
        environment_of(tmp_path)
    assert time.process_time() - began < 0.1
