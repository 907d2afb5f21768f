"""The content hash of rows, such as a cursor gives them."""

from __future__ import annotations

import hashlib
import heapq
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import IO, Any

from lineage.errors import ContentError
from lineage.provenance.canonical import VERSION, content_text, encode, hasher

_SIZE = hashlib.sha256().digest_size
_IN_MEMORY = 500_000
"""Digests of rows that are sorted in memory, about 40 MB; of more, sorted parts wait in temporary files."""


def hash_rows(columns: Sequence[str], rows: Iterable[Any], *, ordered: bool = True) -> str:
    """Return `table-sha256:HEX` of rows in their order, or `bag-sha256:HEX` of rows in any order.

    `columns` are the names, as `[c[0] for c in cursor.description]`; `rows` are sequences or mappings, read
    once. Rows have no types but those of their values, so the hash is not that of a frame with the same
    content: compare like with like. A row twice is not a row once. ContentError for a row of another
    length, and for a value without a content hash.
    """
    names = [str(name) for name in columns]
    encoded = _encoded(names, rows)
    return _in_order(names, encoded) if ordered else _as_bag(names, encoded)


def _encoded(names: list[str], rows: Iterable[Any]) -> Iterator[bytes]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, str | bytes):
            raise ContentError(f"row {number} is one text, not its values; a frame has hash_table")
        try:
            values = tuple(row[name] for name in names) if isinstance(row, Mapping) else tuple(row)
        except KeyError as error:
            raise ContentError(f"row {number} has no column {error.args[0]!r}") from None
        if len(values) != len(names):
            raise ContentError(f"row {number} has {len(values)} values for {len(names)} columns")
        yield encode(values)


def _in_order(names: list[str], encoded: Iterable[bytes]) -> str:
    digest, count = hasher("rows"), 0
    digest.update(encode(names))
    for count, row in enumerate(encoded, 1):  # noqa: B007
        digest.update(row)
    digest.update(encode(count))  # an int cannot be taken for a row, which is a tuple
    return content_text("table", digest)


def _as_bag(names: list[str], encoded: Iterable[bytes]) -> str:
    """Hash the sorted hashes of the rows.

    A sum of them would need no sorting, and is no proof: to find rows with a wanted sum modulo 2^256 takes
    about 2^32 steps (Wagner, "A Generalized Birthday Problem", 2002), and with a wanted XOR only linear
    algebra.
    """
    digest, count = hasher("bag"), 0
    digest.update(encode(names))
    with ExitStack() as files:
        for row in _sorted((hashlib.sha256(VERSION + row).digest() for row in encoded), files):
            digest.update(row)
            count += 1
    digest.update(encode(count))
    return content_text("bag", digest)


def _sorted(hashes: Iterator[bytes], files: ExitStack) -> Iterable[bytes]:
    part = sorted(islice(hashes, _IN_MEMORY))
    if len(part) < _IN_MEMORY:
        return part
    parts: list[Iterator[bytes]] = []
    while part:
        file = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by the stack
        file.write(b"".join(part))
        parts.append(_read(file))
        part = sorted(islice(hashes, _IN_MEMORY))
    return heapq.merge(*parts)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_SIZE * 4096):
        yield from (block[at : at + _SIZE] for at in range(0, len(block), _SIZE))
