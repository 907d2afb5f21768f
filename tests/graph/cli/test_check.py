"""`lineage check`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from made_events import dataset, run_event

Lineage = Callable[..., Any]
BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
NOW = "2026-03-22T12:00:00Z"


@pytest.fixture
def pipeline(lineage: Lineage) -> None:
    """Put twenty days of a daily job into the store, and a day on which it reads something else as well."""
    events = []
    for day in range(21):
        wrote = {**dataset("gold.revenue"), "outputFacets": {"outputStatistics": {"rowCount": 1000}}}
        at = (BEGIN + timedelta(days=day)).isoformat()
        inputs = ["silver.orders", *(["silver.salaries"] if day == 20 else [])]
        events.append(run_event(str(day), "COMPLETE", at, job="build", inputs=inputs, outputs=[wrote]))
    events.append(run_event("once", "COMPLETE", BEGIN.isoformat(), job="once", inputs=["silver.orders"]))
    assert lineage("ingest", "-", input="\n".join(map(json.dumps, events))).code == 0


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    file = tmp_path / "expect.toml"
    file.write_text(
        '[dataset."gold.revenue"]\nfed_by = ["silver.orders"]\nrows = {min = 2000}\n'
        "[job.build]\nby = 06:30:00\n",
        encoding="utf-8",
    )
    return file


class Hook:
    """Where answers are posted to: it answers with `status`, or a byte at a time while `dripping`."""

    def __init__(self) -> None:
        self.posted: list[Any] = []
        self.paths: list[str] = []
        self.status = 204
        self.dripping = Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.paths.append(self.path)
                hook.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if hook.dripping.is_set():
                    while hook.dripping.is_set():
                        self.wfile.write(b"H")
                        time.sleep(0.05)
                    return
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *unused: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://someone:hunter2@127.0.0.1:{self.server.server_port}/T0KEN?key=hunter3"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.dripping.clear()
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.usefixtures("pipeline")
def test_what_is_unusual_is_told_and_ends_with_1(lineage: Lineage) -> None:
    """PV-28: in a table for people, with what there is not enough history for."""
    said = lineage("check", "--now", NOW)

    assert said.code == 1
    assert "build reads silver.salaries, which it never did in 20 runs before" in said.out
    assert said.err == "Not enough history to say what is usual of once.\n"
    (item, learning) = lineage("check", "--now", NOW, "--json").items["items"]
    assert (item["kind"], item["node"], item["other"]) == (
        "new-edge",
        "job:ns:build",
        "dataset:ns:silver.salaries",
    )
    assert (learning["what"], learning["node"], learning["runs"]) == ("learning", "job:ns:once", 1)
    assert lineage("check", "--now", NOW, "--since", "1m", "--sensitivity", "low").code == 1
    assert lineage("check", "--now", NOW, "--since", "2026-03-22T06:00:01Z").code == 0


@pytest.mark.usefixtures("pipeline")
def test_what_is_declared_is_held_against_what_is(lineage: Lineage, declared: Path) -> None:
    """PV-29: with and without what is usual."""
    said = lineage("check", "--expect", declared, "--no-baseline", "--now", NOW, "--json")

    assert said.code == 1
    assert [(item["basis"], item["kind"]) for item in said.items["items"]] == [("expectation", "volume")]
    both = lineage("check", "--expect", declared, "--now", "2026-03-23T07:00:00Z", "--json").items
    assert [item["kind"] for item in both["items"] if item["what"] == "finding"] == [
        "volume",
        "missing-run",
        "new-edge",
    ]
    assert both["query"]["expectations"] is True


@pytest.mark.usefixtures("pipeline")
def test_findings_are_lines_of_a_structured_log(lineage: Lineage) -> None:
    """PV-30: one JSON object a line, with a time, a level and a message."""
    said = lineage("check", "--now", NOW, "--log")

    (line,) = map(json.loads, said.out.splitlines())
    assert (line["level"], line["logger"], line["kind"]) == ("warning", "lineage.check", "new-edge")
    assert line["message"].startswith("build reads silver.salaries")
    assert line["time"].endswith("Z")


@pytest.mark.usefixtures("pipeline")
def test_a_webhook_gets_the_answer_when_something_is_found(lineage: Lineage, hook: Hook) -> None:
    """PV-29: the JSON answer, and nothing where all is as it should be."""
    printed = lineage("check", "--now", NOW, "--json", "--webhook", hook.url)
    quiet = lineage("check", "--now", NOW, "--since", "2026-03-22T06:00:01Z", "--webhook", hook.url)

    assert (printed.code, quiet.code) == (1, 0)
    assert hook.posted == [printed.items]
    assert hook.paths == ["/T0KEN?key=hunter3"]


@pytest.mark.usefixtures("pipeline")
def test_a_webhook_in_trouble_is_told_without_its_secrets(lineage: Lineage, hook: Hook) -> None:
    """PV-29: within a bound of time, with exit code 3; what was found is printed all the same."""
    hook.status = 500
    failed = lineage("check", "--now", NOW, "--webhook", hook.url)
    hook.server.server_close()
    gone = lineage("check", "--now", NOW, "--webhook", "https://someone:hunter2@127.0.0.1:9/T0KEN")

    for said, reason in ((failed, "answered 500"), (gone, "cannot be reached (ConnectionError)")):
        assert said.code == 3
        assert "silver.salaries" in said.out
        assert reason in said.err
        assert "hunter" not in said.err + said.out
        assert "T0KEN" not in said.err + said.out


@pytest.mark.usefixtures("pipeline")
def test_a_webhook_that_drips_is_given_up(
    lineage: Lineage, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-29: a timeout of the socket would never end it."""
    monkeypatch.setattr("graph.cli._webhook.SECONDS", 0.3)
    hook.dripping.set()
    before = time.monotonic()
    said = lineage("check", "--now", NOW, "--webhook", hook.url)

    assert (said.code, "did not answer in 0.3 s" in said.err) == (3, True)
    assert time.monotonic() - before < 5


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--expect", "not-there.toml"], "not-there.toml cannot be read: No such file or directory"),
        (["--no-baseline"], "there is nothing to check: give --expect FILE"),
        (["--log", "--json"], "give --json or --log, not both"),
        (["--sensitivity", "extreme"], "extreme"),
        (["--since", "soon"], "'soon' is no time"),
        (["--now", "later"], "'later' is no time"),
        (["--webhook", "ftp://me:hunter2@host/x"], "give a URL that begins with https:// or http://"),
        (["--webhook", "http://host:port/x"], "give a URL"),
    ],
)
def test_wrong_usage_says_what_to_do(lineage: Lineage, arguments: list[str], said: str) -> None:
    found = lineage("check", *arguments)
    assert found.code == 2
    assert said in " ".join(found.err.split())
    assert "hunter2" not in found.err


def test_a_wrong_file_names_the_file_the_key_and_the_value(lineage: Lineage, tmp_path: Path) -> None:
    """PV-29: all that is wrong at once, before any store is opened."""
    file = tmp_path / "expect.toml"
    for text, problem in (
        ("[job.build]\nevery = 3\n[jobs]", 'job.build.every is 3: give a number and a unit, such as "30m"'),
        ("[job.build", "is no TOML"),
        ("", 'declares nothing: write [dataset."NAME"] or [job."NAME"]'),
    ):
        file.write_text(text, encoding="utf-8")
        said = lineage("check", "--expect", file)
        assert said.code == 2
        assert problem in said.err
        assert all(str(file) in line for line in said.err.splitlines())
