"""The content hash of tables and frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lineage.provenance.arrow import as_batches, pyarrow
from lineage.provenance.canonical import content_text, encode, hasher
from lineage.provenance.columns import BLOCK, plain, write_column
from lineage.provenance.schemas import schema_types


def hash_table(table: Any) -> str:
    """Return `table-sha256:HEX` of a table: names, types and values of its columns, rows in their order.

    `table` is a pyarrow Table, RecordBatch or RecordBatchReader (read to its end, a block of rows in memory
    at a time), a pandas or polars DataFrame, or anything that exports an Arrow stream. The same content has
    the same hash in each of them, and read back from Parquet or Feather; see docs/provenance.md for what
    counts as the same. The index of a pandas frame does not count: `reset_index()` makes it a column.

    MissingDependencyError without pyarrow; ContentError for what is no table, and for a column of a type
    that has no content hash.
    """
    schema, batches = as_batches(table)
    types = schema_types(schema)
    columns = [hasher("column") for _ in types]
    rows = 0
    for block in _blocks(batches):
        rows += sum(piece.num_rows for piece in block)
        for place, digest in enumerate(columns):
            write_column(_joined([piece.column(place) for piece in block]), digest.update)
    whole = hasher("table")
    whole.update(encode((types, rows, [digest.digest() for digest in columns])))
    return content_text("table", whole)


def _blocks(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut batches where blocks end; each list of pieces makes one block."""
    pieces: list[Any] = []
    missing = BLOCK
    for batch in batches:
        at = 0
        while at < batch.num_rows:
            piece = batch.slice(at, missing)
            pieces.append(piece)
            at += piece.num_rows
            missing -= piece.num_rows
            if not missing:
                yield pieces
                pieces, missing = [], BLOCK
    if pieces:
        yield pieces


def _joined(arrays: list[Any]) -> Any:
    if len(arrays) == 1:
        return arrays[0]
    # Without dictionaries, which differ from piece to piece.
    return pyarrow().concat_arrays([plain(array) for array in arrays])
