"""Checkpoints: signed statements of how far a log had come, and what the value of its chain was.

A checkpoint is one line of JSON. It is kept in the log, which goes on behind it, and is worth most where it
is kept elsewhere: who can write a store can cut off its end, but cannot sign. One that names a key as `next`
says that from then on this key signs in the place of the one that it is signed with.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graph.queries.answer import time_as_json
from graph.store.base import LineageStore
from graph.store.chain import Place
from lineage.provenance.signing import SigningKey, is_public_key, is_signed

_CONTEXT = b"lineage-graph checkpoint\n"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: that the log with this id had so many numbers, and the chain this value.

    `place` is behind its latest link; `time` is that of the clock of who signed. `key` is the public key,
    `next_key` the one that follows it, "" for none.
    """

    log: str
    place: Place
    time: str
    key: str
    next_key: str
    body: str

    @property
    def number(self) -> int:
        """The last number of the log then."""
        return self.place.next - 1

    def is_signed(self) -> bool:
        """Tell whether its key signed it; MissingDependencyError without `cryptography`."""
        told = json.loads(self.body)
        try:
            signature = base64.b64decode(told.pop("signature"), validate=True)
        except (binascii.Error, ValueError, TypeError):
            return False
        return is_signed(self.key, signature, _signed_text(told))


class NoCheckpointError(ValueError):
    """A text is no checkpoint; the message says why."""


def checkpoint_of(text: str) -> Checkpoint:
    """Return the checkpoint that a text is; NoCheckpointError where it is none. It may be forged."""
    try:
        told = json.loads(text)
        values = told["log"], told["value"], told["time"], told["key"], told.get("next", "")
        numbers = told["link"], told["number"]
        value = bytes.fromhex(values[1])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoCheckpointError(f"it is no checkpoint ({type(error).__name__}: {error})") from error
    if told.get("lineageCheckpoint") != _VERSION or "signature" not in told:
        raise NoCheckpointError("it is no checkpoint that this release knows")
    if not all(isinstance(each, str) for each in values) or not all(type(each) is int for each in numbers):
        raise NoCheckpointError("it is no checkpoint: a value is of another kind")
    if not is_public_key(values[3]) or not (values[4] == "" or is_public_key(values[4])):
        raise NoCheckpointError("it is no checkpoint: its key is none")
    place = Place(numbers[0], numbers[1] + 1, value)
    return Checkpoint(values[0], place, values[2], values[3], values[4], text)


def sign(store: LineageStore, key: SigningKey, *, next_key: str = "") -> str:
    """Add a checkpoint of the log as it is now to it, and return it."""

    def made(log_id: str, place: Place, number: int) -> str:
        told: dict[str, Any] = {
            "lineageCheckpoint": _VERSION,
            "log": log_id,
            "link": place.link,
            "number": number,
            "value": place.value.hex(),
            "time": time_as_json(datetime.now(UTC)),
            "key": key.public,
        }
        if next_key:
            told["next"] = next_key
        signature = base64.b64encode(key.sign(_signed_text(told))).decode("ascii")
        return json.dumps({**told, "signature": signature})

    return store.keep_signed(made)


def _signed_text(told: dict[str, Any]) -> bytes:
    return _CONTEXT + json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
