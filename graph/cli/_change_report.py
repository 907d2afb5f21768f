"""What changes of a dataset affect, printed for people: each change, then each thing that is hit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import typer

from graph.cli._answers import Format, Table, kind_text, print_answer
from graph.cli._markdown import print_markdown_table
from graph.cli._output import print_json, print_note, print_table
from graph.cli._queries_table import print_readers
from graph.exports.labels import escaped_markdown, one_line
from graph.nodes import Node, NodeType, dataset
from graph.queries.answer import AnswerNode, Impact
from graph.queries.change_impact import ChangedField, ChangeImpact, Verdict
from graph.queries.critical import CriticalHit
from graph.queries.schema_changes import Add, Retype
from graph.queries.schema_comparison import SchemaComparison

_WORDS = {
    Verdict.BREAKS: "breaks",
    Verdict.MAY_BREAK: "may break",
    Verdict.CHANGES_MEANING: "changes the meaning of",
    Verdict.UNKNOWN: "unknown for",
}
_PLURALS = {NodeType.FIELD: "fields", NodeType.DATASET: "datasets", NodeType.JOB: "jobs"}


def print_changes(
    found: ChangeImpact, *, json: bool, format_: Format, limit: int, cursor: str | None
) -> None:
    """Print what changes affect; where that is not for people, critical hits are told on standard error."""
    if json or format_ is Format.JSON:
        page = found.answer.page(limit=limit, cursor=cursor)
        print_json(replace(found, answer=page).as_json())
    else:
        print_answer(
            found.answer,
            json=False,
            format_=format_,
            limit=limit,
            cursor=cursor,
            table=lambda page: print_report(replace(found, answer=page)),
            markdown=lambda page: print_markdown(replace(found, answer=page)),
        )
    if json or format_ not in (Format.TABLE, Format.MARKDOWN):
        for hit in found.critical:
            if hit.impact is not None:
                print_note(f"Critical: {critical_text(hit)}")
    if found.critical and found.answer.incomplete:
        print_note("Critical: what was not read yet may lead to more of them.")


def print_report(found: ChangeImpact) -> None:
    """Print the changes, what they hit and the critical things as text."""
    _print(found, print_table, heading="{}", item="{}")


def print_markdown(found: ChangeImpact) -> None:
    """Print the same for a review: tables and lists in Markdown."""
    typer.echo(f"### Impact of a change of {escaped_markdown(found.dataset.label)}\n")
    _print(found, print_markdown_table, heading="**{}**\n", item="- {}")


def _print(found: ChangeImpact, table: Table, *, heading: str, item: str) -> None:
    clean = escaped_markdown if table is print_markdown_table else one_line
    if found.compared is not None:
        for line in _comparison(found.compared):
            typer.echo(item.format(clean(line)))
        typer.echo("")
    if found.changes:
        table(["change", "what it does"], [[str(each.change), _told(each)] for each in found.changes])
    else:
        typer.echo("Nothing changes.")
    hits = _hits(found)
    if hits:
        typer.echo("")
        _print_hits(found, hits, table)
    print_readers(found.answer, table)
    if found.critical:
        typer.echo("")
        typer.echo(heading.format("Critical:"))
        for hit in found.critical:
            typer.echo(item.format(clean(critical_text(hit))))


def _comparison(compared: SchemaComparison) -> Iterator[str]:
    yield (
        f"Compared: the schema that the store knows ({_count(compared.known, 'field')}) with the new one"
        f" ({_count(compared.new, 'field')})."
    )
    if compared.untyped:
        yield f"Types not compared, as one side does not tell them: {', '.join(compared.untyped)}."
    if compared.only_in_lineage:
        yield (
            "Not compared, as lineage names them and the schema that the store knows does not:"
            f" {', '.join(compared.only_in_lineage)}."
        )


def _told(change: ChangedField) -> str:
    """Return what a change does, as `breaks 2 fields, 1 dataset, 2 jobs; unknown for 1 job`."""
    said = []
    for verdict in Verdict:
        kinds = Counter(node.type for node in change.marks if change.verdict(node) is verdict)
        counts = [_count(kinds[type_], type_.value.lower()) for type_ in _PLURALS if kinds[type_]]
        if counts:
            said.append(f"{_WORDS[verdict]} {', '.join(counts)}")
    if isinstance(change.change, Retype):
        said.insert(0, _types(change))
    elif isinstance(change.change, Add):
        said.insert(0, "breaks nothing")
    elif not said:
        said.append("nothing known uses it")
    return "; ".join(said)


def _types(change: ChangedField) -> str:
    if change.type_before is None:
        return "the type before is not known"
    kept = "compatible, breaks nothing" if change.compatible else "may not hold all values"
    return f"from {change.type_before}: {kept}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _print_hits(found: ChangeImpact, hits: Sequence[tuple[Verdict, AnswerNode]], table: Table) -> None:
    """Print a row for each node that is hit; changes and namespaces only where there are several."""
    several_changes = len(found.changes) > 1
    several_namespaces = len({each.node.namespace for _, each in hits}) > 1
    columns = ["impact", "type", "name", *["changes"] * several_changes, "owners"]
    rows = []
    for verdict, each in hits:
        by = ", ".join(str(change.change) for change in found.changes if each.node in change.marks)
        row = [verdict.value, kind_text(each), each.node.label, *[by] * several_changes]
        row.append(_owner_text(found, each.node))
        rows.append(row + [each.node.namespace] * several_namespaces)
    table(columns + ["namespace"] * several_namespaces, rows)


def _hits(found: ChangeImpact) -> list[tuple[Verdict, AnswerNode]]:
    """Return what is hit: the gravest first, then by distance."""
    verdicts = ((found.verdict(each.node), each) for each in found.answer.nodes)
    order = list(Verdict)
    return sorted(
        ((verdict, each) for verdict, each in verdicts if verdict is not None),
        key=lambda pair: (order.index(pair[0]), pair[1].place),
    )


def _owner_text(found: ChangeImpact, node: Node) -> str:
    """Return who owns a node, of a field who owns its dataset."""
    holder = dataset(node.namespace, node.name) if node.type is NodeType.FIELD else node
    return ", ".join(found.owners.get(holder) or ("unknown",))


def critical_text(hit: CriticalHit) -> str:
    """Return what becomes of a critical thing, and through which path."""
    name = f"{hit.node.label} (job)" if hit.node.type is NodeType.JOB else hit.node.label
    if hit.impact is None:
        return f"{name} is not hit"
    how = {
        Impact.DIRECT: "is hit directly",
        Impact.INDIRECT: "is hit indirectly",
        Impact.UNKNOWN: "may be hit, nobody can tell",
    }[hit.impact]
    return f"{name} {how}: {' > '.join(node.label for node in hit.path)}"
