"""How long the body of an upload or a message is, as far as that is known without reading it."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import Any


def length_of(body: Any) -> int | None:
    """Return the bytes of a body; None where only reading it would tell, and for types of the host's own."""
    kind: Any = type(body)
    length: int | None = None
    if kind in (bytes, bytearray):
        length = len(body)
    elif kind is str:
        length = len(body) if body.isascii() else len(body.encode("utf-8", "surrogatepass"))
    elif kind is memoryview:
        length = body.nbytes
    elif kind is io.BytesIO and not body.closed:
        length = max(0, body.getbuffer().nbytes - body.tell())
    elif kind in (io.BufferedReader, io.FileIO) and not body.closed:
        with suppress(OSError):
            length = max(0, os.fstat(body.fileno()).st_size - body.tell())
    elif kind.__module__ == "s3transfer.utils" and hasattr(body, "__len__"):
        length = len(body)
    return length
