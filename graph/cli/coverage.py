"""`lineage coverage`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph import questions
from graph.cli._change_options import CriticalFileOption, check_pairs, critical_names
from graph.cli._code_coverage import (
    BaselineOption,
    CodeAsked,
    CodeOption,
    ExcludeOption,
    InstrumentOption,
    WriteOption,
    cover_code,
)
from graph.cli._completion import complete_name
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import note_incomplete, print_json
from graph.cli._store import ask
from graph.queries.coverage import Check

Checks = Annotated[
    list[Check] | None,
    typer.Option(
        "--check", metavar="CHECK", help=f"Only this check: {', '.join(Check)}. May be given more than once."
    ),
]
FailUnder = Annotated[
    float,
    typer.Option(
        "--fail-under",
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Exit with 1 when a check covers less than this share, such as 0.9.",
    ),
]
Critical = Annotated[
    list[str] | None,
    typer.Option(
        "--critical",
        metavar="NAME",
        help="A critical field, or a dataset for all its fields. May be given more than once.",
        autocompletion=complete_name,
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="NAME=PATTERN",
        help="A layer, such as gold='marts.*', in the order in which data flows.  [default: bronze, silver,"
        " gold]",
    ),
]
Since = Annotated[
    str, typer.Option("--since", metavar="AGO", help="Judge runs that began so long ago or later.")
]
UnfinishedAfter = Annotated[
    str, typer.Option("--unfinished-after", metavar="AGO", help="A run silent for longer has no end.")
]
OlderThan = Annotated[
    str, typer.Option("--older-than", metavar="AGO", help="What was not heard of for longer is stale.")
]
Limit = Annotated[int, typer.Option("--limit", min=0, metavar="N", help="Show at most N findings a check.")]


def coverage(
    check: Checks = None,
    fail_under: FailUnder = 1.0,
    critical: Critical = None,
    critical_file: CriticalFileOption = None,
    layer: Layers = None,
    as_of: AsOf = None,
    since: Since = "30d",
    unfinished_after: UnfinishedAfter = "1d",
    older_than: OlderThan = "90d",
    code: CodeOption = None,
    baseline: BaselineOption = None,
    write_baseline: WriteOption = False,
    instrument: InstrumentOption = None,
    exclude: ExcludeOption = None,
    limit: Limit = 20,
    json: Json = False,
    store: Store = None,
) -> None:
    """Check that lineage is complete: runs end, failures say why, layers and critical columns are linked.

    Exits with 1 when a check covers less than --fail-under; what there was nothing to look at for is skipped.
    With --code it is Python code that is checked, and 1 says that a function reads or writes data untracked.
    """
    if code:
        if any((check, critical, critical_file, layer, as_of, store)) or fail_under != 1.0:
            raise typer.BadParameter(
                "code is checked without a store: give no other check", param_hint="--code"
            )
        asked = CodeAsked(code, baseline, write_baseline, instrument or (), exclude or ())
        cover_code(asked, json=json, limit=limit)
        return
    if baseline or write_baseline or instrument or exclude:
        raise typer.BadParameter("say which code: --code PATH", param_hint="--code")
    check_pairs([text for text in layer or () if "=" in text or not text.strip()], "--layer", "NAME=PATTERN")
    found = ask(
        store,
        as_of,
        questions.coverage,
        [each.value for each in check or ()],
        critical_names(critical, critical_file),
        layer or (),
        since=since,
        unfinished_after=unfinished_after,
        older_than=older_than,
    )
    if json:
        print_json(found.as_json(fail_under, limit))
    else:
        from graph.cli._checklist import print_checklist

        print_checklist(found.results, fail_under, limit)
    note_incomplete(found.incomplete)
    if any(each.fails(fail_under) for each in found.results):
        raise typer.Exit(1)
