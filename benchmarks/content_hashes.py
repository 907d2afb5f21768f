"""How fast content is hashed: a file beside `sha256sum`, blake3 and blake2b, a table in each library, rows.

By CPU time (of the child for `sha256sum`), in turns, the median of several repeats; blake3 with one thread,
as the others have. A table's bytes are those of its Arrow buffers, so a column of booleans counts an eighth
of a byte a row.
"""

from __future__ import annotations

import hashlib
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from lineage.provenance import hash_file, hash_folder, hash_rows, hash_table

Ways = dict[str, Callable[[], object]]


def _cpu() -> float:
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + child.ru_utime + child.ru_stime


def _measure(ways: Ways, size: int, repeats: int, base: str) -> None:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            start = _cpu()
            work()
            times[name].append(_cpu() - start)
    usual = statistics.median(times[base])
    for name, taken in times.items():
        middle = statistics.median(taken)
        spread = f"{size / max(taken) / 1e6:.0f} to {size / min(taken) / 1e6:.0f}"
        print(f"  {name:<34}{size / middle / 1e6:>9.0f} MB/s{usual / middle:>8.2f}   {spread}")


def _file(path: Path) -> Ways:
    def digest(make: Callable[[], Any]) -> Callable[[], object]:
        def read() -> object:
            with path.open("rb") as file:
                return hashlib.file_digest(file, make).hexdigest()

        return read

    ways: Ways = {
        "sha256sum": lambda: subprocess.run(["sha256sum", path], capture_output=True, check=True),
        "hash_file": lambda: hash_file(path),
        "hash_folder": lambda: hash_folder(path.parent),
        "hashlib.blake2b": digest(hashlib.blake2b),
    }
    if find_spec("blake3"):
        import blake3

        ways[f"blake3 {blake3.__version__}"] = digest(blake3.blake3)
    return ways


def _table(rows: int) -> pa.Table:
    random = np.random.default_rng(8)
    numbers = random.integers(0, 1 << 60, rows)
    return pa.table(
        {
            "int64": numbers,
            "int64, a tenth null": pa.array(numbers, mask=random.random(rows) < 0.1),
            "float64": random.random(rows),
            "string": pa.array([f"customer {number}" for number in random.integers(0, 10_000, rows)]),
            "timestamp[us]": pa.array(numbers >> 10, pa.timestamp("us")),
            "bool": random.random(rows) < 0.5,
            "list<int64>": pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), numbers),
        }
    )


def _of(table: Any) -> Callable[[], object]:
    return lambda: hash_table(table)


def _print_head(what: str, base: str) -> None:
    print(f"\n{what}\n  {'':<34}{'':>14}{'x ' + base:>8}   lowest to highest MB/s")


def main(quick: bool) -> None:
    """Print MB/s of a file, of a table in each library, of its columns and of rows, with ratios."""
    size, rows, repeats = (32 << 20, 200_000, 3) if quick else (256 << 20, 2_000_000, 5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        with path.open("wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
        _print_head(f"a file of {size >> 20} MiB", "the first")
        _measure(_file(path), size, repeats, "sha256sum")

    table = _table(rows)
    buffer = os.urandom(table.nbytes)
    _print_head(f"a table of {rows:,} rows and {table.nbytes >> 20} MiB", "the first")
    whole: Ways = {
        "hashlib.sha256 of as many bytes": lambda: hashlib.sha256(buffer).hexdigest(),
        f"pyarrow {pa.__version__}": _of(table),
        f"polars {pl.__version__}": _of(pl.DataFrame(table)),
        f"pandas {pd.__version__}, Arrow's types": _of(table.to_pandas(types_mapper=pd.ArrowDtype)),
        f"pandas {pd.__version__}, its own": _of(table.drop_columns(["list<int64>"]).to_pandas()),
    }
    _measure(whole, table.nbytes, repeats, "hashlib.sha256 of as many bytes")
    print("\none column of it")
    for name in table.schema.names:
        one = table.select([name])
        _measure({name: _of(one)}, one.nbytes, repeats, name)

    part = table.slice(0, rows // 20)
    tuples = list(zip(*[column.to_pylist() for column in part.columns], strict=True))
    _print_head(f"{len(tuples):,} rows of {len(part.columns)} Python values", "the first")
    names = part.schema.names
    _measure(
        {
            "hash_rows, in order": lambda: hash_rows(names, tuples),
            "hash_rows, as a bag": lambda: hash_rows(names, tuples, ordered=False),
        },
        part.nbytes,
        repeats,
        "hash_rows, in order",
    )
