"""A made-up company: jobs in layers that read what the layers below wrote, and how they change."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

LAKE_LAYERS, LAYERS, JOBS_OF_A_DAG = 2, 8, 20
WAREHOUSE, LAKE = "postgres://warehouse.acme.example:5432", "s3://acme-data-lake"


def _words(text: str) -> list[str]:
    return text.split()


SUBJECTS = _words(
    "order customer payment invoice shipment product session campaign refund ticket supplier stock"
)
KINDS = _words("daily events history summary latest enriched features balance snapshot current detail scores")
COLUMNS = _words(
    "id key name status type created_at updated_at amount currency quantity price discount country city email"
    " channel segment source score rank flag comment category region tax total weight version"
    " started_at ended_at"
)
TYPES = ("bigint", "text", "timestamp with time zone", "numeric(18,2)", "integer", "date", "boolean")
OWNERS = ("team:data-platform", "team:finance-analytics", "team:growth", "team:supply-chain", "team:risk")

Column = tuple[str, str]
Origin = list[tuple[int, str]]


@dataclass(slots=True)
class Table:
    """A dataset and what it looks like today."""

    namespace: str
    name: str
    columns: list[Column]


@dataclass(slots=True)
class Job:
    """A job and how its outputs are made today: by output, by column, the (input, column) it comes from."""

    name: str
    dag: str
    layer: int
    inputs: list[Table]
    outputs: list[Table]
    origins: list[list[Origin]]
    owner: str
    revision: int = 1
    parts: dict[str, Any] = field(default_factory=dict)
    """What its events share until it or a dataset of it changes."""

    @property
    def on_spark(self) -> bool:
        return self.layer <= LAKE_LAYERS + 1


def world(count: int, pick: random.Random) -> list[Job]:
    """Return the jobs, those of the lowest layer first."""
    below = [_table(0, place, pick) for place in range(max(8, count // 5))]
    layers, jobs = [below], []
    for place in range(count):
        layer = 1 + place * LAYERS // count
        if layer == len(layers):
            layers.append([])
        job = _job(layer, place, layers, pick)
        layers[layer].extend(job.outputs)
        jobs.append(job)
    return jobs


def _table(layer: int, place: int, pick: random.Random) -> Table:
    subject = SUBJECTS[place % len(SUBJECTS)]
    word = f"{subject}_{KINDS[place // len(SUBJECTS) % len(KINDS)]}_{place}"
    count = min(25, 10 + int(pick.expovariate(1 / 2)))
    columns = [
        (f"{subject}_{name}" if pick.random() < 0.3 else name, pick.choice(TYPES))
        for name in ["id", *pick.sample(COLUMNS[1:], count - 1)]
    ]
    if layer <= LAKE_LAYERS:
        return Table(LAKE, f"warehouse/{('raw', 'bronze', 'silver')[layer]}/{word}", columns)
    return Table(WAREHOUSE, f"analytics.{'staging' if layer < LAYERS - 2 else 'mart'}.{word}", columns)


def _job(layer: int, place: int, layers: list[list[Table]], pick: random.Random) -> Job:
    inputs: dict[str, Table] = {}
    near = layers[layer - 1]
    lowest = 0 if layer <= LAKE_LAYERS + 1 else LAKE_LAYERS + 1
    for _ in range(pick.choices((2, 3, 4), (70, 22, 8))[0]):
        known = near if pick.random() < 0.8 else layers[pick.randrange(lowest, layer)]
        table = known[int(len(known) * pick.random() ** 2)]
        inputs[table.name] = table
    while len(inputs) < min(2, len(near)):
        table = pick.choice(near)
        inputs[table.name] = table
    outputs = [_table(layer, 2 * place + n, pick) for n in range(1 if pick.random() < 0.85 else 2)]
    origins = [[_origin(list(inputs.values()), pick) for _ in table.columns] for table in outputs]
    dag = f"{SUBJECTS[place // JOBS_OF_A_DAG % len(SUBJECTS)]}_pipeline_{place // JOBS_OF_A_DAG}"
    task = f"build_{outputs[0].name.split('.')[-1].split('/')[-1]}"
    return Job(f"{dag}.{task}", dag, layer, list(inputs.values()), outputs, origins, pick.choice(OWNERS))


def _origin(inputs: list[Table], pick: random.Random) -> Origin:
    """Return what a column is made from: mostly one column, at times two, or none (the time of loading)."""
    places = [pick.randrange(len(inputs)) for _ in range(pick.choices((0, 1, 2), (20, 72, 8))[0])]
    return [(place, pick.choice(inputs[place].columns)[0]) for place in places]


def change(job: Job, jobs: list[Job], pick: random.Random) -> None:
    """Give the job's first output one more column, or one column another type, and the job other SQL."""
    job.revision += 1
    table = job.outputs[0]
    if len(table.columns) < 25:
        table.columns.append((f"{pick.choice(COLUMNS)}_v{job.revision}", pick.choice(TYPES)))
        job.origins[0].append(_origin(job.inputs, pick))
    else:
        name, type_ = table.columns[-1]
        table.columns[-1] = (name, "text" if type_ != "text" else "bigint")
    for each in jobs:
        if each is job or table in each.inputs:
            each.parts = {}


def sql_of(job: Job) -> str:
    """Return the job's statements, one for each output."""
    made = zip(job.outputs, job.origins, strict=True)
    return ";\n".join(_insert(job, table, origins) for table, origins in made)


def _insert(job: Job, table: Table, origins: list[Origin]) -> str:
    forms = ("now()", "t{}.{}", "concat(t{}.{}, t{}.{})")
    listed = [forms[len(origin)].format(*(part for pair in origin for part in pair)) for origin in origins]
    names = ", ".join(name for name, _ in table.columns)
    chosen = ", ".join(f"{text} AS {name}" for text, (name, _) in zip(listed, table.columns, strict=True))
    joined = "".join(
        f"\nJOIN {_in_sql(each)} AS t{n} ON t{n}.{each.columns[0][0]} = t0.{job.inputs[0].columns[0][0]}"
        for n, each in enumerate(job.inputs)
        if n
    )
    return (
        f"-- revision {job.revision}\nINSERT INTO {_in_sql(table)} ({names})\n"
        f"SELECT {chosen}\nFROM {_in_sql(job.inputs[0])} AS t0{joined}"
    )


def _in_sql(table: Table) -> str:
    if table.namespace == LAKE:
        return ".".join(table.name.split("/")[1:])
    return table.name.split(".", 1)[1]
