"""`lineage queries`."""

from __future__ import annotations

from typing import Annotated

import typer

from graph import questions
from graph.cli._completion import complete_name
from graph.cli._options import AsOf, Cursor, Json, Limit, Store
from graph.cli._output import note_incomplete, print_json, print_note
from graph.cli._store import ask

Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset", metavar="NAME", help="That read or write this dataset.", autocompletion=complete_name
    ),
]
Field = Annotated[
    str | None,
    typer.Option("--field", metavar="NAME", help="That use this field.", autocompletion=complete_name),
]
Actor = Annotated[str | None, typer.Option("--actor", metavar="WHO", help="That ran for this actor.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="WHO", help="That ran for this agent.")]
Operation = Annotated[
    str | None, typer.Option("--operation", metavar="NAME", help="That ran in this operation of a service.")
]
Service = Annotated[str | None, typer.Option("--service", metavar="NAME", help="That this service ran.")]
Fingerprint = Annotated[
    str | None,
    typer.Option("--fingerprint", metavar="SHA256", help="With the statement of this fingerprint."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Since this time (RFC 3339), or so long ago: 7d, 12h, 30m."),
]


def queries(
    dataset: Dataset = None,
    field: Field = None,
    actor: Actor = None,
    agent: Agent = None,
    operation: Operation = None,
    service: Service = None,
    fingerprint: Fingerprint = None,
    since: Since = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """List the queries that programs ran: which code, for whom, how often, how long and at what cost.

    The longest time in all comes first. All that is given must be true of what is listed.
    """
    from graph.cli._queries_table import print_queries

    found = ask(
        store,
        as_of,
        questions.queries,
        dataset=dataset,
        field=field,
        actor=actor,
        agent=agent,
        operation=operation,
        service=service,
        fingerprint=fingerprint,
        since=since,
        limit=limit,
        cursor=cursor,
    )
    if json:
        print_json(found.as_json())
    else:
        print_queries(found.items)
        if found.next is not None:
            print_note(f"There is more: --cursor {found.next}")
    note_incomplete(found.incomplete)
