"""Tables and columns of a statement at once, for a run that asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.datasets import Dataset

if TYPE_CHECKING:
    from lineage.events import RunFacts
    from lineage.facets import Statement


def read_statement(facts: RunFacts, statement: Statement) -> None:
    """Add to a run the inputs and outputs of a statement, and what the columns of its outputs are made from.

    The statement is read as it goes on the wire, without its values. Stars and bare columns are settled by
    the schemas that the run gives its datasets; a temporary table that an earlier statement of the run
    filled is what it was made from.
    """
    from lineage.events import DatasetFacts
    from lineage.sql import extract
    from lineage.sql.facets import Made, made_by
    from lineage.sql.named import SqlText, named_statements

    text = SqlText(
        statement.query,
        statement.dialect,
        statement.namespace,
        statement.database,
        statement.defaultSchema,
    )
    listed = [
        (name, [column.name for column in known.dataset.schema or ()])
        for side in (facts.inputs, facts.outputs)
        for name, known in list(side.items())
    ]
    texts = [*facts.filling, text]
    read = [one for one in named_statements(texts, listed) if one.place == len(texts) - 1]
    for one in read:
        for table in one.lineage.inputs:
            if (name := one.datasets.get(table.name)) is not None:
                facts.inputs.setdefault(name, DatasetFacts(Dataset(*name)))
    for name, made in made_by(read).items():
        known = facts.outputs.setdefault(name, DatasetFacts(Dataset(*name)))
        known.made = known.made or Made()
        known.made.add(made)
    facts.statements_read += 1
    as_written = extract(text.query, dialect=text.dialect, default_schema=text.default_schema)
    if any(each.temporary for each in as_written.statements):
        facts.filling.append(text)
