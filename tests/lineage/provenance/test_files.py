"""Content hashes of files and folders."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.errors import ContentError
from lineage.provenance import hash_file, hash_folder

NAMES = st.text(st.sampled_from("abé ."), min_size=1, max_size=3).filter(lambda name: name.strip("."))
TREES = st.recursive(
    st.binary(max_size=3), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
FOLDERS = TREES.filter(lambda tree: isinstance(tree, dict))


def write(path: Path, tree: bytes | dict[str, object]) -> Path:
    if isinstance(tree, bytes):
        path.write_bytes(tree)
        return path
    path.mkdir()
    for name, inner in tree.items():
        write(path / name, inner)  # type: ignore[arg-type]
    return path


def without_empty_folders(tree: object) -> object:
    if isinstance(tree, bytes):
        return tree
    assert isinstance(tree, dict)
    kept = {name: without_empty_folders(inner) for name, inner in tree.items()}
    return {name: inner for name, inner in kept.items() if inner != {}}


@given(st.binary(max_size=300))
def test_the_hash_of_a_file_is_that_of_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """PV-08: what `sha256sum` prints, so that anybody can check it."""
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(content)

    assert hash_file(path) == hash_file(str(path)) == "bytes-sha256:" + hashlib.sha256(content).hexdigest()


def test_a_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(5_000_000))
    sizes: list[int] = []
    digest = hashlib.file_digest

    def watched(file: io.BufferedReader, name: str) -> object:
        sizes.append(file.tell())
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", watched)
    assert hash_file(path) == "bytes-sha256:" + hashlib.sha256(bytes(5_000_000)).hexdigest()
    assert sizes == [0]


@settings(max_examples=40)
@given(FOLDERS, FOLDERS)
def test_two_folders_have_one_hash_if_and_only_if_they_hold_the_same(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, object], other: dict[str, object]
) -> None:
    """PV-08: names and contents, wherever the folder stands and in whichever order it was written."""
    base = tmp_path_factory.mktemp("trees")
    turned = {name: one[name] for name in reversed(one)}
    try:
        hashes = [
            hash_folder(write(base / at, tree)) for at, tree in zip("abc", (one, other, turned), strict=True)
        ]
    finally:
        shutil.rmtree(base)

    assert hashes[0] == hashes[2]
    assert (hashes[0] == hashes[1]) == (without_empty_folders(one) == without_empty_folders(other))


def test_no_content_moves_between_names_files_and_folders(tmp_path: Path) -> None:
    """A file is not a folder, a name is no content, and no boundary moves."""
    trees: list[dict[str, object]] = [
        {"a": b"b"},
        {"ab": b""},
        {"b": b"a"},
        {"a": {"b": b""}},
        {"a": b"", "b": b""},
        {"a": {"a": b"b"}},
        {},
    ]

    hashes = {hash_folder(write(tmp_path / str(number), tree)) for number, tree in enumerate(trees)}
    assert len(hashes) == len(trees)


def test_times_and_modes_do_not_count(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", {"part=1": {"data": b"x"}})
    before = hash_folder(folder)
    os.utime(folder / "part=1" / "data", (1, 1))
    (folder / "part=1" / "data").chmod(0o600)

    assert hash_folder(folder) == before
    assert hash_folder(folder.rename(tmp_path / "moved")) == before


def test_what_writers_leave_beside_the_data_can_be_left_out(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain", {"part=1": {"data": b"x"}})
    marked = write(tmp_path / "marked", {"part=1": {"data": b"x", ".data.crc": b"y"}, "_SUCCESS": b""})

    assert hash_folder(marked) != hash_folder(plain)
    assert hash_folder(marked, leave_out=["_SUCCESS", ".*"]) == hash_folder(plain)


def test_a_link_counts_as_its_text_or_as_what_it_leads_to(tmp_path: Path) -> None:
    """A link is never taken for the file it leads to, unless that is asked for."""
    plain = write(tmp_path / "plain", {"data": b"x", "more": {"data": b"y"}, "again": {"data": b"y"}})
    linked = write(tmp_path / "linked", {"more": {"data": b"y"}})
    write(tmp_path / "elsewhere", b"x")
    (linked / "data").symlink_to("../elsewhere")
    (linked / "again").symlink_to("more")

    assert hash_folder(linked) != hash_folder(plain)
    assert (
        hash_folder(linked, follow_links=True) == hash_folder(plain, follow_links=True) == hash_folder(plain)
    )

    before = hash_folder(linked)
    (tmp_path / "elsewhere").write_bytes(b"changed")
    assert hash_folder(linked) == before
    (linked / "data").unlink()
    (linked / "data").symlink_to("../somewhere")
    assert hash_folder(linked) != before
    (linked / "data").unlink()
    (linked / "data").write_bytes(b"../elsewhere")
    assert hash_folder(linked) != before


def test_a_link_around_itself_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", {"b": {"data": b""}})
    (folder / "b" / "up").symlink_to("..")

    assert hash_folder(folder).startswith("tree-")
    with pytest.raises(ContentError, match="has no end"):
        hash_folder(folder, follow_links=True)


def test_what_is_no_file_or_folder_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket"):
            with pytest.raises(ContentError, match="is no regular file"):
                hash_file(tmp_path / name)
    with pytest.raises(ContentError, match="is no regular file"):
        hash_folder(tmp_path)
    with pytest.raises(ContentError, match="a folder has hash_folder"):
        hash_file(tmp_path)
    with pytest.raises(ContentError, match="a single file has hash_file"):
        hash_folder(write(tmp_path / "file", b""))
    with pytest.raises(FileNotFoundError):
        hash_file(tmp_path / "absent")


def test_a_file_written_to_meanwhile_has_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash is of a content that the file had at one moment."""
    path = write(tmp_path / "file", b"first")
    digest = hashlib.file_digest

    def disturbed(file: io.BufferedReader, name: str) -> object:
        found = digest(file, name)
        path.write_bytes(b"first and second")
        return found

    monkeypatch.setattr(hashlib, "file_digest", disturbed)
    with pytest.raises(ContentError, match="written to while it was read"):
        hash_file(path)
