"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from graph.cli._completion import complete_name

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="STORE",
        help="The store: a file, the URL of a PostgreSQL database, or of a server.  "
        "[default: LINEAGE_STORE, else lineage.db in the user's data folder]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Name = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME",
        help="A URI, an id, the end of a name that is like no other, or NAMESPACE and NAME as two words.",
        autocompletion=complete_name,
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="Answer as of this time (RFC 3339), or as of so long ago: 7d, 12h, 30m. Events count by their"
        " own time, whenever they arrived.  [default: all events]",
    ),
]
Depth = Annotated[
    int | None, typer.Option("--depth", min=1, metavar="N", help="Go N hops far.  [default: all the way]")
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Show at most N on a page.")]
Cursor = Annotated[
    str | None, typer.Option("--cursor", metavar="CURSOR", help="Show the page behind this `next`.")
]
