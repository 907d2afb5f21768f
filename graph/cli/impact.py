"""`lineage impact NAME`, and of a change: `lineage impact DATASET --drop FIELD ...`."""

from __future__ import annotations

import typer

from graph import questions
from graph.cli._answers import PAGE, Format, FormatOption, draw_in_markdown, print_answer, print_nodes
from graph.cli._change_options import (
    CriticalFileOption,
    CriticalOption,
    DropOption,
    IgnoreUnknownOption,
    RenameOption,
    SchemaOption,
    TypeOption,
    check_pairs,
    critical_names,
    schema_in,
)
from graph.cli._markdown import print_markdown_table
from graph.cli._options import AsOf, Cursor, Depth, Json, Limit, Name, Store
from graph.cli._queries_table import print_readers
from graph.cli._store import ask
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
    check_pairs(rename, "--rename", "A=B")
    check_pairs(type_, "--type", "FIELD=T")
    guarded = critical_names(critical, critical_file)
    if drop or rename or type_ or schema is not None:
        from graph.cli._change_report import print_changes

        new = None if schema is None else schema_in(schema)
        found = ask(
            store,
            as_of,
            questions.changes,
            name,
            drop=drop or (),
            rename=rename or (),
            retype=type_ or (),
            schema=new,
            critical=guarded,
            depth=depth,
        )
        print_changes(found, json=json, format_=format_, limit=limit, cursor=cursor)
        raise typer.Exit(int(found.hits_critical(ignore_unknown=ignore_unknown)))
    if critical or critical_file or ignore_unknown:
        raise typer.BadParameter(
            "it judges a change: give --drop, --rename, --type or --schema too", param_hint="--critical"
        )
    answer = ask(store, as_of, questions.impact, name, depth)
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
