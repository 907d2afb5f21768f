"""How the log keeps an event: what it repeats once, what is its own in a few dozen bytes.

An event is taken apart in three. Its *contents* are facets, each kept once under a key made of its bytes. Its
*form* is the event with a reference in the place of each of these and a hole in the place of what is another
in each run. Its *rest* fills the holes. A run that does today what it did yesterday adds a rest alone.

`restored` puts the parts together again; what it returns is equal to the event as received as JSON values.
An event that has more than the specification gives it is kept whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from graph.nodes import hash63
from graph.store.hole_format import Runs, packed_like, parents_in, text_like

Facets = dict[str, int | None] | None
"""Of the facets in one place their contents' keys, None for a hole; None where there is no such object."""

Entity = tuple[str, str, Facets, Facets]
"""Namespace, name, facets, and inputFacets or outputFacets."""


class Form(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An event without its contents, its time, its run id and the rest of what is its own.

    `head` is eventType, producer and schemaURL: None where there is no such key. `run` is None for an event
    without a run.
    """

    head: tuple[str | None, str | None, str | None]
    job: Entity | None
    dataset: Entity | None
    inputs: tuple[Entity, ...] | None
    outputs: tuple[Entity, ...] | None
    run: tuple[Facets] | None


class Kept(IntEnum):
    """How an event's own part is kept: the first byte of a rest. Below these, a way to write eventTime."""

    TEXT = 10
    """eventTime is written in another way, and is the first of the holes."""
    WHOLE = 11
    """The event is kept whole."""


_PACKED = 16
"""Added to the first byte when the holes are compressed."""

_LIKE = 32
"""Added to the first byte when they are kept by what is other than in the sample: see hole_format.py."""

_WORDS = (
    b'{"_producer":"https://github.com/OpenLineage/OpenLineage/tree/1.40.1/integration/spark","_schemaURL":'
    b'"https://openlineage.io/spec/facets/1-0-0/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet",'
    b'"nominalStartTime":"2026-01-01T00:00:00Z","nominalEndTime":"ParentRunFacet.json#/$defs/ParentRunFacet",'
    b'"run":{"runId":""},"job":{"namespace":"","name":""},"root":{"SchemaDatasetFacet.json#/$defs/Schema'
    b'DatasetFacet","fields":[{"name":"","type":"string","description":""},{"name":"id","type":"bigint"},'
    b'{"name":"created_at","type":"timestamp"},{"name":"amount","type":"decimal(18,2)"},"type":"varchar"},'
    b'"ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet","fields":{"":{"inputFields":[{"'
    b'namespace":"","name":"","field":"","transformations":[{"type":"DIRECT","subtype":"IDENTITY",'
    b'"description":"","masking":false},{"type":"INDIRECT","subtype":"TRANSFORMATION"}]}],"dataset":['
    b'"DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet","uri":"OutputStatisticsOutputDatasetFacet'
    b'.json#/$defs/OutputStatisticsOutputDatasetFacet","rowCount":,"size":,"fileCount":,"SQLJobFacet.json'
    b'#/$defs/SQLJobFacet","query":"SELECT "dialect":"JobTypeJobFacet","processingType":"BATCH",'
    b'"integration":"AIRFLOW","jobType":"TASK"}OwnershipJobFacet","owners":[{"name":"","type":""}],'
    b'"https://github.com/apache/airflow/tree/providers-openlineage/2.20.3","'
)
"""What the texts of the log have in common; a part of the format, so it never changes."""


class DamagedError(ValueError):
    """What is kept is not what was written, or is not there."""


def form_key_text(form: Form) -> bytes:
    """Return the bytes that a form is known by."""
    return msgspec.msgpack.encode(form)


def packed_form(text: bytes, sample: bytes, base: bytes = b"") -> bytes:
    """Return a form and the `sample_of` an event of it as they are kept.

    `base` are the bytes of a form that is likely to say much the same, with its sample.
    """
    return _deflated(len(text).to_bytes(4, "big") + text + sample, (_WORDS + base)[-_FARTHEST:])


def form_of(kept: bytes, base: bytes = b"") -> tuple[bytes, bytes]:
    """Return the bytes of a form and its sample from what was kept."""
    both = _inflated(kept, (_WORDS + base)[-_FARTHEST:])
    end = 4 + int.from_bytes(both[:4], "big")
    return both[4:end], both[end:]


def read_form(text: bytes) -> Form:
    """Return a form from the bytes that it is known by."""
    return msgspec.msgpack.decode(text, type=Form)


def packed_contents(texts: Sequence[bytes]) -> bytes:
    """Return contents that came together as they are kept."""
    return _deflated(msgspec.msgpack.encode(texts), _WORDS)


def content_in(key: int, kept: bytes | None, place: int) -> bytes:
    """Return one of the contents that were kept together; DamagedError where it is not that of the key."""
    if kept is None:
        raise DamagedError("the content of a facet is not there")
    found = contents_in(bytes(kept))[place : place + 1]
    if not found or hash63(found[0]) != key:
        raise DamagedError(f"content {key} is another one than was written")
    return found[0]


@lru_cache(maxsize=200)
def contents_in(kept: bytes) -> tuple[bytes, ...]:
    """Return the contents that were kept together."""
    return msgspec.msgpack.decode(_inflated(kept, _WORDS), type=tuple[bytes, ...])


def packed_text(raw: bytes, known: bytes = b"") -> bytes:
    """Return a text that stands alone as it is kept; `known` is one that it is likely to repeat."""
    return _deflated(raw, (_WORDS + known)[-_FARTHEST:])


def text_of(kept: bytes, known: bytes = b"") -> bytes:
    """Return such a text from what was kept."""
    return _inflated(kept, (_WORDS + known)[-_FARTHEST:])


def packed_rest(time_text: str, time: int, holes: list[bytes | int], sample: bytes, runs: Runs) -> bytes:
    """Return the rest of an event as it is kept.

    `holes` has in the form's order the JSON text of a facet, or the key of the content that it is. `sample`
    is the `sample_of` another event of this form, and `runs` are those that it may refer to.
    """
    plain = sample_of(time_text, time, holes)
    text = plain[1:]
    if not text:
        return plain
    like = packed_like(text, sample[1:], time, runs) if plain[0] == sample[0] else None
    if like is not None:
        return bytes([plain[0] + _LIKE]) + like
    packed = _deflated(text, sample)
    return bytes([plain[0] + _PACKED]) + packed if len(packed) < len(text) else plain


def sample_of(time_text: str | None, time: int, holes: list[bytes | int]) -> bytes:
    """Return the rest of an event as it would be kept on its own, to compare others of its form with."""
    texts = [hole if isinstance(hole, bytes) else _CONTENT + b"%d" % hole for hole in holes]
    style = _BY_LENGTH.get(len(time_text or ""), 0)
    if time_text is None or _written(time, style) == time_text:
        return bytes([style]) + _BETWEEN.join(texts)
    return bytes([Kept.TEXT]) + _BETWEEN.join([b'"' + time_text.encode(), *texts])


def packed_whole(body: bytes) -> bytes:
    """Return an event that is kept whole."""
    return bytes([Kept.WHOLE]) + _deflated(body, _WORDS)


def is_whole(rest: bytes) -> bool:
    """Tell whether a rest is the event itself."""
    return rest[0] == Kept.WHOLE


def keys_in(form: Form) -> Iterator[int]:
    """Yield the keys of the contents that a form refers to."""
    for facets in _places(form):
        yield from (key for key in (facets or {}).values() if key is not None)


def keys_in_rest(rest: bytes, sample: bytes) -> Iterator[int]:
    """Yield the keys of the contents that a rest refers to."""
    yield from (hole for hole in _holes(rest, sample, 0, None) if isinstance(hole, int))


def runs_in_rest(rest: bytes, sample: bytes) -> set[int]:
    """Return the numbers of the runs that a rest refers to."""
    return parents_in(rest[1:], sample[1:]) if rest[0] >= _LIKE else set()


def restored(
    form: Form, sample: bytes, contents: Mapping[int, bytes], time: int, runs: Runs, rest: bytes
) -> bytes:
    """Return an event as JSON, equal to what was received as JSON values."""
    if is_whole(rest):
        return _inflated(rest[1:], _WORDS)
    kept = rest[0] % _PACKED
    holes = iter(_holes(rest, sample, time, runs))
    event: dict[str, Any] = {}
    event |= {key: value for key, value in zip(_HEAD, form.head, strict=True) if value is not None}
    event["eventTime"] = next(holes)[1:].decode() if kept == Kept.TEXT else _written(time, kept)

    if form.run is not None:
        event["run"] = {"runId": runs.own}
        if form.run[0] is not None:
            event["run"]["facets"] = _facets(form.run[0], contents, holes)
    if form.job is not None:
        event["job"] = _entity(form.job, "", contents, holes)
    if form.dataset is not None:
        event["dataset"] = _entity(form.dataset, "", contents, holes)
    for key, listed, extra in (
        ("inputs", form.inputs, "inputFacets"),
        ("outputs", form.outputs, "outputFacets"),
    ):
        if listed is not None:
            event[key] = [_entity(one, extra, contents, holes) for one in listed]
    return msgspec.json.encode(event)


def _entity(one: Entity, extra: str, contents: Mapping[int, bytes], holes: Iterator[Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"namespace": one[0], "name": one[1]}
    if one[2] is not None:
        told["facets"] = _facets(one[2], contents, holes)
    if one[3] is not None:
        told[extra] = _facets(one[3], contents, holes)
    return told


def _facets(keys: Facets, contents: Mapping[int, bytes], holes: Iterator[Any]) -> dict[str, msgspec.Raw]:
    found = {}
    for name, key in (keys or {}).items():
        hole = next(holes) if key is None else key
        found[name] = msgspec.Raw(contents[hole] if isinstance(hole, int) else hole)
    return found


_HEAD = ("eventType", "producer", "schemaURL")


def _places(form: Form) -> Iterator[Facets]:
    """Yield the facets of each place in the order in which holes are filled."""
    if form.run is not None:
        yield form.run[0]
    for one in (form.job, form.dataset, *(form.inputs or ()), *(form.outputs or ())):
        if one is not None:
            yield one[2]
            yield one[3]


def _holes(rest: bytes, sample: bytes, time: int, runs: Runs | None) -> list[Any]:
    text = rest[1:]
    if rest[0] >= _LIKE:
        text = text_like(text, sample[1:], time, runs)
    elif rest[0] >= _PACKED:
        text = _inflated(text, sample)
    if not text:
        return []
    return [int(hole[1:]) if hole[:1] == _CONTENT else hole for hole in text.split(_BETWEEN)]


_STYLES = (
    ("milliseconds", "Z"),
    ("microseconds", "Z"),
    ("seconds", "Z"),
    ("microseconds", "+00:00"),
    ("milliseconds", "+00:00"),
    ("seconds", "+00:00"),
)
_BY_LENGTH = {24: 0, 27: 1, 20: 2, 32: 3, 29: 4, 25: 5}


def _written(time: int, style: int) -> str:
    """Return a time as text in one of the usual ways."""
    precision, zone = _STYLES[style]
    seconds, rest = divmod(time, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000, tzinfo=None)
    return moment.isoformat(timespec=precision) + zone


def packed_run_id(run_id: str) -> bytes:
    """Return a run id as it is kept: 16 bytes where it is a UUID as usually written."""
    if len(run_id) == 36:
        try:
            parsed = UUID(run_id)
        except ValueError:
            parsed = None
        if parsed is not None and str(parsed) == run_id:
            return parsed.bytes
    text = b"-" + run_id.encode("utf-8", "surrogatepass")
    return text if len(text) != 16 else text + b"\0"


def run_key(run_id: str) -> int:
    """Return the key of a run id."""
    return hash63(packed_run_id(run_id))


def run_id_of(kept: bytes) -> str:
    """Return a run id from what was kept."""
    if len(kept) == 16:
        text = kept.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return kept[1:].removesuffix(b"\0").decode("utf-8", "surrogatepass")


_WINDOW = -15
_FARTHEST = 32_000
"""So far back repetitions are found."""

_BETWEEN = b"\0"
_CONTENT = b"#"
"""Between texts that fill holes, and before the key of a content: no JSON text has or begins with these."""


def _deflated(text: bytes, known: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, 4, zlib.Z_DEFAULT_STRATEGY, known)
    return packer.compress(text) + packer.flush()


def _inflated(packed: bytes, known: bytes) -> bytes:
    unpacker = zlib.decompressobj(_WINDOW, zdict=known)
    text = unpacker.decompress(packed) + unpacker.flush()
    if not unpacker.eof:
        raise zlib.error("it ends too early")
    return text
