"""Write and read the queries that programs ran. What writes runs inside an open transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec

from graph.nodes import Node
from graph.store._hidden import shown
from graph.store._other_names import names_of, stands_for
from graph.store._reading import moment, nodes
from graph.store.changes import Changes
from graph.store.database import Database
from graph.store.queries import (
    CALLERS,
    SAMPLES,
    Cost,
    QueryCounts,
    QueryEntry,
    QueryFilter,
    QueryKind,
    QueryRecord,
    RunQueries,
    Samples,
    Use,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLES_OF_RUNS = 20
"""Of how many of the latest runs the samples are shown."""

_SAMPLES_SHOWN = 20
_USES_SHOWN = 200

_SUMMED = ("total_us", "count", "errors", "cancelled", "rows", "bytes_read", "bytes_written")
_SUMS = ", ".join(f"CAST(sum(r.{column}) AS BIGINT) AS {column}" for column in _SUMMED)

_kind_row = attrgetter(*(each.name for each in fields(QueryKind)))
_counts_row = attrgetter(*(each.name for each in fields(QueryCounts)))
_encode = msgspec.json.encode


class RunsQueries:
    """Collects what a batch of events says of queries, so that each run is written once a batch."""

    def __init__(self) -> None:
        self._latest: dict[int, tuple[int, RunQueries]] = {}
        self._entries: dict[tuple[int, int | None, int], QueryEntry] = {}

    def note(self, item: Changes, numbers: Mapping[str, int]) -> None:
        """Take in one accepted event; `numbers` gives the numbers of runs."""
        if item.queries is None or item.run is None:
            return
        run = numbers[item.run.run_id]
        known = self._latest.get(run)
        if known is None or (item.event_time, item.queries.digest) > (known[0], known[1].digest):
            self._latest[run] = (item.event_time, item.queries)
        for entry in item.queries.entries:
            self._entries[entry.kind.key, entry.shape, entry.place] = entry

    def flush(self, db: Database) -> None:
        """Write all of it: the kinds of query first, whichever event of a run counts."""
        db.executemany(
            f"INSERT INTO query VALUES ({', '.join('?' * 15)}) ON CONFLICT DO NOTHING",
            {key: (key, *_kind_row(entry.kind)) for (key, _, _), entry in self._entries.items()}.values(),
        )
        db.executemany(
            "INSERT INTO query_statement (query, shape, place) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [place for place in self._entries if place[1] is not None],
        )
        for run, (when, said) in self._latest.items():
            _put_run(db, run, when, said)


def _put_run(db: Database, run: int, when: int, said: RunQueries) -> None:
    written = db.execute(
        """
        INSERT INTO queries_of_run VALUES (?, ?, ?) ON CONFLICT (run) DO UPDATE
        SET event_time = excluded.event_time, digest = excluded.digest
        WHERE (excluded.event_time, excluded.digest) > (queries_of_run.event_time, queries_of_run.digest)
        """,
        (run, when, said.digest),
    )
    if not written.rowcount:
        return
    _forget_run(db, run)
    entries = [(entry.kind.key, entry) for entry in said.entries]
    db.executemany(
        f"INSERT INTO query_run VALUES ({', '.join('?' * 12)})",
        [(key, run, one.first_time, one.last_time, *_counts_row(one.counts)) for key, one in entries],
    )
    db.executemany(
        "INSERT INTO query_sample VALUES (?, ?, ?)",
        [(key, run, _encode(one.samples)) for key, one in entries if one.samples],
    )
    db.executemany(
        "INSERT INTO query_cost VALUES (?, ?, ?, ?)",
        [(key, run, one.cost.currency, one.cost.billionths) for key, one in entries if one.cost is not None],
    )
    db.executemany(
        "INSERT INTO query_caller VALUES (?, ?, ?, ?)",
        [(*caller, key, run) for key, one in entries for caller in _callers(one.samples)],
    )


def forget_runs(db: Database, runs: Collection[int]) -> set[int]:
    """Remove what events said of the queries of these runs; return the kinds of query."""
    kinds = db.execute(
        "SELECT DISTINCT r.query FROM each_key(?) AS k CROSS JOIN query_run AS r ON r.run = k.value",
        (list(runs),),
    ).fetchall()
    if kinds:
        for run in runs:
            _forget_run(db, run)
    return {kind for (kind,) in kinds}


def _forget_run(db: Database, run: int) -> None:
    """Remove what an earlier event said of a run."""
    rows = db.execute(
        "SELECT r.query, s.samples FROM query_run AS r LEFT JOIN query_sample AS s USING (query, run)"
        " WHERE r.run = ?",
        (run,),
    ).fetchall()
    for query, samples in rows:
        callers = _callers(msgspec.json.decode(samples)) if samples is not None else ()
        db.executemany(
            "DELETE FROM query_caller WHERE kind = ? AND name = ? AND query = ? AND run = ?",
            [(*caller, query, run) for caller in callers],
        )
        db.execute("DELETE FROM query_sample WHERE query = ? AND run = ?", (query, run))
        db.execute("DELETE FROM query_cost WHERE query = ? AND run = ?", (query, run))
    db.execute("DELETE FROM query_run WHERE run = ?", (run,))


def _callers(samples: Mapping[str, Iterable[str]]) -> Iterator[tuple[int, str]]:
    for kind, name in enumerate(CALLERS):
        yield from ((kind, value) for value in samples.get(name, ()))


def find(db: Database, asked: QueryFilter, after: tuple[int, int] | None, limit: int) -> list[QueryRecord]:
    """See `LineageReader.queries`."""
    where, values = _where(db, asked)
    behind = "WHERE (found.total_us, -found.query) < (:total, -:key)" if after is not None else ""
    if after is not None:
        values |= {"total": after[0], "key": after[1]}
    # With the sign SQLite looks the times up, rather than read all rows in the order of the key.
    by = "r.query" if asked.since is None else "+r.query"
    rows = db.execute(
        f"""
        WITH found AS (
            SELECT {by} AS query, {_SUMS}, max(r.max_us) AS longest, count(*) AS runs,
                min(r.first_time) AS first_time, max(r.last_time) AS last_time
            FROM query_run AS r WHERE {where} GROUP BY {by}
        ), page AS (
            SELECT * FROM found {behind} ORDER BY found.total_us DESC, found.query LIMIT :limit)
        SELECT page.*, q.* FROM page CROSS JOIN query AS q ON q.key = page.query
        ORDER BY page.total_us DESC, page.query
        """,
        {**values, "limit": limit},
    ).fetchall()
    keys = [row[0] for row in rows]
    jobs = nodes(db, {row[13] for row in rows})
    uses = _uses(db, keys)
    costs = _costs(db, keys, where, values)
    return [
        _record(row, jobs[row[13]], _samples(db, row[0], where, values), uses.get(row[0], ()), costs[row[0]])
        for row in rows
        if row[13] in jobs
    ]


def _record(
    row: tuple[Any, ...],
    job: Node,
    samples: Samples,
    uses: Iterable[tuple[Node, Use]],
    costs: Iterable[Cost],
) -> QueryRecord:
    key, total, count, errors, cancelled, rows, read, written, longest, runs, first, last = row[:12]
    began, ended = moment(first), moment(last)
    assert began is not None
    assert ended is not None
    return QueryRecord(
        key=key,
        kind=QueryKind(*row[13:]),
        job=job,
        counts=QueryCounts(count, errors, cancelled, total, longest, rows, read, written),
        runs=runs,
        first=began,
        last=ended,
        samples=samples,
        uses=tuple(uses),
        costs=tuple(costs),
    )


def _where(db: Database, asked: QueryFilter) -> tuple[str, dict[str, Any]]:
    """Return the condition on runs of queries (`r`) and its values."""
    where, values = ["true"], dict[str, Any]()
    if asked.entities or asked.unknown_of:
        where.append(
            f"""r.query IN (
                SELECT s.query FROM statement_use AS u
                JOIN query_statement AS s ON s.shape = u.shape AND s.place = u.place
                WHERE u.entity IN (SELECT value FROM each_key(:entities) AS k)
                UNION
                SELECT s.query FROM statement_use AS u
                JOIN query_statement AS s ON s.shape = u.shape AND s.place = u.place
                WHERE u.use = {int(Use.READS_UNKNOWN)}
                AND u.entity IN (SELECT value FROM each_key(:unknown) AS k))"""
        )
        values["entities"] = list(names_of(db, asked.entities))
        values["unknown"] = list(names_of(db, asked.unknown_of))
    for kind, name in enumerate((asked.actor, asked.agent)):
        if name is not None:
            where.append(
                f"(r.query, r.run) IN (SELECT query, run FROM query_caller"
                f" WHERE kind = {kind} AND name = :caller{kind})"
            )
            values[f"caller{kind}"] = name
    for column in ("operation", "service", "fingerprint"):
        if (value := getattr(asked, column)) is not None:
            where.append(f"r.query IN (SELECT key FROM query WHERE {column} = :{column})")
            values[column] = value
    if asked.since is not None:
        where.append("r.last_time >= :since")
        values["since"] = (asked.since - _EPOCH) // timedelta(microseconds=1) * 1000
    if db.execute("SELECT 1 FROM hidden LIMIT 1").fetchone() is not None:
        where.append("r.query NOT IN (SELECT key FROM query WHERE job IN (SELECT entity FROM hidden))")
    if asked.told_by is not None:
        where.append("r.run IN (SELECT run FROM queries_of_run WHERE event_time <= :told_by)")
        values["told_by"] = (asked.told_by - _EPOCH) // timedelta(microseconds=1) * 1000 + 999
    return " AND ".join(where), values


def _uses(db: Database, keys: Collection[int]) -> dict[int, list[tuple[Node, Use]]]:
    rows = db.execute(
        """
        SELECT DISTINCT s.query, u.entity, u.use FROM each_key(?) AS k
        CROSS JOIN query_statement AS s ON s.query = k.value
        JOIN statement_use AS u ON u.shape = s.shape AND u.place = s.place
        """,
        (list(keys),),
    ).fetchall()
    stands = stands_for(db, {entity for _, entity, _ in rows})
    names = shown(db, nodes(db, {stands.get(entity, entity) for _, entity, _ in rows}))
    found: dict[int, set[tuple[Node, Use]]] = defaultdict(set)
    for query, entity, use in rows:
        if (node := names.get(stands.get(entity, entity))) is not None:
            found[query].add((node, Use(use)))
    return {query: sorted(uses)[:_USES_SHOWN] for query, uses in found.items()}


def _costs(
    db: Database, keys: Collection[int], where: str, values: Mapping[str, Any]
) -> defaultdict[int, list[Cost]]:
    """Return what the runs that were asked for cost by query, one sum for each currency."""
    rows = db.execute(
        "SELECT r.query, c.currency, sum(CAST(c.cost AS DOUBLE PRECISION)) FROM each_key(:keys) AS k"
        " CROSS JOIN query_cost AS c ON c.query = k.value"
        " CROSS JOIN query_run AS r ON r.query = c.query AND r.run = c.run"
        f" WHERE {where} GROUP BY r.query, c.currency ORDER BY r.query, c.currency",
        {**values, "keys": list(keys)},
    )
    found: defaultdict[int, list[Cost]] = defaultdict(list)
    for query, currency, cost in rows:
        found[query].append(Cost(currency, int(cost)))
    return found


def _samples(db: Database, query: int, where: str, values: Mapping[str, Any]) -> Samples:
    """Return the samples of the latest of the runs that were asked for, the latest first."""
    rows = db.execute(
        "SELECT s.samples FROM query_run AS r JOIN query_sample AS s ON s.query = r.query AND s.run = r.run"
        " JOIN run_id AS i ON i.number = r.run"
        f" WHERE r.query = :query AND {where}"
        " ORDER BY r.last_time DESC, i.key LIMIT :runs",
        {**values, "query": query, "runs": _SAMPLES_OF_RUNS},
    )
    merged: dict[str, dict[str, None]] = {name: {} for name in SAMPLES}
    for (body,) in rows:
        for name, sample in msgspec.json.decode(body).items():
            merged[name] |= dict.fromkeys(sample)
    return {name: tuple(sample)[:_SAMPLES_SHOWN] for name, sample in merged.items() if sample}
