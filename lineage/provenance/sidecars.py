"""The id of an artifact in a small file beside it, for formats that have no place for one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from lineage.provenance.embedded import Embedded, from_text, is_id
from lineage.provenance.replacing import replace_file

SUFFIX = ".lineage.json"
_LARGEST = 65_536
_MOST = 1_000


def sidecar_of(path: Path) -> Path:
    """Return where the id of a file or folder stands: `NAME.lineage.json` beside it."""
    return path.with_name(path.name + SUFFIX)


def write_sidecar(path: Path, text: str) -> None:
    """Write the id of a file or folder beside it; OSError when that cannot be."""
    data = text.encode() + b"\n"
    replace_file(sidecar_of(path), lambda file: _write(file, data), like=path)


def _write(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def read_sidecar(sidecar: Path) -> Embedded | None:
    """Read the id in a sidecar; None for what is none, or cannot be read."""
    return from_text(_text(sidecar), sidecar.name)


def is_sidecar(path: Path) -> bool:
    """Whether a file is the id of another and nothing more, and so no content of its folder."""
    return path.name.endswith(SUFFIX) and is_id(_text(path).removesuffix("\n"))


def _text(sidecar: Path) -> str:
    try:
        with sidecar.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        return ""
    return data.decode("utf-8", "replace") if len(data) <= _LARGEST else ""


def other_sidecars(path: Path) -> Iterator[Embedded]:
    """Give the ids in the folder that are of other names: an artifact may be renamed without its own."""
    found = islice(path.parent.glob(f"*{SUFFIX}"), _MOST)
    others = (sidecar for sidecar in sorted(found) if sidecar != sidecar_of(path))
    return (id for sidecar in others if (id := read_sidecar(sidecar)) is not None)
