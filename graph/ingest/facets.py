"""The facets of events, each read once however many events carry it.

Most events repeat what earlier ones said: of a daily run little more is new than its id and its times. A
facet is therefore looked up by its bytes first, and read only when it is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from graph.nodes import hash63
from graph.store.artifacts import ARTIFACT_FACET
from graph.store.texts import may_have_nul, without_nul
from lineage.event_id import digest_of, facet_digest

MEASURING: Final = frozenset(
    {
        "nominalTime",
        "parent",
        "errorMessage",
        "externalQuery",
        "extractionError",
        "version",
        "dataQualityMetrics",
        "dataQualityAssertions",
        "inputStatistics",
        "outputStatistics",
        "inputSubset",
        "outputSubset",
        "test",
        "executionParameters",
        "lineageGraph_queryAttribution",
        "lineageGraph_operations",
        "lineageGraph_outputStatistics",
        ARTIFACT_FACET,
    }
)
"""Facets that are others in each run: remembering them for long would bring nothing."""

_encode = msgspec.json.Encoder(order="deterministic").encode
_REMEMBERED = 50_000
_REMEMBERED_BYTES = 64_000_000


class DoubleKeyError(ValueError):
    """A key stands twice in one object of a facet: which value counts is not known."""


class Facet:
    """One facet: its JSON text as received, and what it says."""

    __slots__ = ("_key", "_value", "digest", "quotes", "raw")

    def __init__(self, raw: bytes) -> None:
        """Read it; raises msgspec.DecodeError, RecursionError or DoubleKeyError."""
        self.raw = raw
        self._value = msgspec.json.decode(raw)
        self.quotes = quotes(raw)
        canonical = _encode(self._value)
        if self.quotes != quotes(canonical):
            raise DoubleKeyError
        self.digest = facet_digest(self._value) if b"null" in raw else digest_of(canonical)
        if may_have_nul(raw):
            self._value = without_nul(self._value)
        self._key: int | None = None

    @property
    def value(self) -> Any:
        """What the facet says; not to be changed."""
        return self._value

    @property
    def key(self) -> int:
        """The key of the facet's text among the contents of the log."""
        if self._key is None:
            self._key = hash63(self.raw)
        return self._key


class Facets(Mapping[str, Mapping[str, Any]]):
    """The facets of a run, job or dataset that say something; nulls and what is no object are left out.

    `whole` has every entry as the event has it, None where the event has no such object or a null.
    """

    __slots__ = ("whole",)

    def __init__(self, whole: Mapping[str, Facet] | None = None) -> None:
        self.whole = whole

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        value = self.whole[name].value if self.whole else None
        if type(value) is not dict:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return a facet, or the default where there is none."""
        facet = self.whole.get(name) if self.whole else None
        return facet.value if facet is not None and type(facet.value) is dict else default

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name, facet in (self.whole or {}).items() if type(facet.value) is dict)

    def __len__(self) -> int:
        return sum(1 for _ in self)


NO_FACETS: Final = Facets()

_known: dict[bytes, Facet] = {}
_known_bytes = 0


def facet_of(name: str, raw: bytes) -> Facet:
    """Return the facet in these bytes; raises as `Facet` does."""
    global _known_bytes
    if name in MEASURING:
        return _recent_facet(raw)
    facet = _known.get(raw)
    if facet is None:
        facet = Facet(raw)
        if len(_known) >= _REMEMBERED or _known_bytes > _REMEMBERED_BYTES:
            _known.clear()
            _known_bytes = 0
        _known[raw] = facet
        _known_bytes += len(raw)
    return facet


_recent: dict[bytes, Facet] = {}
_RECENT = 2_000


def _recent_facet(raw: bytes) -> Facet:
    """Return a facet that is another in each run: the events of a run, and those beside it, repeat it."""
    facet = _recent.get(raw)
    if facet is None:
        facet = Facet(raw)
        if len(_recent) >= _RECENT:
            _recent.clear()
        if len(raw) <= _RECENT:
            _recent[raw] = facet
    return facet


def quotes(text: bytes) -> int:
    """Return how many quotes of a JSON text are not escaped."""
    if b"\\" not in text:
        return text.count(b'"')
    if b"\\\\" in text:
        text = text.replace(b"\\\\", b"")
    return text.count(b'"') - text.count(b'\\"')
