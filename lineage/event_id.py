"""The identity of an event: the same for equal events, however they are written and by whom they are kept.

A completed copy of an event carries the identity of the event it was made from, in a tag.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

ORIGINAL_TAG = "lineage_event_id"
"""The key of the tag; its value is the identity in hexadecimal digits."""

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt_ ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d)?)?"
)
_USUAL = {20: "Z", 24: "Z", 27: "Z", 25: "+00:00", 29: "+00:00", 32: "+00:00"}
"""How times of these lengths end that Python reads as we do, and faster."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 2**63 // 10**9
_DIGITS = re.compile(r"[0-9a-f]{32}")


def parse_time(text: str) -> int | None:
    """Return an RFC 3339 time as nanoseconds since the epoch, None when it is none.

    Tolerates what producers send: no zone (UTC), a space for the T, no seconds, any number of decimals
    (those beyond nanoseconds are cut), a leap second.
    """
    if len(text) in _USUAL and text[-len(_USUAL[len(text)]) :] == _USUAL[len(text)]:
        try:
            return _nanoseconds(datetime.fromisoformat(text))
        except ValueError:
            pass  # such as a leap second
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, off_hours, off_minutes = match.groups()
    seconds = int(second or 0)
    offset = timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        whole = datetime(
            int(year), int(month), int(day), int(hour), int(minute), min(seconds, 59), tzinfo=timezone(offset)
        )
    except ValueError:
        return None
    if seconds > 60:
        return None
    since = (whole - _EPOCH) // timedelta(seconds=1) + (seconds == 60)
    if abs(since) >= _LATEST:
        return None
    return since * 10**9 + int((fraction or "")[:9].ljust(9, "0"))


def _nanoseconds(moment: datetime) -> int | None:
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return seconds * 10**9 + since.microseconds * 1000 if abs(seconds) < _LATEST else None


def event_id(data: Mapping[str, Any], time: int) -> bytes:
    """Return the id of an event: a hash that equal events share, however they are written.

    `time` is what `parse_time` makes of eventTime; nulls are left out, keys are sorted. Jobs, datasets and
    facets stand as their digests, so that one that many events carry has to be read only once.
    """
    canonical = {key: _part(value) for key, value in data.items() if value is not None}
    canonical["eventTime"] = time
    for key in ("job", "dataset"):
        if isinstance(data.get(key), dict):
            canonical[key] = part_digest(canonical[key])
    for key in ("inputs", "outputs"):
        if isinstance(listed := data.get(key), list):
            canonical[key] = [
                part_digest(_part(one)) if isinstance(one, dict) else _part(one) for one in listed
            ]
    return identity(canonical)


def identity(canonical: Mapping[str, Any]) -> bytes:
    """Return the hash of an event of which jobs, datasets and facets stand as their digests already."""
    return hashlib.blake2b(_encode(canonical), digest_size=16).digest()


def part_digest(part: Mapping[str, Any]) -> str:
    """Return what stands for a job or dataset; its facets stand as their digests already."""
    return digest_of(_encode(part))


def facet_digest(facet: Any) -> str:
    """Return what stands for a facet in the canonical form of an event: the same for equal facets."""
    return digest_of(_encode(_without_nulls(facet)))


def digest_of(canonical: bytes) -> str:
    """Return the digest of a part of an event in its canonical form: JSON without nulls, keys sorted."""
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()


FACETS = ("facets", "inputFacets", "outputFacets")
"""The keys of objects that hold facets."""


def _part(value: Any) -> Any:
    """Return a part of an event without nulls and with the digests of its facets."""
    if not isinstance(value, dict):
        return _without_nulls(value)
    return {
        key: {name: facet_digest(facet) for name, facet in inner.items() if facet is not None}
        if key in FACETS and isinstance(inner, dict)
        else _without_nulls(inner)
        for key, inner in value.items()
        if inner is not None
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def original_id(data: Mapping[str, Any]) -> bytes | None:
    """Return the identity of the event that this one is a completed copy of; None when it is none."""
    parts = (data.get("run"), data.get("job"))
    facets = (part.get("facets") if isinstance(part, dict) else None for part in parts)
    return tagged_id(*(each for each in facets if isinstance(each, dict)))


def tagged_id(*facets: Mapping[str, Any]) -> bytes | None:
    """Return the identity that a tag among the facets of an event's run and job gives."""
    for each in facets:
        for key, value in _tags(each.get("tags")):
            if key == ORIGINAL_TAG and isinstance(value, str) and _DIGITS.fullmatch(value):
                return bytes.fromhex(value)
    return None


def _tags(facet: Any) -> Iterator[tuple[Any, Any]]:
    listed = facet.get("tags") if isinstance(facet, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield one.get("key"), one.get("value")


@cache
def _encoder() -> Callable[[Any], bytes]:
    import msgspec

    return msgspec.json.Encoder(order="deterministic").encode


def _encode(canonical: Any) -> bytes:
    return _encoder()(canonical)
