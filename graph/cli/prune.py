"""`lineage prune`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from graph.cli._options import Json, Store
from graph.cli._output import print_items, print_note, time_text
from graph.cli._store import opened
from graph.exports.labels import one_line
from graph.ingest import derive
from graph.ingest import prune as prune_store
from graph.nodes import NodeType
from graph.queries import since_time
from graph.queries.names import resolve
from graph.store.base import LineageStore
from graph.store.retention import Policy, Pruned

Before = Annotated[
    str | None,
    typer.Option("--before", metavar="TIME", help="What was over by a time (2026-01-31T12:00:00Z)."),
]
OlderThan = Annotated[
    str | None, typer.Option("--older-than", metavar="AGE", help="What was over so long ago (90d, 12h, 8w).")
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", metavar="NAMESPACE", help="Only of the jobs of a namespace.")
]
Job = Annotated[str | None, typer.Option("--job", metavar="NAME", help="Only of this job.")]
Decommissioned = Annotated[
    bool, typer.Option("--decommissioned", help="Only of jobs and datasets that are deleted.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_SHOWN = 20


def prune(
    before: Before = None,
    older_than: OlderThan = None,
    namespace: Namespace = None,
    job: Job = None,
    decommissioned: Decommissioned = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
    store: Store = None,
) -> None:
    """Remove runs from the log and the graph for good: old ones, those of a job, those of what is deleted.

    By age nothing goes that the current graph is made of. Without an age, all of a namespace or a job goes.
    """
    if before is not None and older_than is not None:
        raise typer.BadParameter("give one of --before and --older-than", param_hint="--older-than")
    age = before if before is not None else older_than
    with opened(store) as asked:
        policy = Policy(
            None if age is None else since_time(age, datetime.now(UTC)),
            namespace,
            None if job is None else resolve(asked.reader, job, {NodeType.JOB}),
            decommissioned,
        )
        pruned = _prune(asked.reader, policy, dry_run=dry_run, yes=yes)
    if json:
        print_items({"before": time_text(policy.before), "dryRun": dry_run}, [_as_item(pruned)])
    else:
        _print(pruned, "would be removed" if dry_run else "removed")


def _prune(store: LineageStore, policy: Policy, *, dry_run: bool, yes: bool) -> Pruned:
    if policy.is_empty:
        raise typer.BadParameter("say what to remove: an age, a namespace, a job, or --decommissioned")
    if not dry_run and not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("nobody can be asked here: give --yes, or --dry-run", param_hint="--yes")
        _print(prune_store(store, policy, dry_run=True), "would be removed")
        typer.confirm("Remove them for good?", abort=True, err=True)
    pruned = prune_store(store, policy, dry_run=dry_run)
    if not dry_run and pruned.events:
        derive(store)
    return pruned


def _print(pruned: Pruned, how: str) -> None:
    typer.echo(f"{pruned.events} events of {pruned.runs} runs {how}")
    for node in pruned.nodes[:_SHOWN]:
        typer.echo(one_line(node.id))
    if len(pruned.nodes) > _SHOWN:
        print_note(f"... and {len(pruned.nodes) - _SHOWN} more jobs and datasets that no other event names")


def _as_item(pruned: Pruned) -> dict[str, object]:
    return {
        "events": pruned.events,
        "runs": pruned.runs,
        "nodes": [node.id for node in pruned.nodes],
        "until": time_text(pruned.until),
    }
