"""`lineage coverage`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from graph.cli._change_options import CriticalFileOption, critical_names
from graph.cli._completion import complete_name
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import print_items, print_note, time_text
from graph.cli._store import asking
from graph.queries.coverage import Check, Layer

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
    limit: Limit = 20,
    json: Json = False,
    store: Store = None,
) -> None:
    """Check that lineage is complete: runs end, failures say why, layers and critical columns are linked.

    Exits with 1 when a check covers less than --fail-under; what there was nothing to look at for is skipped.
    """
    from graph.queries.coverage import check_coverage

    layers = [_layer(text) for text in layer or ()]
    names = critical_names(critical, critical_file)
    ago = {"since": since, "unfinished_after": unfinished_after, "older_than": older_than}
    with asking(store, as_of) as asked:
        now = asked.time or asked.reader.latest_event_time() or datetime.now(UTC)
        results = check_coverage(
            asked.reader,
            check or tuple(Check),
            critical=names,
            layers=layers,
            as_of=now,
            **{name: _ago(text, now) for name, text in ago.items()},
        )
        incomplete = asked.incomplete
    if json:
        query = {
            "checks": [each.value for each in check or Check],
            "failUnder": fail_under,
            "critical": names,
            "layers": {each.name: each.pattern for each in layers},
            "asOf": time_text(now),
            "since": since,
            "unfinishedAfter": unfinished_after,
            "olderThan": older_than,
        }
        print_items(query, [each.as_json(fail_under, limit) for each in results])
    else:
        from graph.cli._checklist import print_checklist

        print_checklist(results, fail_under, limit)
    if incomplete:
        print_note("Incomplete: events or SQL wait that could not be read in time; ask again for the rest.")
    if any(each.fails(fail_under) for each in results):
        raise typer.Exit(1)


def _layer(text: str) -> Layer:
    name, equals, pattern = text.partition("=")
    if not equals:
        pattern = name
    if not name.strip() or not pattern.strip():
        raise typer.BadParameter(f"{text!r} is not NAME=PATTERN", param_hint="--layer")
    return Layer(name.strip(), pattern.strip())


def _time(text: str, now: datetime) -> datetime:
    from graph.queries.query_list import since_time

    return since_time(text, now)


def _ago(text: str, now: datetime) -> timedelta:
    return now - _time(text, now)
