"""Keys that sign: where they lie, and what is no key."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from lineage.errors import KeyFileError, MissingDependencyError
from lineage.provenance.signing import (
    create_key,
    is_public_key,
    is_signed,
    key_id,
    read_key,
    read_public_keys,
)


def test_what_a_key_signed_is_known_and_nothing_else(tmp_path: Path) -> None:
    """PV-25: another text, another signature, another key: none of them holds."""
    made, other = create_key(tmp_path / "a"), create_key(tmp_path / "b")
    signature = made.sign(b"a text")
    assert is_signed(made.public, signature, b"a text")
    assert not is_signed(made.public, signature, b"a texT")
    assert not is_signed(other.public, signature, b"a text")
    assert not is_signed(made.public, bytes([signature[0] ^ 1]) + signature[1:], b"a text")
    assert not is_signed(made.public, b"", b"a text")
    assert not is_signed("ed25519:AAAA", signature, b"a text")
    assert read_key(tmp_path / "a").public == made.public
    assert len(key_id(made.public)) == 16
    assert key_id(made.public) != key_id(other.public)


def test_a_private_key_is_its_owners_alone_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key.pem"
    made = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "PRIVATE" in path.read_text()
    assert repr(made) == f"SigningKey({made.public!r})"
    with pytest.raises(KeyFileError, match="is there already: a key is never overwritten"):
        create_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"is open to others \(mode 0640\): chmod 600 it"):
        read_key(path)


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_holds_no_key_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        read_key(path)
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="holds no private Ed25519 key in PEM without a password"):
        read_key(path)


def test_public_keys_stand_one_in_a_line(tmp_path: Path) -> None:
    keys = [create_key(tmp_path / name).public for name in "ab"]
    path = tmp_path / "trusted"
    path.write_text(f"# of the warehouse\n{keys[0]} ana\n\n{keys[1]}\n")
    assert read_public_keys(path) == tuple(keys)
    assert all(map(is_public_key, keys))
    for text, reason in (
        ("", "holds no public key"),
        ("ed25519:AAAA\n", "'ed25519:AAAA' is no public key such as"),
    ):
        path.write_text(text)
        with pytest.raises(KeyFileError, match=reason):
            read_public_keys(path)


def test_without_the_library_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create_key(tmp_path / "a")
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    hidden: Any = None
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", hidden)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lineage-graph\[signing\]'"):
        is_signed(made.public, b"", b"")
