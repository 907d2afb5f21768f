"""`lineage drill [DATASET ...]`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from graph import questions
from graph.cli._completion import complete_name
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import note_incomplete, print_json, print_note
from graph.cli._store import ask
from graph.cli.whence import FormatOption, Most, StoryFormat, print_sections
from graph.queries.gaps import Gap, Open

if TYPE_CHECKING:
    from graph.exports.story import Section
    from graph.questions.story import Drill, Drilled

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


def drill(
    names: Names = None,
    sample: Sample = 5,
    seed: Seed = "",
    source: Source = None,
    accept: Accept = None,
    format_: FormatOption = StoryFormat.TEXT,
    limit: Most = 1000,
    json: Json = False,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Audit artifacts: does each one's story lead to its sources, with code, parameters and contents?

    Exits with 1 when a story leaves anything open, and names what.
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
    if json:
        print_json(found.as_json())
    else:
        _print(found, opened, format_)
    note_incomplete(found.incomplete)
    if any(opened):
        raise typer.Exit(1)


def _print(found: Drill, opened: Sequence[Sequence[Gap]], format_: StoryFormat) -> None:
    if not found.items:
        print_note("No run has written a dataset: there is nothing to audit.")
        return
    from graph.exports.story import markdown, page

    parts = list(_parts(found, opened, stories=format_ is not StoryFormat.TEXT))
    if format_ is StoryFormat.TEXT:
        print_sections(parts)
    elif format_ is StoryFormat.MARKDOWN:
        typer.echo(markdown("Audit of lineage", parts), nl=False)
    else:
        typer.echo(page("Audit of lineage", parts), nl=False)


def _parts(found: Drill, opened: Sequence[Sequence[Gap]], *, stories: bool) -> Iterator[Section]:
    from graph.exports.story import Section, sections

    whole = sum(not each for each in opened)
    rows = [_row(item, gaps) for item, gaps in zip(found.items, opened, strict=True)]
    columns = ("artifact", "made by", "runs", "sources", "open")
    yield Section(f"{whole} of {len(rows)} stories are whole", (), columns, rows)
    for item, gaps in zip(found.items, opened, strict=True):
        if gaps:
            facts = [(gap.what.value, f"{gap.text}{_where(gap, item)}") for gap in gaps]
            yield Section(f"Open: {item.story.artifact.dataset.label}", facts)
    if stories:
        for item in found.items:
            yield from sections(item.story)


def _row(item: Drilled, gaps: Sequence[Gap]) -> list[str]:
    jobs = {each.run_id: each.job.name for each in item.story.chapters if each.job is not None}
    return [
        item.story.artifact.dataset.label,
        jobs.get(item.story.made_by or "", item.story.made_by or ""),
        str(len(item.story.chapters)),
        ", ".join(node.label for node in item.sources),
        ", ".join(dict.fromkeys(gap.what.value for gap in gaps)),
    ]


def _where(gap: Gap, item: Drilled) -> str:
    """Return which run a gap is of, by the name of its job where that is known."""
    jobs = {each.run_id: each.job.name for each in item.story.chapters if each.job is not None}
    if gap.run_id is None:
        return ""
    return f" ({jobs[gap.run_id]}, {gap.run_id})" if gap.run_id in jobs else f" ({gap.run_id})"
