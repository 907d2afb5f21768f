"""`lineage drill [DATASET ...]`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from graph import questions
from graph.cli._completion import complete_name
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import note_incomplete, print_json, print_note
from graph.cli._report import FormatOption, StoryFormat, print_report
from graph.cli._store import ask
from graph.cli.verify import verified
from graph.cli.whence import Most
from graph.queries.gaps import Gap, Open

if TYPE_CHECKING:
    from graph.exports.story import Section
    from graph.questions.story import Drill, Drilled
    from graph.questions.verification import Verification

_MOST_SHOWN = 20

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATASET",
        help="Datasets to ask about: URIs, ids, or ends of names that are like no other.",
        show_default="drawn at random",
        autocompletion=complete_name,
    ),
]
Sample = Annotated[int, typer.Option("--sample", min=1, max=1000, metavar="N", help="How many are drawn.")]
Seed = Annotated[
    str, typer.Option("--seed", metavar="TEXT", help="The same ones are drawn for the same seed.")
]
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="PATTERN",
        help="What may be a source, as *.raw.*; several may be given.",
        show_default="whatever no run wrote",
    ),
]
Accept = Annotated[
    list[Open] | None,
    typer.Option("--accept", help="What may be left open; may be given several times.", show_default=False),
]


Verify = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Check the whole log as well, as `lineage verify` does.")
]


def drill(
    names: Names = None,
    sample: Sample = 5,
    seed: Seed = "",
    source: Source = None,
    accept: Accept = None,
    verify: Verify = True,
    format_: FormatOption = StoryFormat.TEXT,
    limit: Most = 1000,
    json: Json = False,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Audit artifacts: does each one's story lead to its sources, with code, parameters and contents?

    And is the record of it as it was written? Exits with 1 when a story leaves anything open, or when the log
    was altered, and names what.
    """
    found = ask(
        store,
        as_of,
        questions.drill,
        names or [],
        sample=sample,
        seed=seed,
        sources=source or [],
        limit=limit,
    )
    opened = [[gap for gap in item.gaps if gap.what not in (accept or ())] for item in found.items]
    log = verified(store) if verify else None
    if json:
        told = found.as_json()
        if log is not None:
            told["query"]["log"] = log.as_json()
        print_json(told)
    else:
        _print(found, opened, log, format_)
    note_incomplete(found.incomplete)
    if any(opened) or (log is not None and not log.is_sound):
        raise typer.Exit(1)


def _print(
    found: Drill, opened: Sequence[Sequence[Gap]], log: Verification | None, format_: StoryFormat
) -> None:
    if not found.items:
        print_note("No run has written a dataset: there is nothing to audit.")
        return
    parts = _parts(found, opened, log, stories=format_ is not StoryFormat.TEXT)
    print_report("Audit of lineage", parts, format_)


def _parts(
    found: Drill, opened: Sequence[Sequence[Gap]], log: Verification | None, *, stories: bool
) -> Iterator[Section]:
    from graph.exports.story import Section, sections

    whole = sum(not each for each in opened)
    rows = [_row(item, gaps) for item, gaps in zip(found.items, opened, strict=True)]
    columns = ("artifact", "made by", "runs", "sources", "open")
    yield Section(f"{whole} of {len(rows)} stories are whole", (), columns, rows)
    for item, gaps in zip(found.items, opened, strict=True):
        if gaps:
            facts = [(gap.what.value, f"{gap.text}{_where(gap, item)}") for gap in gaps]
            yield Section(f"Open: {item.story.artifact.dataset.label}", facts)
    if log is not None:
        yield Section("The log", list(_of_log(log)))
    if stories:
        for item in found.items:
            yield from sections(item.story)


def _of_log(log: Verification) -> Iterator[tuple[str, str]]:
    yield (
        "records",
        f"{log.checked:,}, {'as they were written' if log.is_sound else 'not as they were written'}",
    )
    if log.uncovered:
        yield "not covered", f"{log.uncovered:,} events that are older than the chain"
    signed = None if log.latest is None else f"up to number {log.latest.number:,} at {log.latest.time}"
    yield "signed", signed or "nothing: who can write the store can also write another chain"
    for each in log.findings[:_MOST_SHOWN]:
        where = ", ".join(str(part) for part in (each.number, each.job, each.run_id) if part is not None)
        yield each.kind.value, f"{each.text} ({where})" if where else each.text


def _row(item: Drilled, gaps: Sequence[Gap]) -> list[str]:
    jobs = item.story.jobs
    return [
        item.story.artifact.dataset.label,
        jobs.get(item.story.made_by or "", item.story.made_by or ""),
        str(len(item.story.chapters)),
        ", ".join(node.label for node in item.sources),
        ", ".join(dict.fromkeys(gap.what.value for gap in gaps)),
    ]


def _where(gap: Gap, item: Drilled) -> str:
    """Return which run a gap is of, by the name of its job where that is known."""
    jobs = item.story.jobs
    if gap.run_id is None:
        return ""
    return f" ({jobs[gap.run_id]}, {gap.run_id})" if gap.run_id in jobs else f" ({gap.run_id})"
