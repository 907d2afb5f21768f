"""What was sent to a DataHub, kept in a file: so that an export goes on where another one ended."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from graph.errors import StoreError


class Sent:
    """The digests of what DataHub has from us, by urn and aspect; one process at a time has it open.

    Each line of the file is what was acknowledged: the last one of an aspect counts, and a torn last line
    of a process that was killed is none. Raises StoreError where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[tuple[str, str], str] = {}
        try:
            with ExitStack() as held:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = held.enter_context(path.with_name(f"{path.name}.lock").open("w", encoding="utf-8"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._read()
                self._file: IO[str] = held.enter_context(path.open("a", encoding="utf-8"))
                self._held = held.pop_all()
        except OSError as error:
            reason = f"what was sent to DataHub cannot be kept: {error.strerror or error}"
            if isinstance(error, BlockingIOError):
                reason = "another export to this DataHub is running"
            raise StoreError(str(path), reason) from error

    def _read(self) -> None:
        lines = self._path.read_text("utf-8").split("\n") if self._path.exists() else [""]
        for line in lines[:-1]:  # behind the last line end stands nothing, or a line that is not whole
            self._take(line)
        if lines[-1] or len(lines) > 2 * len(self._known) + 1000:
            written = self._path.with_name(f"{self._path.name}.new")
            written.write_text("".join(_line(*key, digest) for key, digest in self._known.items()), "utf-8")
            os.replace(written, self._path)

    def _take(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return
        if isinstance(told, dict) and {"urn", "aspect"} <= told.keys():
            self._remember(told["urn"], told["aspect"], told.get("digest"))

    def _remember(self, urn: str, aspect: str, digest: str | None) -> None:
        if digest is None:
            self._known.pop((urn, aspect), None)
        else:
            self._known[urn, aspect] = digest

    def __enter__(self) -> Sent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def known(self) -> Mapping[tuple[str, str], str]:
        """Every digest by urn and aspect."""
        return self._known

    def record(self, acknowledged: Iterable[tuple[str, str, str | None]]) -> None:
        """Keep (urn, aspect, digest) of what was acknowledged; None as digest is of what was taken back."""
        lines = []
        for urn, aspect, digest in acknowledged:
            self._remember(urn, aspect, digest)
            lines.append(_line(urn, aspect, digest))
        self._file.write("".join(lines))
        self._file.flush()

    def close(self) -> None:
        """Let others have it."""
        self._held.close()


def _line(urn: str, aspect: str, digest: str | None) -> str:
    told: dict[str, Any] = {"urn": urn, "aspect": aspect, "digest": digest}
    return json.dumps(told) + "\n"
