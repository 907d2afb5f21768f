from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lineage = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[3]
DBT = ROOT / "tests" / "fixtures" / "events" / "dbt.jsonl"
LINES = [line for line in DBT.read_bytes().splitlines() if line.strip()]


def counts(said: Any) -> tuple[int, int, int]:
    (item,) = said.items["items"]
    return (item["accepted"], item["duplicate"], item["rejected"])


def test_counts_are_told_and_a_second_time_changes_nothing(lineage: Lineage) -> None:
    assert lineage("ingest", DBT).out == f"{len(LINES)} accepted, 0 duplicate, 0 rejected\n"
    said = lineage("ingest", DBT)
    assert said.out == f"0 accepted, {len(LINES)} duplicate, 0 rejected\n"
    assert (said.code, said.err) == (0, "")


def forms() -> dict[str, bytes]:
    events = [json.loads(line) for line in LINES]
    return {
        "lines": b"\n".join(LINES),
        "windows": b"\xef\xbb\xbf" + b"\r\n\r\n".join(LINES) + b"\r\n",
        "array": json.dumps(events).encode(),
        "indented array": json.dumps(events, indent=2).encode(),
        "gzip": gzip.compress(b"\n".join(LINES) + b"\n"),
        "gzipped array": gzip.compress(json.dumps(events, indent=1).encode()),
    }


@pytest.mark.parametrize("form", forms())
def test_every_form_of_file_gives_the_same_events(lineage: Lineage, tmp_path: Path, form: str) -> None:
    file = tmp_path / "events"
    file.write_bytes(forms()[form])
    assert counts(lineage("ingest", DBT, "--json")) == (len(LINES), 0, 0)

    assert counts(lineage("ingest", file, "--json")) == (0, len(LINES), 0)


@pytest.mark.parametrize("form", forms())
def test_standard_input_takes_every_form_too(lineage: Lineage, form: str) -> None:
    assert counts(lineage("ingest", "-", "--json", input=forms()[form])) == (len(LINES), 0, 0)


@pytest.mark.parametrize("indent", [None, 2])
def test_one_object_is_one_event(lineage: Lineage, tmp_path: Path, indent: int | None) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(json.loads(LINES[0]), indent=indent), encoding="utf-8")

    assert counts(lineage("ingest", file, "--json")) == (1, 0, 0)


def test_rejected_lines_are_told_with_their_place_and_end_with_1(lineage: Lineage, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    bad = [b'{"eventType": "START"}', b"no json", b"[1]", b"3", b'{"a": ', b'"x"', b"null"]
    file.write_bytes(b"\n".join([LINES[0], *bad, LINES[1]]))

    said = lineage("ingest", file)

    assert said.code == 1
    assert said.out == "2 accepted, 0 duplicate, 7 rejected\n"
    told = said.err.splitlines()
    places, reasons = zip(*(line.split(": rejected: ") for line in told[:5]), strict=True)
    assert list(places) == [f"{file}:{line}" for line in range(2, 7)]
    assert all(reasons)
    assert told[5:] == ["... and 2 more rejected"]
    assert lineage("status", "--json").items["items"][0]["deadLetters"] == 7


def test_an_empty_file_holds_no_events(lineage: Lineage, tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    file.write_bytes(b"\n \n")

    assert counts(lineage("ingest", file, "--json")) == (0, 0, 0)
    assert counts(lineage("ingest", "-", "--json", input=b"")) == (0, 0, 0)


def test_a_file_that_cannot_be_read_is_named_and_nothing_is_taken(lineage: Lineage, tmp_path: Path) -> None:
    for bad in (tmp_path / "missing.jsonl", tmp_path):
        said = lineage("ingest", DBT, bad)
        assert (said.code, said.out) == (2, "")
        assert f"{bad}: " in said.err
    assert lineage("status", "--json").items["items"][0]["exists"] is False


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"\n".join(LINES))[:-200], b'[{"eventType": "START"}, ', b'[{"a": 1} {"b": 2}]'],
    ids=["cut gzip", "cut array", "no array"],
)
def test_a_broken_file_is_named(lineage: Lineage, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken"
    file.write_bytes(content)

    said = lineage("ingest", file)

    assert said.code == 2
    assert f"{file}: " in said.err
    assert "Traceback" not in said.err


def test_a_store_that_cannot_be_written_ends_with_3(lineage: Lineage, tmp_path: Path) -> None:
    said = lineage("ingest", DBT, "--store", tmp_path)

    assert said.code == 3
    assert str(tmp_path) in said.err
