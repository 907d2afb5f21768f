"""Files of fsspec: what is opened, read whole, written whole and copied, on file systems of every kind.

Hooks `open` and the methods for whole files of the class that all file systems come from, and the function by
which those that work asynchronously are called from code that does not. A file is an input when it has been
opened to be read, an output when it has been opened to be written. What is awaited by itself
(`await fs._cat_file(...)`), and what a file system does in a method of its own by one of these names, is not
seen. Rows and columns are not known: these are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import Any

from lineage.datasets import Dataset
from lineage.operations.objects import names_around
from lineage.tracking import Run
from producers._base import argument, missing, module_version, replace
from producers._frames import FrameProducer, replace_method, tell_input, tell_output
from producers._layers import telling
from producers._paths import dataset_of, dataset_on_fsspec

try:
    import fsspec
    import fsspec.asyn
    from fsspec.spec import AbstractFileSystem
except ImportError as error:
    raise missing("fsspec", "fsspec", error) from error


def sides_of(mode: str) -> tuple[bool, bool]:
    """Return whether a mode of `open` reads, and whether it writes."""
    return "r" in mode or "+" in mode, any(sign in mode for sign in "wxa+")


class FsspecProducer(FrameProducer):
    """Tells runs of what fsspec reads and writes."""

    name = "fsspec"
    minimum = "2023.1.0"

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods of all file systems, and what runs those of asynchronous ones."""
        replace_method(AbstractFileSystem, "open", partial(telling, tell=_opened), undo)
        for name in _METHODS:
            hooked = partial(telling, tell=partial(_called, name))
            replace_method(AbstractFileSystem, name, hooked, undo)
        replace(fsspec.asyn, "sync", telling(fsspec.asyn.sync, _ran), undo)

    def version(self) -> str:
        """Return fsspec's version."""
        return module_version(fsspec)


PRODUCER = FsspecProducer()

_READING = frozenset(
    ["cat", "cat_file", "cat_ranges", "head", "tail", "read_text", "read_bytes", "read_block"]
)
_WRITING = frozenset(["pipe", "pipe_file", "write_text", "write_bytes"])
_FETCHING = frozenset(["get", "get_file", "download"])
_SENDING = frozenset(["put", "put_file", "upload"])
_COPYING = frozenset(["copy", "cp_file", "cp", "mv", "move"])
_METHODS = sorted(_READING | _WRITING | _FETCHING | _SENDING | _COPYING)


def _opened(run: Run, file: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    reads, writes = sides_of(argument(args, kwargs, 2, "mode") or "rb")
    _tell(run, args[0], argument(args, kwargs, 1, "path"), reads=reads, writes=writes)


def _ran(run: Run, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Tell of an asynchronous method (`_cat_file`) that was called from code that does not wait."""
    method = argument(args, kwargs, 1, "func")
    filesystem, given = getattr(method, "__self__", None), args[2:]
    if filesystem is None and given:
        filesystem, given = given[0], given[1:]
    name = str(getattr(method, "__name__", "")).removeprefix("_")
    if isinstance(filesystem, AbstractFileSystem) and name in _METHODS:
        _called(name, run, result, (filesystem, *given), kwargs)


def _called(name: str, run: Run, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    filesystem = args[0]
    first = args[1] if len(args) > 1 else next(iter(kwargs.values()), None)
    second = args[2] if len(args) > 2 else next((kwargs[key] for key in _SECOND if key in kwargs), None)
    if name in _READING or name in _WRITING:
        _tell(run, filesystem, first, reads=name in _READING, writes=name in _WRITING)
        return
    remote, local = (kwargs.get("rpath", first), kwargs.get("lpath", second))
    if name in _SENDING:
        remote, local = kwargs.get("rpath", second), kwargs.get("lpath", first)
    if name in _COPYING:
        _tell(run, filesystem, kwargs.get("path1", first), reads=True)
        _tell(run, filesystem, second, writes=True)
        return
    _tell(run, filesystem, remote, reads=name in _FETCHING, writes=name in _SENDING)
    _tell(run, None, local, reads=name in _SENDING, writes=name in _FETCHING)


_SECOND = ("path2", "lpath", "rpath")


def _tell(run: Run, filesystem: Any, paths: Any, *, reads: bool = False, writes: bool = False) -> None:
    for path in _each(paths):
        stripped = str(filesystem._strip_protocol(path)) if filesystem is not None else path
        named = dataset_of(path) if filesystem is None else dataset_on_fsspec(stripped, filesystem)
        if named is not None and reads and not _is_told(named, run.facts.inputs):
            tell_input(run, named)
        if named is not None and writes and not _is_told(named, run.facts.outputs):
            tell_output(run, named)


def _is_told(dataset: Dataset, known: Mapping[tuple[str, str], Any]) -> bool:
    """Whether it is in a folder that the run knows: a dataset of pyarrow opens its files when it is asked."""
    around = islice(names_around(dataset.name), 1, None)
    return any((dataset.namespace, folder) in known for folder in around)


def _each(paths: Any) -> Iterable[Any]:
    """Return the paths of one, of several or of a mapping to contents; of an open file none."""
    if hasattr(paths, "read") or hasattr(paths, "write"):
        return ()
    if isinstance(paths, dict):
        return list(paths)
    return paths if isinstance(paths, list | tuple | set) else () if paths is None else (paths,)
