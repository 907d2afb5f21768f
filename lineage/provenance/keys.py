"""The key of parameter digests: a file of this user beside the outbox, made when it is first needed."""

from __future__ import annotations

import functools
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from lineage.errors import ConfigError

NAME = "parameters.key"
_BYTES = 32


@functools.lru_cache(maxsize=8)
def parameters_key(file: Path) -> bytes:
    """Return the key in a file, which is made, readable for this user alone, where there is none.

    OSError where it can be neither read nor made; ConfigError for a file that is no key, or that others can
    read.
    """
    try:
        return _read(file)
    except FileNotFoundError:
        _make(file)
        return _read(file)


def _read(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        state = os.fstat(descriptor)
        text = os.read(descriptor, 1024) if stat.S_ISREG(state.st_mode) else b""
    finally:
        os.close(descriptor)
    if state.st_mode & 0o077:
        raise ConfigError("parameters_key", str(file), "file", "others can read it: chmod 600")
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) < _BYTES:
        raise ConfigError("parameters_key", str(file), "file", f"give one of {2 * _BYTES} hexadecimal digits")
    return key


def _make(file: Path) -> None:
    """Make the file whole before it has its name, so that no other process reads half a key."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(_BYTES).encode() + b"\n")
        os.close(descriptor)
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()
