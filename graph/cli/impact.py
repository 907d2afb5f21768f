"""`lineage impact NAME`, and of a change: `lineage impact DATASET --drop FIELD ...`."""

from __future__ import annotations

from dataclasses import replace

import typer

from graph.cli._answers import PAGE, Format, FormatOption, draw_in_markdown, print_answer, print_nodes
from graph.cli._change_options import (
    CriticalFileOption,
    CriticalOption,
    DropOption,
    IgnoreUnknownOption,
    RenameOption,
    SchemaOption,
    TypeOption,
    critical_names,
    named_changes,
    schema_in,
)
from graph.cli._markdown import print_markdown_table
from graph.cli._options import AsOf, Cursor, Depth, Json, Limit, Name, Store
from graph.cli._queries_table import print_readers
from graph.cli._store import asking
from graph.queries.answer import Answer


def impact(
    name: Name,
    drop: DropOption = None,
    rename: RenameOption = None,
    type_: TypeOption = None,
    schema: SchemaOption = None,
    critical: CriticalOption = None,
    critical_file: CriticalFileOption = None,
    ignore_unknown: IgnoreUnknownOption = False,
    depth: Depth = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    json: Json = False,
    format_: FormatOption = Format.TABLE,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """Show all that a change affects: directly, indirectly (filters, joins), or in ways nobody can tell.

    Of a field, jobs that read its dataset and whose column lineage is not known are listed as `unknown`.

    With --drop, --rename, --type or --schema: what these changes of a dataset affect, each and together.
    """
    from graph import queries

    named = named_changes(drop, rename, type_)
    guarded = critical_names(critical, critical_file)
    if named or schema is not None:
        from graph.cli._change_report import print_changes

        new = None if schema is None else schema_in(schema)
        with asking(store, as_of) as asked:
            found = queries.impact_of_changes(
                asked.reader, name, named, schema=new, critical=guarded, depth=depth
            )
            found = replace(found, answer=asked.said(found.answer))
        print_changes(found, json=json, format_=format_, limit=limit, cursor=cursor)
        raise typer.Exit(int(found.hits_critical(ignore_unknown=ignore_unknown)))
    if critical or critical_file or ignore_unknown:
        raise typer.BadParameter(
            "it judges a change: give --drop, --rename, --type or --schema too", param_hint="--critical"
        )
    with asking(store, as_of) as asked:
        answer = asked.said(queries.impact(asked.reader, name, depth=depth))
    print_answer(
        answer,
        json=json,
        format_=format_,
        limit=limit,
        cursor=cursor,
        table=_print_table,
        markdown=lambda page: _print_markdown(answer, page),
    )


def _print_table(page: Answer) -> None:
    print_nodes(page, made=True)
    print_readers(page)


def _print_markdown(answer: Answer, page: Answer) -> None:
    print_nodes(page, print_markdown_table, made=True)
    print_readers(page, print_markdown_table)
    draw_in_markdown(answer, page)
