"""What is read or written as a dataset, by tables."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from producers._paths import dataset_of, datasets_of


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/data/orders.parquet", ("file", "/data/orders.parquet")),
        ("file:///data/orders.parquet", ("file", "/data/orders.parquet")),
        (Path("/data/orders.parquet"), ("file", "/data/orders.parquet")),
        ("s3://lake/raw/orders.parquet", ("s3://lake", "raw/orders.parquet")),
        ("s3a://lake/raw/orders.parquet", ("s3://lake", "raw/orders.parquet")),
        ("gs://lake/raw/*.parquet", ("gs://lake", "raw/*.parquet")),
        ("gcs://lake/raw", ("gs://lake", "raw")),
        ("abfss://box@shop.dfs.core.windows.net/raw", ("abfss://box@shop.dfs.core.windows.net", "raw")),
        ("simplecache::s3://lake/raw.csv", ("s3://lake", "raw.csv")),
        ("zip://inner.csv::s3://lake/raw.zip", ("s3://lake", "raw.zip")),
        ("https://files.shop.example/a.csv", ("https://files.shop.example", "a.csv")),
        ("hdfs://name:8020/raw", ("hdfs://name:8020", "/raw")),
        ("memory://x/y.csv", None),
        ("a,b\n1,2", None),
        ("", None),
        (b"PAR1", None),
        (io.BytesIO(b"x"), None),
        (io.StringIO("x"), None),
        (None, None),
        (5, None),
    ],
)
def test_what_is_given_has_the_name_it_has_everywhere(source: Any, expected: tuple[str, str] | None) -> None:
    found = dataset_of(source)

    assert (found and (found.namespace, found.name)) == expected


@pytest.mark.parametrize(
    "source",
    [
        "https://lake.s3.amazonaws.com/raw.csv?X-Amz-Credential=planted&X-Amz-Signature=planted",
        "https://shop.blob.core.windows.net/box/raw.csv?sv=2024&sig=planted%3D",
        "https://user:planted@files.shop.example/raw.csv",
        "s3://key:planted@lake/raw.csv",
        "s3://lake/raw.csv?X-Amz-Signature=planted",
        "simplecache::https://planted:planted@files.shop.example/raw.csv?token=planted",
        "sftp://user:planted@files.shop.example/raw.csv",
    ],
)
def test_credentials_are_in_no_name(source: str) -> None:
    found = dataset_of(source)

    assert found is not None
    assert found.name.endswith("raw.csv")
    assert "planted" not in repr(found)


def test_file_systems_complete_paths() -> None:
    def named(path: str, filesystem: Any) -> tuple[str, str] | None:
        found = dataset_of(path, filesystem)
        return (found.namespace, found.name) if found else None

    azure = SimpleNamespace(protocol=("abfs", "az"), account_name="shop")
    assert named("box/raw", azure) == ("abfss://box@shop.dfs.core.windows.net", "raw")
    assert named("lake/raw", SimpleNamespace(protocol=["s3", "s3a"])) == ("s3://lake", "raw")
    assert named("lake/raw", SimpleNamespace(type_name="gcs")) == ("gs://lake", "raw")
    assert named("lake/raw", SimpleNamespace(type_name="s3")) == ("s3://lake", "raw")
    handler = SimpleNamespace(fs=SimpleNamespace(protocol="s3"))
    assert named("lake/raw", SimpleNamespace(type_name="py::fsspec+s3", handler=handler)) == (
        "s3://lake",
        "raw",
    )
    cached = SimpleNamespace(protocol="simplecache", fs=SimpleNamespace(protocol="s3"))
    assert named("lake/raw", cached) == ("s3://lake", "raw")
    sftp = SimpleNamespace(protocol="sftp", host="files.shop.example")
    assert named("/raw.csv", sftp) == ("sftp://files.shop.example", "raw.csv")
    assert named("x", SimpleNamespace(protocol="memory")) is None
    assert named("x", SimpleNamespace(type_name="mock")) is None
    assert named("x", object()) is None


def test_relative_paths_and_open_files_are_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b.csv").write_text("x")
    with Path("a b.csv").open() as text, Path("a b.csv").open("rb") as data:
        found = [dataset_of(each) for each in ("a b.csv", "./a b.csv", text, data)]

    assert {each.name for each in found if each} == {str(tmp_path / "a b.csv")}
    assert None not in found


def test_several_sources_are_several_datasets_each_once() -> None:
    assert [each.name for each in datasets_of(["/a", "/b", "/a"])] == ["/a", "/b"]
    assert [each.name for each in datasets_of("/a")] == ["/a"]
    assert list(datasets_of(io.BytesIO())) == []
    assert list(datasets_of(None)) == []
