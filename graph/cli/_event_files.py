"""Events in files: JSON Lines, one JSON array, or one JSON object, gzipped or not, or on standard input."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any, NamedTuple

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class UnreadableFileError(Exception):
    """A file that cannot be read, with its name and the reason."""

    def __init__(self, name: str, reason: object) -> None:
        super().__init__(f"{name}: {reason}")


class Event(NamedTuple):
    """One event as it stands in a file; `number` is its line, in an array its place (from 1)."""

    number: int
    body: bytes


class EventFile:
    """A file of events, open for one pass over them.

    Making one opens the file, and raises UnreadableFileError where that fails; so does going over it where it
    cannot be read to its end. `-` is standard input.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.size: int | None = None
        """The bytes of the file as it lies on disk; None where that is unknown, as of standard input."""
        try:
            self._raw = self._open()
        except OSError as error:
            raise UnreadableFileError(name, error.strerror or error) from error

    def _open(self) -> io.BufferedReader:
        if self.name == "-":
            self.name = "standard input"
            return io.BufferedReader(_Unclosed(sys.stdin.buffer))
        file = open(self.name, "rb")  # noqa: SIM115  # closed by close()
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode):
            self.size = found.st_size
        return file

    @property
    def position(self) -> int:
        """How many bytes of the file as it lies on disk were read."""
        return 0 if self._raw.closed or self.size is None else self._raw.tell()

    def close(self) -> None:
        """Give the file back."""
        self._raw.close()

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from _events(self._plain())
        except (OSError, EOFError, zlib.error, _BrokenArrayError) as error:
            raise UnreadableFileError(self.name, error) from error

    def _plain(self) -> IO[bytes]:
        if self._raw.peek(2)[:2] == _GZIP:
            return io.BufferedReader(gzip.GzipFile(fileobj=self._raw))
        return self._raw


class _Unclosed(io.RawIOBase):
    """Standard input as a raw stream that stays open when its reader is closed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        read = self._stream.read1 if hasattr(self._stream, "read1") else self._stream.read
        data: bytes = read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _BrokenArrayError(ValueError):
    """What begins like a JSON array is none."""


def _events(file: IO[bytes]) -> Iterator[Event]:
    lines = ((number, line) for number, line in enumerate(file, 1))
    for number, line in lines:
        first = line.removeprefix(_BOM) if number == 1 else line
        if not first.strip():
            continue
        if first.lstrip()[:1] == b"[":
            yield from _of_array(first + file.read())
        elif _is_json(first):
            yield from _of_lines(chain([(number, first)], lines))
        else:
            yield from _of_object(number, first, file.read())
        return


def _of_lines(lines: Iterator[tuple[int, bytes]]) -> Iterator[Event]:
    return (Event(number, line.strip()) for number, line in lines if line.strip())


def _of_array(text: bytes) -> Iterator[Event]:
    import msgspec

    try:
        bodies = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _BrokenArrayError(f"begins like a JSON array and is none: {error}") from error
    return (Event(number, bytes(body)) for number, body in enumerate(bodies, 1))


def _of_object(number: int, first: bytes, rest: bytes) -> Iterator[Event]:
    """Yield the one object that spans the lines; if they are none, each line, for ingest to reject."""
    whole = first + rest
    if _is_json(whole):
        yield Event(number, whole.strip())
        return
    yield from _of_lines((number + place, line) for place, line in enumerate(whole.splitlines()))


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True
