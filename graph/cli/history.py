"""`lineage history NAME`."""

from __future__ import annotations

from graph import questions
from graph.cli._answers import name_text
from graph.cli._options import AsOf, Cursor, Json, Limit, Name, Store
from graph.cli._output import print_json, print_note, print_table, time_text
from graph.cli._store import ask
from graph.nodes import Node, NodeType
from graph.queries.histories import DatasetStep, JobStep


def history(
    name: Name,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
    as_of: AsOf = None,
    store: Store = None,
) -> None:
    """List the versions of a dataset or a job, the latest first, and what changed from one to the next."""
    found = ask(store, as_of, questions.history, name, limit=limit, cursor=cursor)
    if json:
        print_json(found.as_json())
        return
    node, steps = found.node, found.items
    if node.type is NodeType.DATASET:
        columns = ["at", "change", "schema", "job", "run", "version"]
        print_table(columns, [_of_dataset(each, node) for each in steps if isinstance(each, DatasetStep)])
    else:
        columns = ["first", "last", "reads", "writes", "location", "run"]
        print_table(columns, [_of_job(each, node) for each in steps if isinstance(each, JobStep)])
    if found.next is not None:
        print_note(f"There is more: --cursor {found.next}")


def _of_dataset(step: DatasetStep, node: Node) -> list[str]:
    told = step.version
    change = (told.lifecycle or "").lower()
    if step.previous is not None:
        change = f"{change} from {name_text(step.previous, node.namespace)}"
    return [
        time_text(told.at) or "",
        change or ("" if told.run_id else "described"),
        ", ".join(map(str, step.changes or ())),
        "" if step.job is None else step.job.name,
        told.run_id or "",
        told.told or "",
    ]


def _of_job(step: JobStep, node: Node) -> list[str]:
    reads, writes = (
        ", ".join(name_text(each, node.namespace) for each in side) for side in (step.inputs, step.outputs)
    )
    told = step.version
    times = time_text(told.first) or "", time_text(told.last) or ""
    return [*times, reads, writes, told.location or "", told.latest_run or ""]
