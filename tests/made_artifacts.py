"""Files of every format that an id is put into, and what their usual readers read in them."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet

ROWS = [{"n": number, "t": f"row {number}"} for number in range(50)]
TABLE = pyarrow.Table.from_pylist(ROWS)


def _duckdb(path: Path, *statements: str) -> None:
    with closing(duckdb.connect(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)


def _sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE rows (n INTEGER, t TEXT)")
        connection.executemany("INSERT INTO rows VALUES (:n, :t)", ROWS)


def _arrow(path: Path) -> None:
    with pyarrow.ipc.new_file(path, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=7)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


PIXELS = bytes(range(48))
_SCAN_LINES = b"".join(b"\0" + PIXELS[at : at + 12] for at in range(0, 48, 12))
IMAGE = png(
    (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)),
    (b"tEXt", b"Title\0pixels"),
    (b"IDAT", zlib.compress(_SCAN_LINES)),
    (b"IEND", b""),
)

MADE: dict[str, Callable[[Path], object]] = {
    "pyarrow.parquet": lambda path: pyarrow.parquet.write_table(TABLE, path, row_group_size=20),
    "polars.parquet": lambda path: polars.DataFrame(ROWS).write_parquet(path),
    "pandas.parquet": lambda path: pandas.DataFrame(ROWS).to_parquet(path),
    "duckdb.parquet": lambda path: duckdb.sql(
        "SELECT range AS n, 'row ' || range AS t FROM range(50)"
    ).write_parquet(str(path)),
    "table.feather": lambda path: pyarrow.feather.write_feather(TABLE, path),
    "polars.arrow": lambda path: polars.DataFrame(ROWS).write_ipc(path),
    "plain.arrow": _arrow,
    "image.png": lambda path: path.write_bytes(IMAGE),
    "rows.sqlite": _sqlite,
    "rows.duckdb": lambda path: _duckdb(
        path,
        "CREATE TABLE rows (n BIGINT, t VARCHAR)",
        "INSERT INTO rows SELECT range, 'row ' || range FROM range(50)",
        "CREATE VIEW few AS SELECT * FROM rows LIMIT 3",
    ),
    "rows.csv": lambda path: pandas.DataFrame(ROWS).to_csv(path, index=False),
    "rows.json": lambda path: pandas.DataFrame(ROWS).to_json(path, orient="records"),
    "rows.jsonl": lambda path: polars.DataFrame(ROWS).write_ndjson(path),
}
INSIDE = [name for name in MADE if Path(name).suffix not in {".csv", ".json", ".jsonl"}]
BESIDE = [name for name in MADE if name not in INSIDE]
IN_FOOTERS = [name for name in MADE if name.endswith(("parquet", "feather", "arrow"))]


def make(folder: Path, name: str) -> Path:
    """Write one of `MADE` into a folder."""
    path = folder / name
    MADE[name](path)
    return path


def _pixels(path: Path) -> bytes:
    data, at, lines = path.read_bytes(), 8, b""
    kinds = []
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        kinds.append(kind)
        lines += body if kind == b"IDAT" else b""
        at += 12 + length
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    return b"".join(zlib.decompress(lines)[at + 1 : at + 13] for at in range(0, 52, 13))


def _of_parquet(path: Path) -> list[Any]:
    query = f"SELECT n, t FROM read_parquet('{path}')"
    return [
        pyarrow.parquet.read_table(path).to_pylist(),
        polars.read_parquet(path).to_dicts(),
        polars.scan_parquet(path).filter(polars.col("n") >= 0).collect().to_dicts(),
        pandas.read_parquet(path).to_dict("records"),
        [{"n": n, "t": t} for n, t in duckdb.sql(query).fetchall()],
    ]


def _of_arrow(path: Path) -> list[Any]:
    with pyarrow.memory_map(str(path)) as mapped:
        table = pyarrow.ipc.open_file(mapped).read_all().to_pylist()
    return [
        table,
        pyarrow.feather.read_table(path).to_pylist(),
        polars.read_ipc(path.read_bytes()).to_dicts(),
        polars.scan_ipc(path).collect().to_dicts(),
        pandas.read_feather(path).to_dict("records"),
    ]


def _of_database(module: Any, path: Path) -> list[Any]:
    with closing(module.connect(str(path))) as connection:
        rows = connection.execute("SELECT n, t FROM rows").fetchall()
    return [[{"n": n, "t": t} for n, t in rows]]


READ: dict[str, Callable[[Path], list[Any]]] = {
    ".parquet": _of_parquet,
    ".feather": _of_arrow,
    ".arrow": _of_arrow,
    ".png": lambda path: [_pixels(path)],
    ".sqlite": lambda path: _of_database(sqlite3, path),
    ".duckdb": lambda path: _of_database(duckdb, path),
    ".csv": lambda path: [pandas.read_csv(path).to_dict("records"), polars.read_csv(path).to_dicts()],
    ".json": lambda path: [pandas.read_json(path).to_dict("records"), polars.read_json(path).to_dicts()],
    ".jsonl": lambda path: [polars.read_ndjson(path).to_dicts()],
}
