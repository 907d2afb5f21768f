"""Context in the attributes of messages of SQS and SNS: added to what is sent, taken from what is received.

A message has at most ten attributes and its size a limit: ours are what still fits, and the sender's own are
never touched. What a receiver did not ask for is asked for, taken out of the answer and kept for
`carrier_of`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from struct import pack
from typing import Any

from lineage.context import inject
from producers._latest import Latest

NAMES = ("OPENLINEAGE_CONTEXT", "traceparent", "baggage", "tracestate")
"""What a message carries, the most important first."""

MAX_ATTRIBUTES = 10
MAX_BYTES = 262_144
"""Of a message, or of all in one batch, as SQS has long had it; a queue may be set to less."""

_ENTRIES = {
    "SendMessage": ("", "MessageBody"),
    "SendMessageBatch": ("Entries", "MessageBody"),
    "Publish": ("", "Message"),
    "PublishBatch": ("PublishBatchRequestEntries", "Message"),
}
_ASKED = "MessageAttributeNames"
_GOT = "MessageAttributes"
_DIGEST = "MD5OfMessageAttributes"

_Attributes = dict[str, dict[str, Any]]


def sending(name: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameters of a call with the context in its messages; None where there is none to add.

    The caller's own mappings and lists stay as they are.
    """
    if name not in _ENTRIES:
        return None
    carrier = inject()
    ours = {one: _text(carrier[one]) for one in NAMES if one in carrier}
    if not ours:
        return None
    place, body = _ENTRIES[name]
    entries = params.get(place) if place else [params]
    if not isinstance(entries, list | tuple) or not all(isinstance(one, Mapping) for one in entries):
        return None  # for the service to refuse
    left = MAX_BYTES - sum(_size(entry, body) for entry in entries)
    made = []
    for entry in entries:
        added = _fitting(ours, entry.get(_GOT) or {}, left)
        left -= sum(map(_length, added.items()))
        made.append({**entry, _GOT: {**(entry.get(_GOT) or {}), **added}} if added else entry)
    return {**params, place: made} if place else dict(made[0])


def _fitting(ours: _Attributes, there: Mapping[str, Any], left: int) -> _Attributes:
    taken = {name.lower() for name in there}
    found: _Attributes = {}
    for name, value in ours.items():
        size = _length((name, value))
        if name.lower() not in taken and len(there) + len(found) < MAX_ATTRIBUTES and size <= left:
            found[name] = value
            left -= size
    return found


def _text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def _size(entry: Mapping[str, Any], body: str) -> int:
    return _bytes(entry.get(body)) + sum(map(_length, (entry.get(_GOT) or {}).items()))


def _length(attribute: tuple[str, Mapping[str, Any]]) -> int:
    name, value = attribute
    return _bytes(name) + sum(map(_bytes, value.values()))


def _bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, bytes | bytearray) else 0


def asking(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameters of a ReceiveMessage that asks for our attributes, too; None where it does."""
    asked = params.get(_ASKED) or ()
    if not isinstance(asked, list | tuple) or _asks_for_all(asked):
        return None
    return {**params, _ASKED: [*asked, *(name for name in NAMES if name not in asked)]}


def _asks_for_all(asked: Any) -> bool:
    return any(name in ("All", ".*") for name in asked)


def taking(answer: dict[str, Any], asked: Mapping[str, Any]) -> None:
    """Take out of an answer what only we asked for, and keep it; `asked` are the caller's parameters."""
    names = asked.get(_ASKED) or ()
    for message in answer.get("Messages", ()):
        got = message.get(_GOT)
        if not got:
            continue
        carrier = {name: got[name]["StringValue"] for name in NAMES if name in got}
        if carrier:
            _kept.put(message["ReceiptHandle"], carrier)
        for name in carrier:
            if not any(name == one or (one.endswith(".*") and name.startswith(one[:-2])) for one in names):
                del got[name]
        if not got:
            del message[_GOT]
            message.pop(_DIGEST, None)
        elif _DIGEST in message:
            message[_DIGEST] = digest(got)


def digest(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the MD5 that SQS gives for attributes, as its developer guide has it."""
    found = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        binary = value["DataType"].startswith("Binary")
        content = value["BinaryValue"] if binary else value["StringValue"].encode()
        for part in (name.encode(), value["DataType"].encode()):
            found.update(pack(">I", len(part)) + part)
        found.update((b"\2" if binary else b"\1") + pack(">I", len(content)) + content)
    return found.hexdigest()


def is_too_long(refusal: Mapping[str, Any]) -> bool:
    """Whether a service refuses a message or a batch for its size: a queue may be set to any."""
    said = f"{refusal.get('Code')} {refusal.get('Message')}"
    return "TooLong" in said or "shorter than" in said or "Message too long" in said


def unsent(answer: Mapping[str, Any], params: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that send again, as the caller gave it, what was too long with our attributes."""
    place = next((place for place, _ in _ENTRIES.values() if place and place in params), "")
    if not place:
        return {}
    failed = {one.get("Id") for one in answer.get("Failed", ()) if is_too_long(one)}
    changed = [one.get("Id") for one, own in zip(params[place], asked[place], strict=True) if one is not own]
    again = [one for one in asked[place] if one.get("Id") in failed and one.get("Id") in changed]
    return {**asked, place: again} if again else {}


def joined(answer: dict[str, Any], second: Mapping[str, Any]) -> None:
    """Put the answer of what was sent again into the first one."""
    tried = {one["Id"] for side in ("Successful", "Failed") for one in second.get(side, ())}
    left = [one for one in answer.get("Failed", ()) if one["Id"] not in tried]
    left += second.get("Failed", ())
    answer["Successful"] = [*answer.get("Successful", ()), *second.get("Successful", ())]
    if left:
        answer["Failed"] = left
    else:
        answer.pop("Failed", None)


_kept: Latest[str, dict[str, str]] = Latest()
"""The context of messages that were received, by their receipt handles."""


def forget() -> None:
    """Keep nothing more of what was received."""
    _kept.clear()


def carrier_of(message: Any) -> dict[str, str]:
    """Return the context that a message carries, for `attach`: of SQS, or of what SNS sent to a queue.

    It takes a message of `receive_message`, the resource of one, and a record of a Lambda event. Empty where
    there is none.
    """
    own = message if isinstance(message, Mapping) else _of_resource(message)
    receipt = own.get("ReceiptHandle") or own.get("receiptHandle")
    attributes = own.get(_GOT) or own.get("messageAttributes") or (own.get("Sns") or {}).get(_GOT)
    found = (_kept.get(receipt) if isinstance(receipt, str) else None) or {}
    return found | _texts(attributes) or _texts(_of_notification(own.get("Body") or own.get("body")))


def _of_resource(message: Any) -> dict[str, Any]:
    return {
        "ReceiptHandle": getattr(message, "receipt_handle", None),
        _GOT: getattr(message, "message_attributes", None),
        "Body": getattr(message, "body", None),
    }


def _of_notification(body: Any) -> Any:
    """Return the attributes that SNS wrote into the body of what it sent to a queue."""
    if not isinstance(body, str) or not body.startswith("{") or '"Notification"' not in body:
        return None
    try:
        return json.loads(body).get(_GOT)
    except (ValueError, RecursionError):
        return None


def _texts(attributes: Any) -> dict[str, str]:
    found = {}
    for name in NAMES if isinstance(attributes, Mapping) else ():
        said = attributes.get(name)
        for key in ("StringValue", "stringValue", "Value"):
            if isinstance(said, Mapping) and isinstance(said.get(key), str):
                found[name] = said[key]
    return found
