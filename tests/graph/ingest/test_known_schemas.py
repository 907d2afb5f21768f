"""SQL read with the columns that the store knows, whenever they came, and read again when they change."""

from __future__ import annotations

import json
from contextlib import closing
from random import Random
from typing import Any

import pytest
from made_events import dataset, dataset_event, dump, edges, feeds, job_event, put, run_event, schema

from graph import nodes, open_store
from graph.ingest import derive, ingest
from graph.ingest.derive import read_sql
from graph.records import EdgeKind
from graph.store import LineageStore
from graph.store.changes import Reading

PG = "postgres://db:5432"


def pg(name: str, *columns: str, **facets: Any) -> dict[str, Any]:
    return dataset(name, PG, **facets, **({"schema": schema(*columns)} if columns else {}))


def job_of(query: str, *, job: str = "job", time: int = 0, **lists: Any) -> dict[str, Any]:
    facet = {"query": query, "dialect": "postgres", "namespace": PG, "database": "shop"}
    facets = {"lineageGraph_statements": {"statements": [facet]}}
    return run_event(job, "COMPLETE", time, job=job, job_facets=facets, **lists)


def columns_said(time: int, name: str, *columns: str) -> dict[str, Any]:
    """A dataset seen by some other job, with its columns."""
    return run_event(f"{name}{time}", "COMPLETE", time, job="crawler", outputs=[pg(name, *columns)])


def field_edges(store: LineageStore) -> set[str]:
    return edges(store, EdgeKind.FIELD)


COPY = "create table s.c as select * from s.a"


def test_a_star_is_expanded_when_its_columns_come_to_be_known(store: LineageStore) -> None:
    put(store, job_of(COPY))
    derive(store)
    assert (feeds(store), field_edges(store)) == ({"shop.s.a -> shop.s.c"}, set())
    put(store, columns_said(1, "shop.s.a", "x", "y"))
    assert store.counts().underived == 1
    assert derive(store).shapes == 1
    assert field_edges(store) == {"shop.s.a.x -> shop.s.c.x", "shop.s.a.y -> shop.s.c.y"}


def test_columns_that_were_known_before_expand_a_star_at_once(store: LineageStore) -> None:
    put(store, columns_said(1, "shop.s.a", "x"), job_of(COPY))
    assert derive(store).shapes == 1
    assert field_edges(store) == {"shop.s.a.x -> shop.s.c.x"}
    assert store.counts().underived == 0


def test_the_columns_that_the_event_gives_come_before_those_known_elsewhere(store: LineageStore) -> None:
    put(store, columns_said(1, "shop.s.a", "x", "y"), job_of(COPY, inputs=[pg("shop.s.a", "z")]))
    derive(store)
    put(store, columns_said(2, "shop.s.a", "w"))
    assert store.counts().underived == 0
    assert field_edges(store) == {"shop.s.a.z -> shop.s.c.z"}


def test_columns_that_change_take_the_place_of_those_before(store: LineageStore) -> None:
    put(store, job_of(COPY), columns_said(1, "shop.s.a", "x", "y"))
    derive(store)
    put(store, columns_said(2, "shop.s.a", "y", "z"))
    derive(store)
    assert field_edges(store) == {"shop.s.a.y -> shop.s.c.y", "shop.s.a.z -> shop.s.c.z"}
    fields = {node.label for _, node in store.all_nodes([nodes.NodeType.FIELD])}
    assert fields == {f"shop.s.{name}" for name in ("a.x", "a.y", "a.z", "c.y", "c.z")}


def test_the_same_columns_said_again_have_nothing_read_again(store: LineageStore) -> None:
    put(store, job_of(COPY), columns_said(1, "shop.s.a", "x"))
    derive(store)
    typed = schema("x")
    typed["fields"][0]["type"] = "bigint"
    put(store, columns_said(2, "shop.s.a", "x"))
    put(store, run_event("t", "COMPLETE", 3, job="crawler", outputs=[dataset("shop.s.a", PG, schema=typed)]))
    assert store.counts().underived == 0


def test_an_older_schema_that_comes_late_changes_nothing(store: LineageStore) -> None:
    put(store, job_of(COPY), columns_said(5, "shop.s.a", "x"))
    derive(store)
    put(store, columns_said(1, "shop.s.a", "x", "y"))
    assert store.counts().underived == 0


def test_the_columns_of_the_target_name_those_of_an_insert_without_a_list(store: LineageStore) -> None:
    put(store, job_of("insert into s.c select a.p, a.q from s.a"))
    put(store, columns_said(1, "shop.s.c", "x", "y"))
    derive(store)
    assert field_edges(store) == {"shop.s.a.p -> shop.s.c.x", "shop.s.a.q -> shop.s.c.y"}


def test_columns_settle_whose_a_bare_column_of_a_join_is(store: LineageStore) -> None:
    put(store, job_of("insert into s.c (x) select total from s.a join s.b on a.id = b.id"))
    derive(store)
    assert not any("total" in edge for edge in field_edges(store))
    put(store, columns_said(1, "shop.s.a", "id", "total"), columns_said(1, "shop.s.b", "id"))
    derive(store)
    assert "shop.s.a.total -> shop.s.c.x" in field_edges(store)


def test_a_facet_that_leaves_out_columns_that_lineage_names_does_not_expand_a_star(
    store: LineageStore,
) -> None:
    """dbt lists the documented columns of a model and gives the lineage of all of them."""
    source = {"inputFields": [{"namespace": PG, "name": "shop.s.raw", "field": "x"}]}
    whole = {"fields": {"x": source, "y": source}}
    put(store, job_of(COPY), columns_said(1, "shop.s.a", "x"))
    derive(store)
    assert field_edges(store) == {"shop.s.a.x -> shop.s.c.x"}
    model = pg("shop.s.a", "x", columnLineage=whole)
    put(store, run_event("m", "COMPLETE", 2, job="model", outputs=[model]))
    derive(store)
    assert not any("shop.s.c" in edge for edge in field_edges(store))
    put(store, columns_said(3, "shop.s.a", "x", "y"))
    derive(store)
    assert {"shop.s.a.x -> shop.s.c.x", "shop.s.a.y -> shop.s.c.y"} <= field_edges(store)


def test_numbered_columns_are_no_columns_that_a_schema_leaves_out(store: LineageStore) -> None:
    numbered = {"fields": {"_0": {"inputFields": [{"namespace": PG, "name": "shop.s.raw", "field": "x"}]}}}
    put(store, job_of(COPY), columns_said(1, "shop.s.a", "x"))
    model = pg("shop.s.a", columnLineage=numbered)
    put(store, run_event("m", "COMPLETE", 2, job="model", outputs=[model]))
    derive(store)
    assert "shop.s.a.x -> shop.s.c.x" in field_edges(store)


def test_nested_fields_are_no_columns_of_a_star(store: LineageStore) -> None:
    nested = {"fields": [{"name": "x", "fields": [{"name": "inner"}]}, {"name": "y"}]}
    put(store, job_of(COPY, inputs=[dataset("shop.s.a", PG, schema=nested)]))
    derive(store)
    assert field_edges(store) == {"shop.s.a.x -> shop.s.c.x", "shop.s.a.y -> shop.s.c.y"}


def test_what_was_read_with_columns_that_are_others_by_now_is_not_kept(store: LineageStore) -> None:
    put(store, job_of(COPY))
    (waiting,) = store.underived(10)
    reading = read_sql(waiting.sql, store)
    put(store, columns_said(1, "shop.s.a", "x"))
    store.record_derivations({waiting.shape_key: reading})
    assert (store.counts().underived, feeds(store)) == (1, set())
    derive(store)
    assert field_edges(store) == {"shop.s.a.x -> shop.s.c.x"}


def test_two_statements_stay_apart_also_where_a_star_hides_their_columns(store: LineageStore) -> None:
    inputs, outputs = [pg("shop.s.a"), pg("shop.s.b")], [pg("shop.s.c"), pg("shop.s.d")]
    query = "insert into s.c select * from s.a; insert into s.d select * from s.b"
    put(store, job_of(query, inputs=inputs, outputs=outputs))
    derive(store)
    assert feeds(store) == {"shop.s.a -> shop.s.c", "shop.s.b -> shop.s.d"}


def test_derivations_say_what_made_them_and_older_ones_are_made_again(store: LineageStore) -> None:
    put(store, job_of("insert into s.c (x) select x from s.a", job="one"))
    put(store, job_of("insert into s.d (x) select x from s.b", job="two"))
    first, second = store.underived(10)
    reading = read_sql(first.sql, store)
    (derivation,) = reading.derivations
    assert derivation.engine == "sqlglot"
    store.record_derivations(
        {first.shape_key: reading, second.shape_key: read_sql(second.sql, store)},
    )
    seen: set[tuple[str, str, str]] = set()

    def asked(engine: str, version: str, release: str) -> bool:
        seen.add((engine, version, release))
        return False

    assert store.renew(asked) == 0
    assert seen == {("sqlglot", derivation.version, derivation.release)}
    before = dump(store)
    assert store.renew(lambda engine, version, release: engine == "sqlglot") == 2
    assert store.counts().underived == 2
    assert dump(store) == before
    store.record_derivations({first.shape_key: Reading(()), second.shape_key: Reading(())})
    assert feeds(store) == set()
    assert store.all_nodes([nodes.NodeType.DATASET, nodes.NodeType.FIELD]) == []


@pytest.mark.parametrize("seed", range(10))
def test_any_order_gives_the_same_columns(seed: int) -> None:
    """PV-13: stars, schemas that change, partial schemas and SQL, read at any moment in between."""
    random = Random(seed)
    source = {"inputFields": [{"namespace": PG, "name": "shop.s.raw", "field": "x"}]}
    events = [
        job_of(COPY, job="copy"),
        job_of("insert into s.d select * from s.c join s.b using (x)", job="join"),
        job_of("create table s.e as select * from s.d where y > 1", job="filter", time=1),
        job_of("insert into s.f (m, n) select * from s.e", job="last", time=2),
        columns_said(1, "shop.s.a", "x", "y"),
        columns_said(2, "shop.s.a", "x", "z"),
        columns_said(3, "shop.s.b", "x", "v"),
        columns_said(4, "shop.s.c", "x", "y"),
        run_event(
            "p", "COMPLETE", 5, job="p", outputs=[pg("shop.s.c", columnLineage={"fields": {"w": source}})]
        ),
        columns_said(5, "shop.s.d", "x", "y", "v"),
        columns_said(6, "shop.s.e", "x", "y"),
        dataset_event(7, "shop.s.a", schema=schema("q")),
        job_event(8, job="declared", inputs=[pg("shop.s.e")], outputs=[pg("shop.s.g", "g")]),
    ]
    bodies = [json.dumps(event).encode() for event in events]
    dumps = []
    for _ in range(4):
        waiting = random.sample(bodies, len(bodies))
        with closing(open_store(":memory:")) as store:
            while waiting:
                piece = random.randint(1, 4)
                ingest(store, waiting[:piece])
                del waiting[:piece]
                if random.random() < 0.5:
                    derive(store)
            derive(store)
            dumps.append(dump(store))
    assert all(each == dumps[0] for each in dumps)
    assert dumps[0]["edges"][EdgeKind.FIELD]
