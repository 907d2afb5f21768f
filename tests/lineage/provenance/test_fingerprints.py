"""What a look at a file tells, and where no look is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lineage.datasets import Dataset
from lineage.provenance import fingerprints
from lineage.provenance.fingerprints import kind_of_file_system, local_path, look


def mount(monkeypatch: pytest.MonkeyPatch, place: Path, kind: str) -> None:
    """Have the table of mounts say that a folder is on a file system of this kind."""
    mounts = {**fingerprints._mounts(), str(place): kind}
    fingerprints.is_near.cache_clear()
    fingerprints._far_places.cache_clear()
    monkeypatch.setattr(fingerprints, "_mounts", lambda: mounts)


def test_a_file_is_told_by_size_and_time(tmp_path: Path) -> None:
    """PV-07: cheap: a file that is written again is another version, one that is not is the same."""
    file = tmp_path / "orders.csv"
    file.write_text("id\n1\n", encoding="utf-8")
    os.utime(file, ns=(0, 1_767_225_600_123_456_789))
    assert look(str(file)) == {
        "fingerprint": "stat:5:1767225600123456789",
        "size": 5,
        "modifiedAt": "2026-01-01T00:00:00.123Z",
    }
    assert look(str(file)) == look(str(file))
    os.utime(file, ns=(0, 1_767_225_600_123_456_790))
    assert look(str(file))["fingerprint"] == "stat:5:1767225600123456790"


def test_an_empty_file_has_a_size(tmp_path: Path) -> None:
    """A zero is not unknown."""
    (tmp_path / "empty").touch()
    assert look(str(tmp_path / "empty"))["size"] == 0


def test_what_is_no_regular_file_is_not_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("pipe", "loop", "dangling", "missing", "missing/deeper", "*.csv", "a\0b", "x" * 5000, ""):
        assert look(f"{tmp_path}/{name}") == {}, name
    for place in ("/dev/zero", "/proc/self/mem", "/proc/kmsg"):
        assert look(place) == {}, place


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("12345", encoding="utf-8")
    (tmp_path / "current").symlink_to("data")
    (tmp_path / "data/link").symlink_to(tmp_path / "current/../data/file")
    assert look(str(tmp_path / "current/link"))["size"] == 5


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "autofs", "proc"])
def test_a_far_file_system_is_never_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """PV-07: nothing below a mount that could keep its caller waiting is touched, through links neither."""
    far = tmp_path / "far"
    far.mkdir()
    (far / "file").write_text("1", encoding="utf-8")
    (tmp_path / "folder-link").symlink_to(far)
    (tmp_path / "file-link").symlink_to("folder-link/file")
    assert look(str(tmp_path / "file-link"))["size"] == 1
    mount(monkeypatch, far, kind)
    touched = []
    monkeypatch.setattr(os, "lstat", lambda path, real=os.lstat: touched.append(str(path)) or real(path))
    monkeypatch.setattr(os, "stat", lambda path, **_: pytest.fail(f"{path} is asked"))
    for path in (far / "file", far / "in/deep", tmp_path / "folder-link/file", tmp_path / "file-link"):
        assert look(str(path)) == {}
    assert touched
    assert not [path for path in touched if path.startswith(str(far))]


def test_a_folder_that_comes_later_is_looked_at_then(tmp_path: Path) -> None:
    assert look(str(tmp_path / "new/file")) == {}
    (tmp_path / "new").mkdir()
    (tmp_path / "new/file").touch()
    assert look(str(tmp_path / "new/file"))["size"] == 0


def test_without_a_table_of_mounts_every_path_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(OSError))
    assert fingerprints._mounts() == {}
    (tmp_path / "file").touch()
    assert look(str(tmp_path / "file"))["size"] == 0


def test_the_kernels_own_files_are_known() -> None:
    assert kind_of_file_system("/proc/self/status") == "proc"
    assert kind_of_file_system("/") is None


def test_only_paths_of_this_machine_are_local() -> None:
    assert local_path(Dataset("file", "/data/x")) == "/data/x"
    for dataset in (Dataset("file://server", "/share/x"), Dataset("s3://lake", "x"), Dataset("file", "C:/x")):
        assert local_path(dataset) is None
