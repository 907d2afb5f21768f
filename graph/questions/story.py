"""Where an artifact came from: a version of a dataset, or what somebody holds and knows the hash of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graph.errors import InvalidQueryError, UnknownNameError
from graph.nodes import Node, NodeType
from graph.queries.names import resolve
from graph.questions.asked import Asked
from graph.store.base import LineageReader

if TYPE_CHECKING:
    from graph.queries.gaps import Gap
    from graph.queries.story import ArtifactVersion, Link, Story


@dataclass(frozen=True, slots=True)
class Whence:
    """The story of an artifact."""

    query: Mapping[str, Any]
    story: Story
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published: its runs are the items."""
        told = self.story
        query = {
            **self.query,
            "artifact": told.artifact.as_json(),
            "link": None if told.link is None else told.link.value,
            "madeBy": told.made_by,
            "missing": list(told.missing),
            "more": told.more,
        }
        return {"query": query, "items": [each.as_json() for each in told.chapters], "next": None}


def whence(
    asked: Asked,
    name: Sequence[str] = (),
    contents: Sequence[str] = (),
    run: str | None = None,
    changed: bool = False,
    limit: int = 1000,
) -> Whence:
    """Return the story of an artifact: the runs that led to it, back to the sources, up to `limit` of them.

    It is the latest version of the dataset that is named, the one that `run` wrote, or the one that has one
    of the `contents` (content hashes of what somebody holds). A hash that is known counts before all else,
    then the run. `changed` says that what is held was changed since the run wrote it. Raises
    InvalidQueryError where nothing of this is known.
    """
    from graph.queries.story import Link, story

    query = {"name": " ".join(name) or None, "contents": list(contents), "run": run, **asked.query}
    artifact, made_by, link = _subject(asked.reader, list(name), contents, run)
    if changed and link is not Link.CONTENT:
        link = Link.CHANGED
    return Whence(query, story(asked.reader, artifact, made_by, link, limit=limit), asked.incomplete)


@dataclass(frozen=True, slots=True)
class Drilled:
    """The story of one artifact, and what it leaves open."""

    story: Story
    gaps: tuple[Gap, ...]

    @property
    def sources(self) -> tuple[Node, ...]:
        """The datasets that no known run wrote, by name."""
        from graph.queries.story import Link

        read = (one for chapter in self.story.chapters for one in chapter.read)
        return tuple(sorted({one.artifact.dataset for one in read if one.link is Link.SOURCE}))

    def as_json(self) -> dict[str, Any]:
        """Return the item of the envelope."""
        return {
            "artifact": self.story.artifact.as_json(),
            "madeBy": self.story.made_by,
            "runs": [each.run_id for each in self.story.chapters],
            "sources": [each.id for each in self.sources],
            "gaps": [each.as_json() for each in self.gaps],
        }


@dataclass(frozen=True, slots=True)
class Drill:
    """The stories of several artifacts, with what each leaves open."""

    query: Mapping[str, Any]
    items: tuple[Drilled, ...]
    incomplete: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return {"query": dict(self.query), "items": [each.as_json() for each in self.items], "next": None}


def drill(
    asked: Asked,
    names: Sequence[str] = (),
    sample: int = 5,
    seed: str = "",
    sources: Sequence[str] = (),
    limit: int = 1000,
) -> Drill:
    """Return the stories of datasets, and what each leaves open: source, code, parameters, contents.

    They are those that are named, else `sample` that are drawn at random of those that runs have written; the
    same ones for the same `seed`. `sources` are names or patterns of what no run needs to have written: where
    there are any, nothing else may be a source. Each story is of its latest version, up to `limit` runs.
    """
    from graph.queries.gaps import drawn, gaps
    from graph.queries.story import story

    if sample < 1:
        raise InvalidQueryError(f"sample is {sample}; it must be at least 1")
    reader = asked.reader
    named = [resolve(reader, name, (NodeType.DATASET,)) for name in names]
    items = []
    for node in named or drawn(reader, sample, seed):
        told = story(reader, *_latest(reader, node, ()), limit=limit)
        items.append(Drilled(told, tuple(gaps(told, sources))))
    query = {"names": list(names), "sample": None if named else sample, "seed": seed}
    query |= {"sources": list(sources), **asked.query}
    return Drill(query, tuple(items), asked.incomplete)


_Subject = tuple["ArtifactVersion", "str | None", "Link | None"]


def _subject(reader: LineageReader, name: list[str], contents: Sequence[str], run: str | None) -> _Subject:
    if found := _by_content(reader, contents, run):
        return found
    if run is not None:
        return _by_run(reader, name, contents, run)
    node = _named(reader, name, contents)
    return _latest(reader, node, contents)


def _by_content(reader: LineageReader, contents: Sequence[str], run: str | None) -> _Subject | None:
    """Return what the latest run wrote that tells one of the hashes; the run that is named comes first."""
    from graph.queries.story import ArtifactVersion, Link, made_in

    for content in contents:
        seen = reader.artifacts(content, limit=1000)
        for one in sorted(seen, key=lambda one: (one.written, one.run_id == run, one.time), reverse=True):
            if not one.written:
                return ArtifactVersion(one.dataset, content=content), None, Link.SOURCE
            if (made := made_in(reader, one.dataset, one.run_id)) is not None:
                return made, one.run_id, Link.CONTENT
    return None


def _named(reader: LineageReader, name: list[str], contents: Sequence[str]) -> Node:
    if name:
        try:
            return resolve(reader, name, (NodeType.DATASET,))
        except UnknownNameError as error:
            if contents:
                said = str(error).rstrip(".")
                raise InvalidQueryError(f"{said}, and no run tells its content: {contents[0]}") from error
            raise
    if contents:
        raise InvalidQueryError(f"no run tells {contents[0]} as the content of what it read or wrote")
    raise InvalidQueryError("give the name of a dataset, or the hash of a content")


def _by_run(reader: LineageReader, name: list[str], contents: Sequence[str], run: str) -> _Subject:
    from graph.queries.story import Link, made_in

    node = _named(reader, name, contents) if name else _only_output(reader, run)
    made = made_in(reader, node, run)
    if made is None:
        raise InvalidQueryError(f"no run with the id {run} is known to have written {node.label}")
    changed = bool(contents) and made.content is not None
    return made, run, Link.CHANGED if changed else Link.VERSION


def _only_output(reader: LineageReader, run: str) -> Node:
    details = reader.run_details([run]).get(run)
    if details is None:
        raise InvalidQueryError(f"no run with the id {run} is known")
    outputs = reader.nodes({one.dataset for one in details.outputs})
    if len(outputs) != 1:
        raise InvalidQueryError(f"the run {run} wrote {len(outputs)} datasets: name the one that is meant")
    return next(iter(outputs.values()))


def _latest(reader: LineageReader, node: Node, contents: Sequence[str]) -> _Subject:
    from graph.queries.story import Link, latest

    made, run = latest(reader, node)
    if run is None:
        return made, None, Link.SOURCE
    if not contents:
        return made, run, None
    return made, run, Link.TIME if made.content is None else Link.CHANGED
