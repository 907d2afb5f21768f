"""The file of what is accepted: a line for each function and what it calls, without line numbers.

Lines move when code is edited; what is accepted does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lineage.errors import LineageError
from lineage.provenance.untracked.module import Function

_HEAD = "# What may read or write data untracked: PATH::FUNCTION CALL. Made by --write-baseline.\n"


class AcceptedFileError(LineageError, ValueError):
    """The file of what is accepted cannot be read, or a line of it is none of these."""


def lines_of(path: str, function: Function) -> list[str]:
    """Return the lines by which what a function calls is accepted."""
    return sorted({f"{path}::{function.name} {call.name}" for call in function.untracked})


def written_accepted(untracked: Iterable[tuple[str, Function]]) -> str:
    """Return the text of the file that accepts all of these."""
    lines = {line for path, function in untracked for line in lines_of(path, function)}
    return _HEAD + "".join(f"{line}\n" for line in sorted(lines))


def read_accepted(file: Path) -> frozenset[str]:
    """Return the lines of the file; what stands behind `#` is a remark.

    Raises AcceptedFileError where it cannot be read, or a line is none that `written_accepted` writes.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AcceptedFileError(f"{file} cannot be read: {reason}") from error
    found = set()
    for number, line in enumerate(text.splitlines(), 1):
        told = line.strip()
        if not told or told.startswith("#"):
            continue
        where, _, call = told.rpartition(" ")
        if "::" not in where or not call:
            raise AcceptedFileError(
                f"{file}, line {number}: {told!r} is no PATH::FUNCTION CALL; --write-baseline makes the file"
            )
        found.add(f"{where.strip()} {call}")
    return frozenset(found)
