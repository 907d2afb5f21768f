"""The versions of a dataset, worked out of the runs that wrote it and the DatasetEvents about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from graph.nodes import Node
from graph.store import _version_ids as ids
from graph.store._history import shapes_that_write
from graph.store._log import LogReader
from graph.store._other_names import names_of
from graph.store._reading import moment, nodes
from graph.store._run_said import DatasetSaid, RunSaid, said_by
from graph.store._writers import Known, Shapes, WrittenBy, count_writing_runs, writing_runs
from graph.store.changes import Role
from graph.store.form_facets import Slot
from graph.store.texts import without_nul
from graph.store.versions import DatasetVersion, FacetsByName

_PAGE = 50


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """A version that DatasetEvents described: the facets' contents by name, and when that was first said."""

    id: str
    first_time: int
    contents: Mapping[str, int]


def versions_of(known: Known, log: LogReader, dataset: int, offset: int, limit: int) -> list[DatasetVersion]:
    """See `LineageReader.dataset_versions`."""
    sources = sources_of(known, log, [dataset])[dataset]
    page = makers(known, sources, known.until, offset + limit)[offset:]
    if not page:
        return []
    node = nodes(known.db, [dataset])[dataset]
    found = [_version(node, dataset, each) for each in with_said(known, log, dataset, page)]
    return _with_schemas(known, log, dataset, sources, found, offset)


def count_versions(known: Known, log: LogReader, dataset: int) -> int:
    """See `LineageReader.count_dataset_versions`."""
    sources = sources_of(known, log, [dataset])[dataset]
    return count_writing_runs(known, sources.writers) + len(sources.declared)


def version_called(known: Known, log: LogReader, dataset: int, id_: str) -> DatasetVersion | None:
    """See `LineageReader.dataset_version`."""
    made = makers(known, sources_of(known, log, [dataset])[dataset], known.until, 2**31)
    if not made:
        return None
    node = nodes(known.db, [dataset])[dataset]
    named = bool(with_named_versions(known, [dataset]))
    for start in range(0, len(made), _PAGE):
        page = made[start : start + _PAGE]
        # Without names given by producers an id follows from the run alone: no event need be read.
        said = with_said(known, log, dataset, page) if named else [(one, DatasetSaid()) for one in page]
        made_ids = [
            one.id if isinstance(one, Declared) else id_of(node, one.run_id, told.version)
            for one, told in said
        ]
        if id_ in made_ids:
            return versions_of(known, log, dataset, start + made_ids.index(id_), 1)[0]
    return None


def with_named_versions(known: Known, datasets: Collection[int]) -> set[int]:
    """Return those of the datasets of which a producer ever gave a version a name."""
    names = names_of(known.db, datasets)
    rows = known.db.execute(
        "SELECT f.entity FROM each_key(?) AS k CROSS JOIN facet AS f ON f.entity = k.value"
        " AND f.name = 'version'",
        (list(names),),
    )
    return {names[name] for (name,) in rows}


Maker = WrittenBy | Declared
"""What made a version."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the versions of a dataset come from: what writes it, and what DatasetEvents described."""

    writers: Shapes
    declared: list[Declared]


def sources_of(known: Known, log: LogReader, datasets: Collection[int]) -> dict[int, Sources]:
    """Return where the versions of datasets come from."""
    writers = shapes_that_write(known.db, datasets)
    declared = _declarations(known, log, datasets)
    return {key: Sources(writers.get(key, ()), declared.get(key, [])) for key in datasets}


def makers(known: Known, sources: Sources, until: int, limit: int) -> list[Maker]:
    """Return up to `limit` of what made versions by `until`, the latest first."""
    declared = [one for one in sources.declared if one.first_time <= until]
    found: list[Maker] = [*writing_runs(known, sources.writers, until, limit), *declared]
    return sorted(found, key=place_of)[:limit]


def place_of(made: Maker) -> tuple[int, int, bytes]:
    """Return where a version stands among others of its dataset, the latest first."""
    if isinstance(made, Declared):
        return -made.first_time, 1, made.id.encode()
    return made.place[0], 0, made.place[1]


def _declarations(known: Known, log: LogReader, datasets: Collection[int]) -> dict[int, list[Declared]]:
    """Return the versions of datasets that DatasetEvents described."""
    names = names_of(known.db, datasets)
    rows = known.db.execute(
        "SELECT f.number, f.owner, f.first_time FROM each_key(?) AS k"
        " CROSS JOIN form AS f ON f.owner = k.value AND f.first_time <= ?",
        ([-name for name in names], known.until),
    ).fetchall()
    whole = nodes(known.db, {names[-owner] for _, owner, _ in rows})
    first: dict[int, dict[str, Declared]] = defaultdict(dict)
    for form, owner, time in rows:
        dataset = names[-owner]
        contents = _contents_of(log.facets_in(form), -owner)
        id_ = ids.declared(whole[dataset], contents)
        before = first[dataset].get(id_)
        if before is None or time < before.first_time:
            first[dataset][id_] = Declared(id_, time, contents)
    return {dataset: list(each.values()) for dataset, each in first.items()}


def _contents_of(facets: Mapping[Slot, int], entity: int) -> dict[str, int]:
    return {name: content for (of, name), content in facets.items() if of == entity}


_Said = tuple[Maker, DatasetSaid]


def with_said(known: Known, log: LogReader, dataset: int, page: Sequence[Maker]) -> list[_Said]:
    """Return each with what it said of the dataset."""
    runs = said_by(
        known.db, log, [made.run.number for made in page if isinstance(made, WrittenBy)], known.until
    )
    texts = log.contents(
        {key for made in page if isinstance(made, Declared) for key in made.contents.values()}
    )
    found: list[_Said] = []
    for made in page:
        if isinstance(made, WrittenBy):
            found.append((made, _of_output(runs[made.run_id], dataset)))
            continue
        values = {
            name: without_nul(msgspec.json.decode(texts[key])) for name, key in sorted(made.contents.items())
        }
        told = {
            name: facet
            for name, facet in values.items()
            if isinstance(facet, dict) and facet.get("_deleted") is not True
        }
        found.append((made, DatasetSaid(told)))
    return found


def _of_output(said: RunSaid, dataset: int) -> DatasetSaid:
    return said.outputs.get(dataset) or DatasetSaid()


def _version(node: Node, dataset: int, of: _Said) -> DatasetVersion:
    made, said = of
    schema = said.facets.get("schema")
    if isinstance(made, Declared):
        id_, time, run_id, job = made.id, made.first_time, None, None
    else:
        id_, run_id, job = id_of(node, made.run_id, said.version), made.run_id, made.run.job
        time = made.run.first_time if made.run.ended_at is None else made.run.ended_at
    at = moment(time)
    assert at is not None, "every version has a time"
    return DatasetVersion(
        id_,
        dataset,
        at,
        run_id,
        job,
        said.version,
        said.lifecycle,
        schema,
        said.facets | said.own,
    )


def id_of(dataset: Node, run_id: str, told: str | None) -> str:
    """Return the id of the version that a run made."""
    return ids.run_made(dataset, run_id) if told is None else ids.told(dataset, told)


def _with_schemas(
    known: Known,
    log: LogReader,
    dataset: int,
    sources: Sources,
    found: Sequence[DatasetVersion],
    offset: int,
) -> list[DatasetVersion]:
    """Give the versions of which nobody told the schema that of the version before."""
    behind = found[-1].schema
    if behind is None and _has_schema(known, dataset):
        behind = _schema_behind(known, log, dataset, sources, offset + len(found))
    told = []
    for version in reversed(found):
        behind = version.schema or behind
        told.append(replace(version, schema=behind))
    return told[::-1]


def _has_schema(known: Known, dataset: int) -> bool:
    """Tell whether anybody who writes or describes the dataset told its schema."""
    row = known.db.execute(
        "SELECT 1 FROM each_key(?) AS k CROSS JOIN form_entity AS m ON m.entity = k.value"
        f" AND m.said IS NOT NULL AND m.role IN ({int(Role.OUTPUT)}, {int(Role.DATASET)}) LIMIT 1",
        (list(names_of(known.db, [dataset])),),
    ).fetchone()
    return row is not None


def _schema_behind(
    known: Known, log: LogReader, dataset: int, sources: Sources, offset: int
) -> FacetsByName | None:
    while page := makers(known, sources, known.until, offset + _PAGE)[offset:]:
        offset += len(page)
        for _, said in with_said(known, log, dataset, page):
            schema: FacetsByName | None = said.facets.get("schema")
            if schema is not None:
                return schema
    return None
