"""`lineage check`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from graph import questions
from graph.cli._options import AsOf, Json, Store
from graph.cli._output import note_incomplete, print_json, print_note, print_table, time_text
from graph.cli._store import ask
from graph.cli._webhook import check_webhook, post
from graph.queries.checking import Finding, Learning, Sensitivity

Expect = Annotated[
    Path | None,
    typer.Option(
        "--expect",
        metavar="FILE",
        help="Check what this TOML file declares: edges, schemas, amounts, readers, when jobs complete.",
    ),
]
UseBaseline = Annotated[
    bool,
    typer.Option("--baseline/--no-baseline", help="Check against what is usual by the history in the store."),
]
Sensitive = Annotated[
    Sensitivity,
    typer.Option(
        "--sensitivity", help="How little out of the usual is told: low for few alarms, high for many."
    ),
]
Since = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Hold runs that ended from this time on, or so long before the latest event, against the usual.",
    ),
]
Now = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="When it is asked whether runs are missing.  [default: now]"),
]
Webhook = Annotated[
    str | None,
    typer.Option("--webhook", metavar="URL", help="POST the JSON answer there when something is found."),
]
Log = Annotated[bool, typer.Option("--log", help="Print a JSON object a line for each finding.")]

_NAMED = 5


def check(
    expect: Expect = None,
    baseline: UseBaseline = True,
    sensitivity: Sensitive = Sensitivity.DEFAULT,
    since: Since = "1d",
    now: Now = None,
    as_of: AsOf = None,
    webhook: Webhook = None,
    log: Log = False,
    json: Json = False,
    store: Store = None,
) -> None:
    """Check that all is as declared and as usual: edges, schemas, amounts, readers, runs that come.

    Exits with 1 when something is found. A job needs 7 completed runs in 14 days before what is usual is
    known; until then nothing is said of it.
    """
    if log and json:
        raise typer.BadParameter("give --json or --log, not both", param_hint="--log")
    if expect is None and not baseline:
        raise typer.BadParameter("there is nothing to check: give --expect FILE", param_hint="--no-baseline")
    check_webhook(webhook)
    declared = None
    if expect is not None:
        from graph.cli._expectation_file import read_expectations

        declared = read_expectations(expect)
    found = ask(store, as_of, questions.check, declared, baseline, sensitivity.value, since, now)
    answer = found.as_json()
    if json:
        print_json(answer)
    elif log:
        _print_log(found.findings)
    else:
        _print(found.findings, found.learning)
    note_incomplete(found.incomplete)
    if found.findings:
        if webhook is not None:
            post(webhook, answer)
        raise typer.Exit(1)


def _print(findings: Sequence[Finding], learning: Sequence[Learning]) -> None:
    if findings:
        rows = [[each.basis, each.kind, time_text(each.at) or "", each.message] for each in findings]
        print_table(["by", "kind", "since", "what is wrong"], rows)
    else:
        print_note("All is as it should be.")
    if learning:
        jobs = ", ".join(each.node.label for each in learning[:_NAMED])
        more = f" and {len(learning) - _NAMED} more" if len(learning) > _NAMED else ""
        print_note(f"Not enough history to say what is usual of {jobs}{more}.")


def _print_log(findings: Sequence[Finding]) -> None:
    from graph.exports.log_lines import log_line

    for each in findings:
        fields = {key: value for key, value in each.as_json().items() if key not in ("what", "message")}
        typer.echo(log_line(datetime.now(UTC), "warning", "lineage.check", each.message, fields))
