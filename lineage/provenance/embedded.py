"""The id of a run as an artifact carries it: a small JSON text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

KEY = "lineageGraph"
"""What the text stands under: a key of metadata, a keyword, and the first name in the JSON itself."""

FORM = 1
"""The form of the text; a reader leaves a text of a later form alone."""


class Named(NamedTuple):
    """A job or a dataset by its OpenLineage namespace and name."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """Which run wrote an artifact, and what it wrote.

    `content` is the content hash of the artifact without its id. `intact` says whether the artifact still
    has that content: False when it was changed since, None when that was not asked. `place` is where the
    text stands: `parquet`, `arrow`, `png`, `sqlite`, `duckdb`, or the name of the file beside it.
    """

    run: str
    content: str
    time: datetime
    job: Named | None = None
    dataset: Named | None = None
    intact: bool | None = None
    place: str = ""


def to_text(id: Embedded) -> str:
    """Return the id as one line of JSON in ASCII, which every format takes as it is."""
    said: dict[str, Any] = {KEY: FORM, "run": id.run}
    for role, named in (("dataset", id.dataset), ("job", id.job)):
        if named is not None:
            said[role] = {"namespace": named.namespace, "name": named.name}
    said |= {"content": id.content, "time": id.time.isoformat()}
    return json.dumps(said, separators=(",", ":"))


def from_text(text: str, place: str) -> Embedded | None:
    """Read the id back; None for what is no such text, as anybody may have written it."""
    try:
        said = json.loads(text)
        if said[KEY] != FORM:
            return None
        run, content, time = (_text(said[name]) for name in ("run", "content", "time"))
        job, dataset = (_named(said.get(role)) for role in ("job", "dataset"))
        return Embedded(run, content, datetime.fromisoformat(time), job, dataset, place=place)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def is_id(text: str) -> bool:
    """Whether a text is an id and nothing more, so that leaving it out of a hash leaves out nothing else."""
    id = from_text(text, "")
    return id is not None and to_text(id) == text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _named(said: Any) -> Named | None:
    return None if said is None else Named(_text(said["namespace"]), _text(said["name"]))
