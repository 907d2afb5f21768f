"""The modules below a folder, and how many of their functions that read or write data are tracked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from lineage.provenance.untracked.module import TASKS, Function, ModuleCode, read_module

_LEFT_OUT = {"__pycache__", "node_modules", "site-packages", "dist-packages"}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read, and why."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class CodeCoverage:
    """What there is: functions by the path of their file, in order.

    `total` is how many functions read or write data. `untracked` are those of which some call is tracked by
    no run. `instruments` are the integrations that the code installs, or that were named.
    """

    total: int
    untracked: tuple[tuple[str, Function], ...]
    unreadable: tuple[Unreadable, ...]
    instruments: tuple[str, ...]
    files: int


def check_code(
    paths: Iterable[Path], *, instruments: Collection[str] = (), exclude: Collection[str] = ()
) -> CodeCoverage:
    """Return which functions below these folders, or in these files, read or write data untracked.

    Nothing is imported or run. `instruments` are integrations that the program is run with, `exclude` are
    patterns (`*`, `?`) of paths, or of names of files and folders, to leave out. Hidden folders, virtual
    environments and installed packages are left out anyway. Paths are as given, with `/`.
    """
    sources = [(path.as_posix(), path) for path in _modules(paths, exclude)]
    unreadable: list[Unreadable] = []
    contents: dict[str, bytes] = {}
    for name, path in sources:
        try:
            contents[name] = path.read_bytes()
        except OSError as error:
            unreadable.append(Unreadable(name, error.strerror or type(error).__name__))
    # One module installs what the others are run with.
    installed = set(instruments)
    read: dict[str, ModuleCode] = {}
    for name, source in contents.items():
        found = _read(name, source, ())
        if isinstance(found, Unreadable):
            unreadable.append(found)
        else:
            read[name] = found
            installed |= found.instruments
    if installed & TASKS.keys():
        again = ((name, _read(name, contents[name], installed)) for name in read)
        read = {name: found for name, found in again if isinstance(found, ModuleCode)}
    functions = [(name, function) for name, found in read.items() for function in found.functions]
    return CodeCoverage(
        total=len(functions),
        untracked=tuple(each for each in functions if each[1].untracked),
        unreadable=tuple(sorted(unreadable, key=lambda one: one.path)),
        instruments=tuple(sorted(installed)),
        files=len(sources),
    )


def _read(name: str, source: bytes, instruments: Collection[str]) -> ModuleCode | Unreadable:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the code that is read, such as "\d"
            return read_module(source, instruments)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno is not None else ""
        return Unreadable(name, f"{error.msg}{where}")
    except ValueError as error:
        return Unreadable(name, str(error))
    except (RecursionError, MemoryError):
        return Unreadable(name, "it is nested too deeply")


def _modules(paths: Iterable[Path], exclude: Collection[str]) -> Iterator[Path]:
    """Yield the Python files below these paths, each once, in order."""
    seen: set[Path] = set()
    for path in paths:
        for found in [path] if path.is_file() else sorted(_below(path, exclude)):
            if found not in seen:
                seen.add(found)
                yield found


def _below(folder: Path, exclude: Collection[str]) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        here = Path(at)
        folders[:] = [
            name for name in folders if not _is_left_out(here / name) and not _matches(here / name, exclude)
        ]
        yield from (
            here / name for name in files if name.endswith(".py") and not _matches(here / name, exclude)
        )


def _is_left_out(folder: Path) -> bool:
    name = folder.name
    return name.startswith(".") or name in _LEFT_OUT or (folder / "pyvenv.cfg").exists()


def _matches(path: Path, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(path.name, each) or fnmatchcase(path.as_posix(), each) for each in patterns)
