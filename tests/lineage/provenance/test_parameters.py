"""Parameters: told by value where that is allowed, as a digest elsewhere, and never by a secret's value."""

from __future__ import annotations

import datetime
import enum
import os
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from lineage.errors import ConfigError
from lineage.provenance import hash_value
from lineage.provenance.keys import parameters_key
from lineage.provenance.parameters import DIGEST, digest, is_plain, key_id, plain_value, told

KEY, OTHER = bytes(32), bytes(31) + b"\x01"


class Colour(enum.Enum):
    RED = "red"


def value_of(name: str, value: object, *allowed: str, key: bytes | None = KEY) -> str | None:
    return told(name, value, allowed=allowed, key=key).get("value")


def test_a_parameter_is_a_digest_unless_it_is_allowed() -> None:
    """PV-15: parameter values: as digests, or by allow-list."""
    assert told("day", "2026-01-01", allowed=("day",), key=KEY) == {
        "key": "day",
        "name": "day",
        "description": "str",
        "value": "2026-01-01",
    }
    hidden = value_of("region", "eu", "day")
    assert hidden is not None
    assert hidden.startswith(f"{DIGEST}{key_id(KEY)}:")
    assert "eu" not in hidden.partition(DIGEST)[2].split(":")[1]


@pytest.mark.parametrize("name", ["password", "db_password", "API_KEY", "apiKey", "access-token", "secret"])
def test_a_secret_is_never_told_by_its_value(name: str) -> None:
    """PV-15: an allow-list that names it notwithstanding."""
    assert (value_of(name, "hunter2", name) or "").startswith(DIGEST)


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://alice:hunter2@db/shop",
        "Bearer abcdefghijklmnop",
        "alice@example.org",
        "password=hunter2",
        "x" * 5000,
        DIGEST + "0:0",
    ],
)
def test_an_allowed_value_that_looks_like_a_secret_is_a_digest(value: str) -> None:
    assert (value_of("target", value, "target") or "").startswith(DIGEST + key_id(KEY))


def test_a_digest_takes_its_key() -> None:
    """PV-15: a plain hash of a short value is as good as the value; a digest without its key is not."""
    assert value_of("pin", 1234) == value_of("pin", 1234)
    assert value_of("pin", 1234) != value_of("pin", 1235)
    assert value_of("pin", 1234) != value_of("pin", 1234, key=OTHER)
    assert value_of("pin", 1234, key=None) is None
    assert hash_value(1234).partition(":")[2] not in str(value_of("pin", 1234))
    assert key_id(KEY) != key_id(OTHER)
    assert len(key_id(KEY)) == 8


def test_digests_tell_types_apart_and_paths_are_text() -> None:
    assert len({value_of("n", value) for value in (1, "1", 1.0, True, b"1", Decimal(1))}) == 6
    assert value_of("p", Path("/a")) == value_of("p", "/a")
    assert value_of("c", Colour.RED) == value_of("c", "red")
    assert value_of("n", np.int64(7)) == value_of("n", 7)


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        -1.5,
        "",
        b"x",
        datetime.date(2026, 1, 1),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        Decimal("1.10"),
        UUID(int=1),
        [1, (2, {"a": {3}})],
    ],
)
def test_pythons_own_types_have_digests(value: object) -> None:
    assert (value_of("v", value) or "").startswith(DIGEST)


class Hostile:
    """An object whose every method is the host's own business."""

    def _never(self, *_: object) -> Any:
        raise AssertionError("the host's object was asked something")

    __repr__ = __str__ = __hash__ = __eq__ = __len__ = __iter__ = __bool__ = __fspath__ = _never  # type: ignore[assignment]
    item = value = _never


class HostileText(str):
    __slots__ = ()
    __str__ = __repr__ = __len__ = __iter__ = __eq__ = __hash__ = Hostile._never  # type: ignore[assignment]


def test_objects_of_the_host_are_named_by_their_type_and_asked_nothing() -> None:
    """PV-15: neither a frame nor a connection is a parameter that could be told."""
    itself: list[Any] = []
    itself.append(itself)
    for value in (
        *(Hostile(), HostileText("x"), [Hostile()], {"a": Hostile()}, pd.DataFrame({"a": [1]}), object()),
        *(np.zeros(3), itself, [0] * 20_000, "x" * (2 << 20), 1 << (2 << 20), lambda: None, Hostile),
    ):
        entry = told("v", value, allowed=("v",), key=KEY)
        assert entry == {"key": "v", "name": "v", "description": type(value).__qualname__}
        assert not is_plain(plain_value(value))


def test_the_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    """PV-15: made on first use, however many are first, and readable for nobody else."""
    file = tmp_path / "outbox" / "parameters.key"
    keys: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: keys.append(parameters_key.__wrapped__(file))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["parameters.key"]


@pytest.mark.parametrize("trouble", ["others", "short", "noise", "pipe", "link", "folder"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, trouble: str) -> None:
    file = tmp_path / "parameters.key"
    if trouble == "pipe":
        os.mkfifo(file, 0o600)
    elif trouble == "folder":
        file.mkdir(0o700)
    elif trouble == "link":
        (tmp_path / "real").write_text("00" * 32, encoding="ascii")
        (tmp_path / "real").chmod(0o600)
        file.symlink_to("real")
    else:
        file.write_text({"others": "00" * 32, "short": "00", "noise": "zz" * 32}[trouble], encoding="ascii")
        file.chmod(0o644 if trouble == "others" else 0o600)
    with pytest.raises((ConfigError, OSError)):
        parameters_key(file)


def test_a_digest_is_that_of_the_content_hash() -> None:
    """PV-21: whoever is given the value and has the key can check it."""
    assert digest("eu", KEY) == value_of("region", "eu")
