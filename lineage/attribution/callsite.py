"""Which line of the application runs a query.

The frames of libraries, of the standard library and of this package are left out. No source is read; the
walk notes code and instruction, which costs the same anywhere, and is bounded. Lines are worked out later,
by our thread, once per place.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

from lineage.config import Config

Spot = tuple[CodeType, int]
"""A place in running code: the code and the offset of its instruction."""

Line = tuple[str, int, str]
"""A place in a source: file, line, and the qualified name of the function."""

MAX_LOOKED_AT = 150
"""How many frames are looked at for one of the application's: an ORM puts some 30 of its own on top."""

MAX_BETWEEN = 30
"""How many frames of others are looked at between two of the application's: what a framework puts between a
handler and a middleware. Below the last one stands the server, which may be deep and tells nothing."""

MAX_PLACES = 10_000
"""How many stacks are remembered with their lines, and files with what was decided about them."""


class Application:
    """What counts as the application's code under some settings; what was decided is remembered."""

    __slots__ = ("_keep", "_skip", "between", "files", "frames", "limit")

    def __init__(self, config: Config) -> None:
        self._keep, self._skip = config.callsite_keep, config.callsite_skip
        self.frames = sys.maxsize if config.callsite_frames is None else config.callsite_frames
        self.limit = sys.maxsize if config.callsite_frames is None else MAX_LOOKED_AT
        self.between = sys.maxsize if config.callsite_frames is None else MAX_BETWEEN + 1
        self.files: dict[str, bool | None] = {}

    def judge(self, path: str) -> bool | None:
        """Decide whether a file is the application's; None where it is if it is the main module.

        What a library made from text is not the application's, what `python -c` was given is.
        """
        verdict: bool | None = self._is_application(path)
        if verdict and path == "<string>":
            verdict = None
        if len(self.files) >= MAX_PLACES:  # code made at run time under ever new names
            self.files.clear()
        self.files[path] = verdict
        return verdict

    def _is_application(self, path: str) -> bool:
        absolute = os.path.abspath(path)
        if any(_below(absolute, kept) for kept in self._keep):
            return True
        if any(_below(absolute, skipped) for skipped in self._skip):
            return False
        if path.startswith("<"):  # made by machinery, but for what people type; a notebook's cells are files
            return path.startswith(_TYPED) or (path == "<string>" and sys.argv[:1] == ["-c"])
        if absolute.startswith((_OURS, _PRODUCERS)):
            return False
        if any(part in absolute for part in _INSTALLED):
            return False
        return not absolute.startswith(_STANDARD)


def application_spots(frame: FrameType, application: Application) -> Sequence[Spot]:
    """Return where the application is, from the innermost frame outwards, as far as the settings allow."""
    # Each query of the host waits for this loop: it calls nothing that it can do without.
    found: list[Spot] = []
    files, wanted, left = application.files, application.frames, application.limit
    while True:
        code = frame.f_code
        try:
            verdict = files[code.co_filename]
        except KeyError:
            verdict = application.judge(code.co_filename)
        if verdict or (verdict is None and frame.f_globals.get("__name__") == "__main__"):
            found.append((code, frame.f_lasti))
            wanted -= 1
            left = application.between
            if not wanted:
                return found
        else:
            left -= 1
            if not left:
                return found
        outside = frame.f_back
        if outside is None:
            outside = around_greenlet(frame)
            if outside is None:
                return found
        frame = outside


def around_greenlet(frame: FrameType) -> FrameType | None:
    """Return where the coroutine waits whose work is done in the current greenlet, at the greenlet's end.

    SQLAlchemy runs its synchronous inside in one. Those of others begin work of their own: there is none.
    """
    greenlet = sys.modules.get("greenlet")
    if greenlet is None:
        return None
    current = greenlet.getcurrent()
    if current.parent is None or not type(current).__module__.startswith("sqlalchemy."):
        return None
    return _frame_of(current.parent, frame)


def _frame_of(greenlet: Any, below: FrameType) -> FrameType | None:
    frame: FrameType | None = greenlet.gr_frame
    look = frame
    while look is not None:  # the end reached may be that of the greenlet around already
        if look is below:
            return None
        look = look.f_back
    return frame


_lines: dict[tuple[int, ...], tuple[Sequence[Spot], tuple[Line, ...]]] = {}


def lines_of(spots: Sequence[Spot]) -> tuple[Line, ...]:
    """Return the places as lines of sources."""
    key = tuple([number for code, offset in spots for number in (id(code), offset)])
    known = _lines.get(key)
    if known is None:
        if len(_lines) >= MAX_PLACES:
            _lines.clear()
        # The spots are kept beside their lines: an id holds only as long as the code lives.
        known = _lines[key] = (spots, tuple(_line(code, offset) for code, offset in spots))
    return known[1]


def _line(code: CodeType, offset: int) -> Line:
    at = next((line for start, end, line in code.co_lines() if start <= offset < end), None)
    return code.co_filename, at or code.co_firstlineno, code.co_qualname


@dataclass(frozen=True, slots=True)
class Callsite:
    """The application's innermost line, and those that led to it.

    `stack` reads `checkout:42 load_cart -> routes:88 post_checkout`, innermost first.
    """

    file: str
    path: str
    line: int
    function: str
    stack: str


@lru_cache(maxsize=4096)
def callsite(lines: tuple[Line, ...]) -> Callsite | None:
    """Return the lines as people read them; None where there are none."""
    if not lines:
        return None
    path, line, function = lines[0]
    return Callsite(
        os.path.basename(path),
        path,
        line,
        function,
        " -> ".join(f"{_stem(file)}:{at} {name.rpartition('.')[2]}" for file, at, name in lines),
    )


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PRODUCERS = os.path.join(os.path.dirname(os.path.dirname(_OURS)), "producers") + os.sep
_STANDARD = tuple(
    {
        one + os.sep
        for key in ("stdlib", "platstdlib")
        if (path := sysconfig.get_paths().get(key))
        for one in (path, os.path.realpath(path))
    }
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_TYPED = ("<stdin>", "<ipython", "<console>", "<doctest")


def _below(path: str, folder: str) -> bool:
    folder = os.path.abspath(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
