"""Tables of pyarrow: what runs are told of the files they are read from and written to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.dataset as ds
import pyarrow.feather as pf
import pyarrow.json as pj
import pyarrow.orc as po
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from told_runs import told_run

import producers

TABLE = pa.table({"day": ["a", "a", "b"], "amount": [3, 4, 0]})
TYPES = {"day": "string", "amount": "int64"}


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    producers.install("pyarrow")


@pytest.mark.parametrize(
    ("module", "write", "read"),
    [
        (pq, "write_table", "read_table"),
        (pq, "write_table", "read_pandas"),
        (pc, "write_csv", "read_csv"),
        (pf, "write_feather", "read_table"),
        (po, "write_table", "read_table"),
    ],
)
def test_a_file_is_one_input_or_output(module: ModuleType, write: str, read: str) -> None:
    with told_run() as written:
        getattr(module, write)(TABLE, "file")
    with told_run() as told:
        assert getattr(module, read)("file") == TABLE

    assert written.outputs == told.inputs == {"file": 3}
    assert written.schema("file") == told.schema("file") == TYPES


def test_json_is_read() -> None:
    Path("file").write_text('{"day": "a", "amount": 3}\n')
    with told_run() as told:
        pj.read_json("file")

    assert told.inputs == {"file": 1}


def test_datasets_of_many_files_are_one() -> None:
    with told_run() as told:
        pq.write_to_dataset(TABLE, "hive", partition_cols=["day"])
        ds.write_dataset(TABLE, "plain", format="parquet")
        assert ds.dataset("plain").to_table() == TABLE
        assert pq.ParquetDataset("hive").read().num_rows == 3

    assert told.outputs == {"hive": 3, "plain": 3}
    assert set(told.inputs) == {"hive", "plain"}
    assert told.schema("plain") == TYPES


def test_a_file_that_is_written_in_parts_has_the_rows_of_all() -> None:
    with told_run() as told:
        with pq.ParquetWriter("file", TABLE.schema) as writer:
            writer.write_table(TABLE)
            writer.write_batch(TABLE.to_batches()[0])
        with pq.ParquetFile("file") as file:
            assert sum(batch.num_rows for batch in file.iter_batches()) == 6

    assert told.outputs == {"file": 6}
    assert told.inputs == {"file": None}


def test_a_look_at_the_metadata_is_no_read() -> None:
    pq.write_table(TABLE, "file")
    with told_run() as told:
        pq.ParquetFile("file").close()
        pq.read_schema("file")

    assert told.inputs == {}


def test_the_file_system_says_where_a_path_is(tmp_path: Path) -> None:
    with told_run() as told:
        local = fs.LocalFileSystem()
        pq.write_table(TABLE, str(tmp_path / "file"), filesystem=local)
        pq.read_table("file", filesystem=fs.SubTreeFileSystem(str(tmp_path), local))

    (read,), (written,) = told.event["inputs"], told.event["outputs"]
    assert read["name"] == written["name"] == str(tmp_path / "file")
    assert read["namespace"] == "file"


def test_buffers_have_no_name() -> None:
    with told_run() as told:
        sink = pa.BufferOutputStream()
        pq.write_table(TABLE, sink)
        pq.read_table(pa.BufferReader(sink.getvalue()))

    assert told.inputs == told.outputs == {}


def test_modules_are_hooked_when_they_are_loaded_and_not_before() -> None:
    program = """
import sys, pyarrow, producers
producers.install("pyarrow")
print("pyarrow.parquet" in sys.modules)
import pyarrow.parquet as pq
print(hasattr(pq.read_table, "__wrapped__"), hasattr(pq.core.read_table, "__wrapped__"))
producers.uninstall("pyarrow")
import pyarrow.csv
print(hasattr(pq.read_table, "__wrapped__"), hasattr(pyarrow.csv.read_csv, "__wrapped__"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert done.stdout.split() == ["False", "True", "True", "False", "False"], done.stderr
