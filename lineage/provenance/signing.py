"""Keys that sign, and what they signed: Ed25519, by the library `cryptography` (extra `signing`).

A private key is a PEM file that nobody but its owner can read; a public one is a text such as
`ed25519:` and 44 characters of Base64. Its id is the beginning of a hash of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage.errors import KeyFileError, MissingDependencyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PREFIX = "ed25519:"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key; `public` is the text of the public one."""

    public: str
    _private: Ed25519PrivateKey

    def sign(self, text: bytes) -> bytes:
        """Return the signature of a text: 64 bytes."""
        return self._private.sign(text)

    def __repr__(self) -> str:
        return f"SigningKey({self.public!r})"


def create_key(path: Path) -> SigningKey:
    """Make a private key in a new file that only its owner can read; KeyFileError where that cannot be."""
    private = _ed25519().Ed25519PrivateKey.generate()
    from cryptography.hazmat.primitives import serialization as as_

    text = private.private_bytes(as_.Encoding.PEM, as_.PrivateFormat.PKCS8, as_.NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
    except FileExistsError:
        raise KeyFileError(path, "is there already: a key is never overwritten, give another path") from None
    except OSError as error:
        raise KeyFileError(path, f"cannot be written: {error.strerror}") from error
    return _of(private)


def read_key(path: Path) -> SigningKey:
    """Return the private key in a file; KeyFileError where there is none, or others can read it."""
    ed25519 = _ed25519()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except OSError as error:
        raise KeyFileError(path, f"cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(path, f"is open to others (mode {stat.S_IMODE(mode):04o}): chmod 600 it")
    try:
        private = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise KeyFileError(path, "holds no private Ed25519 key in PEM without a password")
    return _of(private)


def read_public_keys(path: Path) -> tuple[str, ...]:
    """Return the public keys in a file: one in a line, with a comment behind it where there is one.

    Empty lines and those that begin with # are left out. KeyFileError where there are none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(path, f"cannot be read: {error}") from error
    words = [line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith("#")]
    for word in words:
        if not is_public_key(word):
            raise KeyFileError(path, f"{word[:80]!r} is no public key such as {_PREFIX}...")
    if not words:
        raise KeyFileError(path, "holds no public key")
    return tuple(words)


def is_public_key(text: str) -> bool:
    """Tell whether a text is a public key."""
    return text.startswith(_PREFIX) and len(_bytes_of(text)) == _KEY_BYTES


def key_id(public: str) -> str:
    """Return what people tell a public key by: 16 hexadecimal digits."""
    return hashlib.sha256(_bytes_of(public)).hexdigest()[:16]


def is_signed(public: str, signature: bytes, text: bytes) -> bool:
    """Tell whether the private part of a key signed a text; MissingDependencyError without the library."""
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(_bytes_of(public)).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes_of(public: str) -> bytes:
    try:
        return base64.b64decode(public.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _of(private: Ed25519PrivateKey) -> SigningKey:
    text = base64.b64encode(private.public_key().public_bytes_raw()).decode("ascii")
    return SigningKey(_PREFIX + text, private)


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise MissingDependencyError("cryptography", extra="signing") from None
    return ed25519
