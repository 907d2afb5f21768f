"""Files of fsspec: what runs are told of what is opened, read, written and copied."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from fsspec.asyn import AsyncFileSystem
from told_runs import told_run

import producers
from producers.fsspec import sides_of


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text("a,b\n1,2\n")
    producers.install("fsspec")


@pytest.mark.parametrize(
    ("mode", "sides"),
    [
        ("r", (True, False)),
        ("rb", (True, False)),
        ("wb", (False, True)),
        ("x", (False, True)),
        ("a", (False, True)),
        ("r+b", (True, True)),
    ],
)
def test_a_mode_reads_or_writes(mode: str, sides: tuple[bool, bool]) -> None:
    assert sides_of(mode) == sides


def test_files_are_told_as_they_are_opened() -> None:
    with told_run() as told:
        with fsspec.open("orders.csv", "rt") as file:
            assert file.read() == "a,b\n1,2\n"
        with fsspec.open(f"file://{Path('copy.csv').absolute()}", "wb") as file:
            file.write(b"x")

    assert told.inputs == {"orders.csv": None}
    assert told.outputs == {"copy.csv": None}
    assert told.dataset("orders.csv")["namespace"] == "file"


def test_whole_files_are_told() -> None:
    local, here = fsspec.filesystem("file"), str(Path.cwd())
    with told_run() as told:
        local.cat(f"{here}/orders.csv")
        local.pipe(f"{here}/piped.csv", b"x")
        local.copy(f"{here}/piped.csv", f"{here}/copied.csv")
        local.write_text(f"{here}/text.csv", "x")

    assert set(told.inputs) == {"orders.csv", "piped.csv"}
    assert set(told.outputs) == {"piped.csv", "copied.csv", "text.csv"}


def test_archives_and_memory() -> None:
    with ZipFile("orders.zip", "w") as archive:
        archive.writestr("inner.csv", "x")
    with told_run() as told:
        with fsspec.open("zip://inner.csv::orders.zip") as file:
            file.read()
        with fsspec.open("memory://x/y.csv", "wb") as file:
            file.write(b"x")

    assert told.inputs == {"orders.zip": None}
    assert told.outputs == {}


class Lake(AsyncFileSystem):  # type: ignore[misc]
    """An object store that works asynchronously, as those of clouds do."""

    protocol = "s3"
    cachable = False
    stored: dict[str, bytes] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("s3://")

    async def _pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        self.stored[self._strip_protocol(path)] = value

    async def _cat_file(self, path: str, **kwargs: Any) -> bytes:
        await asyncio.sleep(0)
        return self.stored[self._strip_protocol(path)]

    async def _info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        return {"name": path, "size": len(self.stored[path]), "type": "file"}


def test_object_stores_that_work_asynchronously_are_told() -> None:
    lake = Lake()
    with told_run() as told:
        lake.pipe_file("s3://lake/raw/orders", b"x")
        assert lake.cat_file("lake/raw/orders") == b"x"

    (read,), (written,) = told.event["inputs"], told.event["outputs"]
    assert (read["namespace"], read["name"]) == ("s3://lake", "raw/orders")
    assert (written["namespace"], written["name"]) == ("s3://lake", "raw/orders")


def test_what_cannot_be_opened_is_no_input() -> None:
    with told_run() as told, pytest.raises(FileNotFoundError):
        fsspec.open("nowhere.csv").open()

    assert told.inputs == {}


def test_the_files_of_a_folder_that_is_read_are_part_of_it() -> None:
    producers.install("pyarrow")
    table, local = pa.table({"a": [1]}), fsspec.filesystem("file")
    for part in ("0", "1"):
        Path("parts", part).mkdir(parents=True)
        pq.write_table(table, f"parts/{part}/x.parquet")
    with told_run() as told:
        asked = ds.dataset(f"{Path.cwd()}/parts", filesystem=local)
        assert asked.to_table(use_threads=False).num_rows == 2
        with local.open(f"{Path.cwd()}/orders.csv") as file:
            file.read()

    assert set(told.inputs) == {"parts", "orders.csv"}
