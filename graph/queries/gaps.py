"""What a story leaves open: an auditor's question to which the store has no answer.

A story is whole when every version in it leads to its sources, and every run to its code and parameters.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from graph.nodes import Node, NodeType
from graph.queries.story import Chapter, Link, Reading, Story
from graph.queries.whole import every_node
from graph.records import RunState
from graph.store.base import LineageReader

_PAGE = 500


class Open(StrEnum):
    """What is not known."""

    SOURCE = "source"
    """Which run made an artifact or something that was read, or which version was read."""
    CONTENT = "content"
    """What a version holds: no hash of its content was told."""
    EVENT = "event"
    """Anything of a run that others name: the store has no event of it."""
    STATE = "state"
    """Whether a run that is said to have made something completed."""
    CODE = "code"
    """Which version of the code ran."""
    PARAMETERS = "parameters"
    """What it was called with."""
    LENGTH = "length"
    """What lies behind the last run that was looked at."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is not known, of a run, of a dataset, or of what a run read."""

    what: Open
    text: str
    run_id: str | None = None
    dataset: Node | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the answer."""
        return {
            "what": self.what.value,
            "text": self.text,
            "runId": self.run_id,
            "dataset": None if self.dataset is None else self.dataset.id,
        }


def gaps(story: Story, sources: Sequence[str] = ()) -> list[Gap]:
    """Return what a story leaves open, the artifact first, then run by run; none where it is whole.

    What no known run wrote is a source. Where `sources` are declared, by names or patterns such as `*.raw.*`,
    anything else must have been written by a run.
    """
    return [
        *_of_artifact(story),
        *(gap for chapter in story.chapters for gap in _of_run(chapter, sources)),
        *(Gap(Open.EVENT, f"no event of the run {run_id} is known", run_id) for run_id in story.missing),
        *([Gap(Open.LENGTH, f"only {len(story.chapters)} runs were looked at")] if story.more else []),
    ]


def _of_artifact(story: Story) -> Iterator[Gap]:
    artifact = story.artifact
    if story.made_by is None:
        yield Gap(Open.SOURCE, "no run is known to have written it", dataset=artifact.dataset)
    elif story.link in (Link.CHANGED, Link.TIME):
        text = "what is held is not known to be what the run wrote"
        yield Gap(Open.SOURCE, text, story.made_by, artifact.dataset)
    if artifact.content is None:
        yield Gap(Open.CONTENT, "no hash of its content was told", story.made_by, artifact.dataset)


def _of_run(chapter: Chapter, sources: Sequence[str]) -> Iterator[Gap]:
    run_id = chapter.run_id
    if chapter.state is not RunState.COMPLETE:
        yield Gap(Open.STATE, f"the run is {chapter.state.value}", run_id)
    if (reason := _code_is_open(chapter)) is not None:
        yield Gap(Open.CODE, reason, run_id)
    if chapter.parameters is None:
        yield Gap(Open.PARAMETERS, "no parameters were told", run_id)
    for read in chapter.read:
        yield from _of_reading(read, run_id, sources)


def _code_is_open(chapter: Chapter) -> str | None:
    code: Mapping[str, Any] = chapter.code or {}
    location: Mapping[str, Any] = chapter.location or {}
    if not (code.get("commit") or location.get("version")):
        return "no version of the code was told"
    if code.get("dirty") and not code.get("diffHash"):
        return "the code was changed beside its commit, and nothing tells how"
    return None


def _of_reading(read: Reading, run_id: str, sources: Sequence[str]) -> Iterator[Gap]:
    dataset = read.artifact.dataset
    if read.link is Link.TIME:
        text = f"the version of {dataset.label} that was read is known by time alone"
        yield Gap(Open.SOURCE, text, run_id, dataset)
    elif read.link is Link.CHANGED:
        yield Gap(Open.SOURCE, f"{dataset.label} as it was read was written by no known run", run_id, dataset)
    elif read.link is Link.SOURCE and sources and not any(_is_called(dataset, each) for each in sources):
        text = f"no known run wrote {dataset.label}, and it is no declared source"
        yield Gap(Open.SOURCE, text, run_id, dataset)
    if read.artifact.content is None:
        text = f"no hash of the content of {dataset.label} as it was read was told"
        yield Gap(Open.CONTENT, text, run_id, dataset)


def _is_called(dataset: Node, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (dataset.name, dataset.id))


def drawn(reader: LineageReader, count: int, seed: int | str) -> list[Node]:
    """Return up to `count` datasets that runs have written, drawn at random: the same ones for a seed.

    Every such dataset is as likely as any other. They come by name.
    """
    chance = random.Random(seed)
    found: list[Node] = []
    for met, node in enumerate(_written(reader), 1):
        if len(found) < count:
            found.append(node)
        elif (place := chance.randrange(met)) < count:
            found[place] = node
    return sorted(found)


def _written(reader: LineageReader) -> Iterator[Node]:
    page: dict[int, Node] = {}
    for key, node in every_node(reader, (NodeType.DATASET,)):
        page[key] = node
        if len(page) == _PAGE:
            yield from _made_by_runs(reader, page)
            page = {}
    yield from _made_by_runs(reader, page)


def _made_by_runs(reader: LineageReader, page: Mapping[int, Node]) -> Iterator[Node]:
    versions = reader.current_versions(list(page)) if page else {}
    return (node for key, node in page.items() if key in versions and versions[key].run_id is not None)
