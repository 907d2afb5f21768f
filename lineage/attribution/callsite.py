"""Which line of the application runs a query.

The frames of libraries, of the standard library and of this package are left out. No source is read, and
the walk is bounded, so its cost does not grow with the depth of the stack.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType

from lineage.config import Config

Line = tuple[CodeType, int]
"""A place in the code: what runs and at which line."""

MAX_LOOKED_AT = 150
"""How many frames are looked at for one of the application's: an ORM puts some 30 of its own on top."""


def application_lines(frame: FrameType | None, config: Config) -> tuple[Line, ...]:
    """Return the application's lines from the innermost outwards, as many as the settings allow."""
    found: list[Line] = []
    verdicts = _verdicts(config)
    wanted = config.callsite_frames if config.callsite_frames is not None else sys.maxsize
    looked_at = 0
    limit = MAX_LOOKED_AT if config.callsite_frames is not None else sys.maxsize
    while frame is not None and len(found) < wanted and looked_at < limit:
        code = frame.f_code
        verdict = verdicts.get(code.co_filename)
        if verdict is None:
            verdict = _judge(code.co_filename, config, verdicts)
        if verdict:
            found.append((code, frame.f_lineno))
        looked_at += 1
        frame = frame.f_back or (_around_greenlet() if not found else None)
    return tuple(found)


def _around_greenlet() -> FrameType | None:
    """Return where the code waits that switched to the current greenlet: SQLAlchemy runs drivers in one."""
    greenlet = sys.modules.get("greenlet")
    around = greenlet.getcurrent().parent if greenlet is not None else None
    frame: FrameType | None = around.gr_frame if around is not None else None
    return frame


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
    code, line = lines[0]
    return Callsite(
        os.path.basename(code.co_filename),
        code.co_filename,
        line,
        code.co_qualname,
        " -> ".join(f"{_stem(code.co_filename)}:{at} {code.co_name}" for code, at in lines),
    )


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PRODUCERS = os.path.join(os.path.dirname(os.path.dirname(_OURS)), "producers") + os.sep
_STANDARD = tuple(
    {
        os.path.realpath(path) + os.sep
        for key in ("stdlib", "platstdlib")
        if (path := sysconfig.get_paths().get(key))
    }
    | {path + os.sep for key in ("stdlib", "platstdlib") if (path := sysconfig.get_paths().get(key))}
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

_known: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, bool]] = {}


def _verdicts(config: Config) -> dict[str, bool]:
    """Return what was decided about files before, under the same settings."""
    rules = (config.callsite_skip, config.callsite_keep)
    found = _known.get(rules)
    return found if found is not None else _known.setdefault(rules, {})


def _judge(path: str, config: Config, verdicts: dict[str, bool]) -> bool:
    verdict = _is_application(path, config)
    if len(verdicts) > 100_000:  # code made at run time under ever new names
        verdicts.clear()
    verdicts[path] = verdict
    return verdict


def _is_application(path: str, config: Config) -> bool:
    absolute = os.path.abspath(path)
    if any(_below(absolute, kept) for kept in config.callsite_keep):
        return True
    if any(_below(absolute, skipped) for skipped in config.callsite_skip):
        return False
    if path.startswith("<"):  # <frozen importlib>, <string>: made by machinery; a notebook's cells are files
        return path.startswith(("<stdin>", "<ipython", "<console>", "<doctest"))
    if absolute.startswith((_OURS, _PRODUCERS)):
        return False
    if any(part in absolute for part in _INSTALLED):
        return False
    return not absolute.startswith(_STANDARD)


def _below(path: str, folder: str) -> bool:
    folder = os.path.abspath(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
