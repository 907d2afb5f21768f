"""A story in sections, for people: for a terminal, as Markdown, and as a page of HTML that stands alone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.exports.labels import escaped_markdown, one_line
from graph.queries.answer import time_as_json
from graph.queries.story import ArtifactVersion, Chapter, Link, Reading, Story

LINKS = {
    Link.CONTENT: "the same content",
    Link.FINGERPRINT: "the same from outside",
    Link.COPY: "the same content, under another name",
    Link.VERSION: "the same version by name",
    Link.TIME: "the latest by time: nothing tells that it is this one",
    Link.CHANGED: "not what any known run wrote",
    Link.SOURCE: "a source: no known run wrote it",
}
"""How it is known where something came from, in words."""

_HASH_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: facts by name, then a table."""

    title: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def sections(story: Story) -> Iterator[Section]:
    """Yield the artifact, then the runs that led to it, the one that made it first."""
    jobs = story.jobs
    yield Section(story.artifact.dataset.label, list(_of_artifact(story, jobs)))
    for chapter in story.chapters:
        title = chapter.run_id if chapter.job is None else chapter.job.name
        rows = [_row(each, jobs) for each in chapter.read]
        columns = ("reads", "version", "made by", "known by") if rows else ()
        yield Section(title, list(_of_run(chapter)), columns, rows)
    if story.missing:
        yield Section("Runs without an event", [("run", run_id) for run_id in story.missing])


def _of_artifact(story: Story, jobs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    artifact = story.artifact
    yield "dataset", artifact.dataset.id
    yield from _told(
        ("content", artifact.content),
        ("fingerprint", artifact.fingerprint if artifact.content is None else None),
        ("version", artifact.version if artifact.version != artifact.content else None),
        ("rows", artifact.rows),
        ("bytes", artifact.size),
        ("schema", artifact.schema_version),
    )
    if story.made_by is not None:
        yield "made by", f"{jobs.get(story.made_by, 'a run')}, {story.made_by}"
    if story.link is not None:
        yield "known by", LINKS[story.link]


def _of_run(chapter: Chapter) -> Iterator[tuple[str, str]]:
    yield "run", chapter.run_id
    times = [time_as_json(time) for time in (chapter.began, chapter.ended) if time is not None]
    yield "state", f"{chapter.state.value}, {' to '.join(times)}" if times else chapter.state.value
    yield from _told(("error", chapter.error))
    if chapter.above:
        yield "under", ", ".join(each.run_id if each.job is None else each.job.name for each in chapter.above)
    yield "code", code_text(chapter)
    yield "parameters", parameters_text(chapter.parameters)
    yield from _told(("command", command_text(chapter.command)), ("environment", _environment(chapter)))


def _told(*facts: tuple[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name, str(value)) for name, value in facts if value is not None)


def code_text(chapter: Chapter) -> str:
    """Return which code ran, as far as it is known: `3f2c1d4 of https://host/repo (main), changed since`."""
    code, location = chapter.code or {}, chapter.location or {}
    version = code.get("commit") or location.get("version")
    place = code.get("repository") or location.get("repoUrl")
    branch = code.get("branch") or location.get("branch")
    if not version:
        path = location.get("path") or location.get("url")
        return f"{path}, version unknown" if path else "unknown"
    text = _short(version) + (f" of {place}" if place else "") + (f" ({branch})" if branch else "")
    if code.get("dirty"):
        text += f", changed since: {_short(code.get('diffHash')) or 'not known how'}"
    return text


def parameters_text(parameters: Mapping[str, str] | None) -> str:
    """Return parameters as `name=value`, in the order in which they were told."""
    if parameters is None:
        return "unknown"
    return ", ".join(f"{name}={_shortened(value)}" for name, value in parameters.items()) or "none"


def command_text(command: Mapping[str, Any] | None) -> str | None:
    """Return what the process was started by, None where it is not known."""
    argv = (command or {}).get("argv")
    return " ".join(map(str, argv)) if isinstance(argv, list) else None


def _environment(chapter: Chapter) -> str | None:
    told = chapter.environment
    if told is None:
        return None
    python, packages = told.get("python"), told.get("packages")
    parts = [_short(told.get("id"))]
    parts += [f"Python {python}"] if python else []
    parts += [f"{len(packages)} packages"] if isinstance(packages, Mapping) else []
    return ", ".join(part for part in parts if part)


def _row(read: Reading, jobs: Mapping[str, str]) -> list[str]:
    maker = "" if read.made_by is None else jobs.get(read.made_by, read.made_by)
    known = LINKS[read.link] + ("" if read.written_as is None else f": {read.written_as.label}")
    return [read.artifact.dataset.label, _version(read.artifact), maker, known]


def _version(artifact: ArtifactVersion) -> str:
    return _short(artifact.content or artifact.fingerprint or artifact.version) or "unknown"


def _short(text: Any) -> str:
    return _shortened("" if text is None else str(text))


def _shortened(text: str) -> str:
    """Return a text with the beginnings of the hashes in it alone."""
    return _HASH.sub(lambda found: found[0][:_HASH_SHOWN], text)


_HASH = re.compile(r"\b[0-9a-f]{40,}\b")


def markdown(title: str, parts: Iterable[Section]) -> str:
    """Return a report as Markdown: a heading for each section, its facts as a list, its table."""
    lines = [f"# {escaped_markdown(title)}", ""]
    for part in parts:
        lines += [f"## {escaped_markdown(part.title)}", ""]
        lines += [f"- {name}: {escaped_markdown(value)}" for name, value in part.facts]
        if part.rows:
            lines += ["", f"| {' | '.join(part.columns)} |", f"|{' --- |' * len(part.columns)}"]
            lines += [f"| {' | '.join(map(escaped_markdown, row))} |" for row in part.rows]
        lines.append("")
    return "\n".join(lines)


def page(title: str, parts: Iterable[Section]) -> str:
    """Return a report as one page of HTML, without scripts and without anything from elsewhere."""
    body = [f"<h1>{_escaped(title)}</h1>"]
    for part in parts:
        body.append(f"<section><h2>{_escaped(part.title)}</h2>")
        facts = "".join(f"<dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd>" for name, value in part.facts)
        body.append(f"<dl>{facts}</dl>")
        if part.rows:
            head = "".join(f"<th>{_escaped(name)}</th>" for name in part.columns)
            rows = ("".join(f"<td>{_escaped(cell)}</td>" for cell in row) for row in part.rows)
            body.append(f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>")
        body.append("</section>")
    return _PAGE.format(title=_escaped(title), body="\n".join(body))


def _escaped(text: str) -> str:
    return html.escape(one_line(text))


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
section {{ border-top: 1px solid #8884; margin-top: 1.5rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }}
dt {{ color: #777; }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .8rem .3rem 0; border-top: 1px solid #8882; }}
td {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
