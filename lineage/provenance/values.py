"""The content hash of a Python value."""

from __future__ import annotations

from lineage.provenance.canonical import content_text, encode, hasher


def hash_value(value: object) -> str:
    """Return `value-sha256:HEX` of a value: None, a number, text, bytes, a time, a UUID, or containers of
    these.

    Values that compare equal and have one type are equal, whatever the order of a dict or a set, the zone
    an instant is told in or the zeros a Decimal ends with; 1, 1.0, True and "1" all differ. Named tuples,
    enums that are numbers or text, and numpy's numbers count as what they are made of. ContentError for
    anything else.
    """
    digest = hasher("value")
    digest.update(encode(value))
    return content_text("value", digest)
