"""Stories as they are read: for a terminal, as Markdown, as a page."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

from graph.exports.story import markdown, page, sections
from graph.nodes import dataset, job
from graph.queries.story import ArtifactVersion, Chapter, Link, Reading, Story
from graph.records import RunState

HASH = "bytes-sha256:" + "ab" * 32


def chapter(**told: object) -> Chapter:
    known: dict[str, object] = {
        "run_id": "r1",
        "distance": 0,
        "job": job("ns", "add_up"),
        "state": RunState.COMPLETE,
        "began": datetime(2026, 1, 1, tzinfo=UTC),
        "ended": datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC),
        "error": None,
        "above": (),
        "code": None,
        "location": None,
        "environment": None,
        "parameters": None,
        "command": None,
        "read": (),
        "wrote": (),
    }
    return Chapter(**(known | told))  # type: ignore[arg-type]


def story(*chapters: Chapter, name: str = "revenue") -> Story:
    artifact = ArtifactVersion(dataset("ns", name), content=HASH, rows=0)
    return Story(artifact, Link.CONTENT, "r1", chapters)


def test_each_run_says_code_parameters_and_what_it_read() -> None:
    """DD-22: a story that is read without code."""
    code = {
        "commit": "0123456789abcdef" * 2 + "01234567",
        "branch": "main",
        "repository": "https://c.example/shop",
    }
    read = Reading(ArtifactVersion(dataset("ns", "orders"), content=HASH), Link.CONTENT, "r0")
    artifact, run = sections(
        story(chapter(code=code, parameters={"day": "2026-01-01", "key": "sha256:1"}, read=(read,)))
    )

    assert dict(artifact.facts) == {
        "dataset": "dataset:ns:revenue",
        "content": HASH,
        "rows": "0",
        "made by": "add_up, r1",
        "known by": "the same content",
    }
    assert dict(run.facts)["code"] == "0123456789ab of https://c.example/shop (main)"
    assert dict(run.facts)["parameters"] == "day=2026-01-01, key=sha256:1"
    assert run.rows == [["orders", "bytes-sha256:abababababab", "r0", "the same content"]]


def test_what_is_not_known_is_said() -> None:
    _, run = sections(story(chapter()))

    assert (dict(run.facts)["code"], dict(run.facts)["parameters"]) == ("unknown", "unknown")
    _, run = sections(story(chapter(code={"commit": "1", "dirty": True}, parameters={})))
    assert dict(run.facts)["code"] == "1, changed since: not known how"
    assert dict(run.facts)["parameters"] == "none"


def test_a_page_stands_alone_and_shows_names_as_they_are() -> None:
    """DD-22: nothing in a name is markup, and nothing is loaded from elsewhere."""
    name = '<script src="https://evil.example">alert(1)</script> & | *bold*'
    parts = list(sections(story(chapter(job=job("ns", name)), name=name)))

    class Seen(HTMLParser):
        tags: set[str] = set()
        text = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.add(tag)
            assert not {key for key, _ in attrs} & {"src", "href", "onload"}

        def handle_data(self, data: str) -> None:
            self.text += data

    seen = Seen()
    seen.feed(page("Where it came from", parts))
    assert not seen.tags & {"script", "link", "img", "iframe"}
    assert seen.text.count(name) == 4  # twice a title, in the id, and beside the run

    written = markdown("Where it came from", parts)
    assert "<script" not in written.replace(r"\<", "")
    assert r"\*bold\*" in written
