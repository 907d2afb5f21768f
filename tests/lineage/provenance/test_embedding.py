"""Ids of runs in and beside what the runs wrote."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_artifacts import BESIDE, IMAGE, IN_FOOTERS, MADE, PIXELS, READ, ROWS, TABLE, make, png

from lineage import track_run
from lineage.provenance import Embedded, embed, hash_file, hash_folder, ipc, parquet, read_embedded
from lineage.provenance.embedded import Named
from lineage.testing import capture

RUN = "01936f2e-7b1c-7c6e-9d55-0f2f3c1f9a11"
JOB = ("shop", "daily revenue é")
DATASET = ("s3://lake", "revenue/day=1")


def slow(*values: object) -> Any:
    """A case that opens DuckDB often."""
    return pytest.param(*values, marks=pytest.mark.slow)


def sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".lineage.json")


def moved(path: Path, to: Path) -> Path:
    """Move a file under another name, with the one beside it when there is one."""
    to.parent.mkdir(exist_ok=True)
    if sidecar(path).exists():
        shutil.move(sidecar(path), sidecar(to))
    return Path(shutil.move(path, to))


@pytest.mark.parametrize("name", MADE)
def test_an_id_is_read_back_from_a_copy_under_another_name(tmp_path: Path, name: str) -> None:
    """PV-32: embedded, copied elsewhere, renamed, read back; and the hash of the content is what it was."""
    path = make(tmp_path, name)
    content = hash_file(path)
    when = datetime(2026, 11, 21, 20, 5, 7, 123000, tzinfo=UTC)

    told = embed(path, run=RUN, job=JOB, dataset=DATASET, time=when)
    assert told == Embedded(RUN, content, when, Named(*JOB), Named(*DATASET), True, told.place)
    assert (told.place == sidecar(path).name) == (name in BESIDE)
    elsewhere = moved(path, tmp_path / "elsewhere" / "renamed")

    found = read_embedded(elsewhere)
    assert found is not None
    assert dataclasses.replace(found, place=told.place) == told
    assert hash_file(elsewhere) == content
    quick = read_embedded(elsewhere, check=False)
    assert quick == dataclasses.replace(found, intact=None)


@pytest.mark.parametrize("name", MADE)
def test_other_readers_see_the_same_data(tmp_path: Path, name: str) -> None:
    """PV-32: pandas, polars, pyarrow, DuckDB, SQLite and a decoder of PNG read what they read before."""
    path = make(tmp_path, name)
    read = READ[path.suffix]
    before = read(path)
    assert before[0] in (ROWS, PIXELS)

    embed(path, run=RUN, job=JOB)
    assert read(path) == before


@pytest.mark.parametrize("name", [slow(name) if name == "rows.duckdb" else name for name in MADE])
def test_an_id_takes_the_place_of_the_one_before(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    content, when = hash_file(path), datetime(2026, 11, 21, tzinfo=UTC)
    embed(path, run=RUN, time=when)
    size = path.stat().st_size

    embed(path, run=RUN[::-1], time=when)
    found = read_embedded(path)
    assert found is not None
    assert found.run == RUN[::-1]
    assert hash_file(path) == content
    assert path.stat().st_size == size or name == "rows.duckdb"  # which grows by blocks
    assert len(list(tmp_path.iterdir())) == 1 + (name in BESIDE)


@pytest.mark.parametrize("name", [*IN_FOOTERS, "image.png"])
def test_what_the_writer_wrote_is_in_the_file_byte_for_byte(tmp_path: Path, name: str) -> None:
    """PV-32: no row and no footer is rewritten; without the bytes of the id it is the same file."""
    path = make(tmp_path, name)
    before = path.read_bytes()

    embed(path, run=RUN)
    after = path.read_bytes()
    if name == "image.png":
        assert after.startswith(before[:-12])
        assert after.endswith(before[-12:])
    else:
        assert after.startswith(before)


@pytest.mark.parametrize("name", [*IN_FOOTERS, "image.png"])
@settings(max_examples=15)
@given(data=st.data())
def test_a_changed_byte_is_another_content(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """PV-32: nothing but the text of an id can hide where the hash does not look."""
    folder = tmp_path_factory.getbasetemp() / f"changed-{name}"
    if not folder.exists():
        folder.mkdir()
        make(folder, name)
        embed(folder / name, run=RUN)
    whole, told = (folder / name).read_bytes(), read_embedded(folder / name)
    assert told is not None
    text = whole.index(b'{"lineageGraph"')
    end = whole.index(b"}", whole.index(b'"time"')) + 1

    at = data.draw(st.integers(0, text - 1) | st.integers(end, len(whole) - 1))
    changed = folder / "changed"
    changed.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    assert hash_file(changed) != told.content
    longer = folder / "longer"
    longer.write_bytes(whole[:at] + b"\0" + whole[at:])
    assert hash_file(longer) != told.content
    longer.write_bytes(whole + b"more")
    assert hash_file(longer) != told.content


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n51,more\n")


def _insert(path: Path) -> None:
    module = sqlite3 if path.suffix == ".sqlite" else duckdb
    with closing(module.connect(str(path))) as connection:
        connection.execute("INSERT INTO rows VALUES (51, 'more')")
        connection.commit()


@pytest.mark.parametrize(
    ("name", "change"),
    [*((name, _append) for name in BESIDE), ("rows.sqlite", _insert), slow("rows.duckdb", _insert)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_id_of_a_content_that_was_changed_says_so(
    tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    """PV-32: the id is of what the run wrote, and is not claimed of what became of it."""
    path = make(tmp_path, name)
    told = embed(path, run=RUN)

    change(path)
    assert read_embedded(path) == dataclasses.replace(told, intact=False)
    assert hash_file(path) != told.content


def test_a_file_written_from_the_one_with_an_id_has_none(tmp_path: Path) -> None:
    """Writers hand metadata on to the next file, whose rows another run may have made."""
    path = make(tmp_path, "pyarrow.parquet")
    embed(path, run=RUN)
    metadata = pyarrow.parquet.read_metadata(path).metadata
    assert b"lineageGraph" in metadata

    derived = tmp_path / "derived.parquet"
    pyarrow.parquet.write_table(TABLE.slice(3).replace_schema_metadata(metadata), derived)
    assert read_embedded(derived) is None
    content = hash_file(derived)
    embed(derived, run="another")
    found = read_embedded(derived)
    assert found is not None
    assert (found.run, found.intact, hash_file(derived)) == ("another", True, content)


def test_an_id_cannot_be_put_around_other_rows(tmp_path: Path) -> None:
    """PV-32: a footer that points to other rows is not the one that the id would have made."""
    path, other = make(tmp_path, "pyarrow.parquet"), tmp_path / "other.parquet"
    told = embed(path, run=RUN)
    pyarrow.parquet.write_table(TABLE.slice(1), other)
    size = other.stat().st_size
    embed(other, run=RUN)
    embedded, before = path.read_bytes(), make(tmp_path, "pyarrow.parquet").read_bytes()

    forged = tmp_path / "forged.parquet"
    forged.write_bytes(before + other.read_bytes()[size:])
    assert hash_file(forged) != told.content
    forged.write_bytes(before + b"rows" + embedded[len(before) :])
    assert hash_file(forged) != told.content


HIDING = [
    "rows that nobody counts",
    '{"lineageGraph":1,"run":"r","content":"c","time":"2026-01-01T00:00:00+00:00","rows":[1]}',
    '{"lineageGraph":1, "run":"r","content":"c","time":"2026-01-01T00:00:00+00:00"}',
]


@pytest.mark.parametrize("text", HIDING)
def test_nothing_but_an_id_is_left_out_of_a_hash(tmp_path: Path, text: str) -> None:
    """PV-32: not in a footer, not in a table, not in a file beside."""
    path, database, folder = (
        make(tmp_path, "pyarrow.parquet"),
        make(tmp_path, "rows.sqlite"),
        tmp_path / "folder",
    )
    folder.mkdir()
    make(folder, "rows.csv")
    contents = [hash_file(path), hash_file(database), hash_folder(folder)]

    with path.open("rb") as file:
        behind = parquet.built(file, path.stat().st_size, text)
    assert behind is not None
    path.write_bytes(path.read_bytes() + behind)
    embed(database, run=RUN)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE lineage_graph SET id = ?", (text,))
    sidecar(folder / "rows.csv").write_text(text)
    now = [hash_file(path), hash_file(database), hash_folder(folder)]
    assert [before == after for before, after in zip(contents, now, strict=True)] == [False] * 3


@pytest.mark.parametrize("count", [0, 1, 13, 14, 15, 200])
def test_entries_of_others_in_a_parquet_file_stay(tmp_path: Path, count: int) -> None:
    path = tmp_path / "table.parquet"
    said = {f"key {number}": "x" * number for number in range(count)}
    pyarrow.parquet.write_table(TABLE.replace_schema_metadata(said), path)
    before = pyarrow.parquet.read_metadata(path)

    embed(path, run=RUN)
    after = pyarrow.parquet.read_metadata(path)
    text = after.metadata.pop(b"lineageGraph", None) or dict(after.metadata)[b"lineageGraph"]
    assert json.loads(text)["run"] == RUN
    kept = {key: value for key, value in after.metadata.items() if key != b"lineageGraph"}
    assert kept == (before.metadata or {})
    assert after.num_rows == before.num_rows
    assert after.row_group(0).to_dict() == before.row_group(0).to_dict()


def test_entries_of_others_in_an_arrow_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "table.arrow"
    table = TABLE.append_column("d", pyarrow.array(["x", "y"] * 25).dictionary_encode())
    with pyarrow.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=9)
    with path.open("rb") as file:
        size = path.stat().st_size
        footer = ipc._footer(file, size)
    assert footer is not None
    said = ipc._with_entry(footer, b"of others", b"some text")
    path.write_bytes(
        path.read_bytes() + bytes(-size % 8) + said + len(said).to_bytes(4, "little") + b"ARROW1"
    )
    content = hash_file(path)

    told = embed(path, run=RUN)
    assert (told.place, hash_file(path), read_embedded(path)) == ("arrow", content, told)
    with pyarrow.ipc.open_file(path) as reader:
        assert reader.read_all().equals(table)
        if hasattr(reader, "metadata"):  # of younger pyarrow
            assert list(reader.metadata) == [b"lineageGraph", b"of others"]
            assert reader.metadata[b"of others"] == b"some text"
    with path.open("rb") as file:
        footer = ipc._footer(file, path.stat().st_size)
    assert footer is not None
    assert [ipc._text(footer, entry, 0) for entry in ipc._entries(footer)] == ["lineageGraph", "of others"]


@pytest.mark.parametrize("content", [b"PARE" + bytes(20) + b"PARE", b"PAR1", b"PAR1" + bytes(8) + b"PAR1"])
def test_a_parquet_file_that_cannot_take_an_id_has_it_beside(tmp_path: Path, content: bytes) -> None:
    """One with an encrypted footer, and what only begins like one."""
    path = tmp_path / "table.parquet"
    path.write_bytes(content)

    told = embed(path, run=RUN)
    assert path.read_bytes() == content
    assert told.place == "table.parquet.lineage.json"
    assert read_embedded(path) == told


@pytest.mark.parametrize(
    "content", [IMAGE[:-12], IMAGE[:8], IMAGE[:40], png((b"IEND", b"")), b"ARROW1\0\0ARROW1"]
)
def test_a_broken_file_has_its_id_beside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken"
    path.write_bytes(content)

    told = embed(path, run=RUN)
    assert (path.read_bytes(), told.place) == (content, "broken.lineage.json")


@pytest.mark.parametrize("name", BESIDE)
def test_a_file_renamed_without_its_id_is_recognised_by_its_content(tmp_path: Path, name: str) -> None:
    """PV-32: the sidecar says which content it is of."""
    path = make(tmp_path, name)
    told = embed(path, run=RUN)

    renamed = path.rename(tmp_path / "renamed")
    assert read_embedded(renamed) == told
    assert read_embedded(renamed, check=False) is None
    renamed.write_bytes(b"something else")
    assert read_embedded(renamed) is None


def test_swapped_files_are_recognised_by_their_contents(tmp_path: Path) -> None:
    one, other = make(tmp_path, "rows.csv"), make(tmp_path, "rows.jsonl")
    ids = {path: embed(path, run=path.name) for path in (one, other)}

    swapped = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(swapped)
    assert read_embedded(one) == ids[other]
    assert read_embedded(other) == ids[one]


def test_a_folder_has_its_id_beside_and_those_in_it_are_no_content(tmp_path: Path) -> None:
    """PV-32: a partitioned dataset."""
    folder = tmp_path / "dataset"
    for part in ("part=1", "part=2"):
        (folder / part).mkdir(parents=True)
        make(folder / part, "pyarrow.parquet")
        make(folder / part, "rows.csv")
    content = hash_folder(folder)

    told = embed(folder, run=RUN)
    assert (told.content, told.place) == (content, "dataset.lineage.json")
    embed(folder / "part=1" / "rows.csv", run=RUN)
    embed(folder / "part=1" / "pyarrow.parquet", run=RUN)
    assert read_embedded(folder) == told
    (folder / "part=2" / "note.lineage.json").write_text('{"mine": true}')
    assert read_embedded(folder) == dataclasses.replace(told, intact=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"lineageGraph": 2, "run": "r", "content": "c", "time": "2026-01-01T00:00:00+00:00"}',
        '{"lineageGraph": 1, "run": 5, "content": "c", "time": "2026-01-01T00:00:00+00:00"}',
        '{"lineageGraph": 1, "run": "r", "content": "c", "time": "yesterday"}',
        '{"lineageGraph": 1, "run": "r", "content": "c", "time": "2026-01-01", "job": {"name": 1}}',
        '{"lineageGraph": 1, "run": "r", "content": "c", "time": "2026-01-01", "job": "x"}',
        "[" * 100_000,
    ],
)
def test_a_file_beside_that_is_no_id_is_none(tmp_path: Path, text: str) -> None:
    path = make(tmp_path, "rows.csv")
    sidecar(path).write_text(text)

    assert read_embedded(path) is None


def test_nothing_is_read_of_a_file_without_an_id(tmp_path: Path) -> None:
    for name in MADE:
        assert read_embedded(make(tmp_path, name)) is None
    with pytest.raises(FileNotFoundError):
        read_embedded(tmp_path / "absent")


def test_a_run_puts_its_own_id_in_when_it_is_asked(tmp_path: Path) -> None:
    """PV-32: and only then."""
    path, other = make(tmp_path, "pyarrow.parquet"), make(tmp_path, "rows.csv")
    with capture(), track_run("revenue") as run:
        run.output(path)
        run.output(other)
        run.embed(path)

    told = read_embedded(path)
    assert told is not None
    assert (told.run, told.job, told.intact) == (run.run_id, Named("default", "revenue"), True)
    assert told.dataset == Named("file", str(path.resolve()))
    assert read_embedded(other) is None
