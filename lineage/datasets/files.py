"""Paths of files as names; the working directory is asked in `absolute_path` alone."""

from __future__ import annotations

import os
import re

from lineage.datasets.platforms import lower

_DRIVE = re.compile(r"/?([A-Za-z]):[\\/](.*)", re.DOTALL)
_SHARE = re.compile(r"\\\\([^\\/]+)[\\/]+(.+)", re.DOTALL)


def absolute_path(path: str) -> str:
    """A path as this process means it, made absolute; Windows drives and shares are so already."""
    if _DRIVE.fullmatch(path) or _SHARE.fullmatch(path):
        return path
    return os.path.abspath(os.path.expanduser(path))


def is_windows_path(text: str) -> bool:
    """Whether a text begins with a drive, which else looks like a scheme."""
    return bool(_DRIVE.fullmatch(text))


def local_file(path: str) -> tuple[str, str]:
    """The namespace and name of an absolute path; Windows drives and shares get their URI form."""
    share = _SHARE.fullmatch(path)
    if share:
        return f"file://{lower(share[1])}", absolute("/" + share[2].replace("\\", "/"))
    return "file", absolute(_with_drive(re.sub("^/+", "/", path)))


def embedded(scheme: str, path: str) -> str:
    """The namespace of a database file, of one in memory (`:memory:`) or at MotherDuck (`md:name`)."""
    return f"{scheme}://" + re.sub("^/+", "/", _with_drive(path))


def absolute(path: str) -> str:
    """A path without the slashes that repeat at its start or stand at its end."""
    return re.sub("^/+", "/", path.rstrip("/")) or path[:1]


def _with_drive(path: str) -> str:
    drive = _DRIVE.fullmatch(path)
    return f"/{drive[1].upper()}:/" + drive[2].replace("\\", "/").lstrip("/") if drive else path
