"""Search, on each of the engines: what is found, in which order, and that nothing typed is syntax."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from made_events import dataset, dataset_event, job_event, put, run_event, schema

from graph import nodes, open_store
from graph.errors import InvalidQueryError, StoreError
from graph.ingest import prune
from graph.nodes import NodeType
from graph.store import LineageStore
from graph.store.commands import Command, CommandKind
from graph.store.retention import Policy
from graph.store.search import Grade, SearchHit

FIELD = NodeType.FIELD


def columns(**described: str) -> dict[str, Any]:
    return {
        "fields": [{"name": name, "type": "text", "description": said} for name, said in described.items()]
    }


def tags(**values: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value, "source": "test"} for key, value in values.items()]


def warehouse(store: LineageStore) -> None:
    """Put datasets and jobs that have something of everything."""
    put(
        store,
        dataset_event(
            0, "shop.public.orders", schema=columns(order_id="", grossAmount="What was paid, in euros")
        ),
        dataset_event(
            0,
            "shop.gold.daily_revenue",
            schema=schema("day", "total"),
            documentation={"description": "Revenue of the orders of each day"},
            ownership={"owners": [{"name": "team:finance-data", "type": "MAINTAINER"}]},
            tags={
                "tags": [
                    *tags(certified="true", tier="gold"),
                    {"key": "pii", "value": "true", "field": "day"},
                ]
            },
        ),
        dataset_event(0, "shop.public.orderItems", schema=schema("order_id", "Größe")),
        dataset_event(0, "s3.orders-archive", schema=schema("total")),
        run_event(
            "r",
            "COMPLETE",
            0,
            job="load_daily_revenue",
            inputs=["shop.public.orders"],
            outputs=["shop.gold.daily_revenue"],
            job_facets={"sql": {"query": "SELECT sum(x) FROM shop.public.orders WHERE voucher IS NULL"}},
        ),
    )
    index(store)


def index(store: LineageStore) -> None:
    while not store.index():
        pass
    assert store.unindexed() == 0


def names(store: LineageStore, text: str, **asked: Any) -> list[str]:
    return [hit.node.label for hit in store.search(text, **asked)]


def first(store: LineageStore, text: str, **asked: Any) -> SearchHit:
    return store.search(text, **asked)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ord", ["s3.orders-archive", "shop.public.orders", "shop.public.orderItems"]),
        ("daily revenue", ["shop.gold.daily_revenue", "load_daily_revenue"]),
        ("DAILY.Revenue", ["shop.gold.daily_revenue", "load_daily_revenue"]),
        ("revenue/daily", ["load_daily_revenue", "shop.gold.daily_revenue"]),
        ("daily_rev", ["load_daily_revenue", "shop.gold.daily_revenue"]),
        ("items", ["shop.public.orderItems"]),
        ("orderitems", ["shop.public.orderItems"]),
        ("OrderItems", ["shop.public.orderItems"]),
        ("amount", ["shop.public.orders"]),
        ("gross-amount", ["shop.public.orders"]),
        ("grosse", ["shop.public.orderItems"]),
        ("GRÖSSE", ["shop.public.orderItems"]),
        ("euros", ["shop.public.orders"]),
        ("finance", ["shop.gold.daily_revenue"]),
        ("certified", ["shop.gold.daily_revenue"]),
        ("voucher", ["load_daily_revenue"]),
        ("rders", []),
        ("orders nowhere", []),
    ],
)
def test_names_columns_and_texts_are_found_by_beginnings_of_words(
    store: LineageStore, text: str, expected: list[str]
) -> None:
    warehouse(store)
    found = names(store, text, types=[NodeType.DATASET, NodeType.JOB])
    assert [name for name in found if name in expected] == expected
    assert found[: len(expected)] == expected
    if not expected:
        assert found == []


def test_the_best_comes_first_and_says_what_matched(store: LineageStore) -> None:
    warehouse(store)

    found = [(hit.node.label, hit.grade, hit.matched, hit.excerpt) for hit in store.search("orders")]

    assert found == [
        ("shop.public.orders", Grade.EXACT, "name", "shop.public.orders"),
        ("s3.orders-archive", Grade.WORDS, "name", "s3.orders-archive"),
        ("shop.gold.daily_revenue", Grade.TEXTS, "description", "Revenue of the orders of each day"),
        (
            "load_daily_revenue",
            Grade.SQL,
            "sql",
            "SELECT sum(x) FROM shop.public.orders WHERE voucher IS NULL",
        ),
    ]
    assert first(store, "gross am").matched == "column"
    assert first(store, "gross am").excerpt == "grossAmount"
    assert first(store, "finance").excerpt == "team:finance-data"
    assert (first(store, "tier").matched, first(store, "tier").excerpt) == ("tag", "tier=gold")
    assert first(store, "paid").excerpt == "grossAmount: What was paid, in euros"


def test_words_of_several_places_are_found_together(store: LineageStore) -> None:
    warehouse(store)
    hit = first(store, "orders amount")
    assert (hit.node.label, hit.grade) == ("shop.public.orders", Grade.COLUMNS)
    assert first(store, "orders euros").grade is Grade.TEXTS
    assert names(store, "voucher revenue") == ["load_daily_revenue"]


def test_fields_are_found_where_they_are_asked_for(store: LineageStore) -> None:
    warehouse(store)

    assert names(store, "total") == ["s3.orders-archive", "shop.gold.daily_revenue"]
    assert names(store, "total", types=[FIELD]) == [
        "s3.orders-archive.total",
        "shop.gold.daily_revenue.total",
    ]
    by_grade = [(hit.node.label, hit.grade, hit.matched) for hit in store.search("order id", types=[FIELD])]
    assert by_grade == [
        ("shop.public.orders.order_id", Grade.EXACT, "name"),
        ("shop.public.orderItems.order_id", Grade.EXACT, "name"),
    ]
    assert [(hit.node.label, hit.matched) for hit in store.search("euros", types=[FIELD])] == [
        ("shop.public.orders.grossAmount", "description")
    ]
    assert names(store, "archive total", types=[FIELD]) == ["s3.orders-archive.total"]
    assert names(store, "archive", types=[FIELD]) == [], "the name of its dataset alone is no field's"
    mixed = [hit.place for hit in store.search("o", types=list(NodeType))]
    assert mixed == sorted(mixed)
    assert {place.type for place in mixed} == {1, 2, 3}


def test_columns_that_lineage_alone_names_are_found(store: LineageStore) -> None:
    made = {"inputFields": [{"namespace": "ns", "name": "a", "field": "unlisted"}]}
    output = dataset("b", columnLineage={"fields": {"made": made}})
    put(store, run_event("r", "COMPLETE", 0, inputs=["a"], outputs=[output]))
    index(store)

    assert names(store, "unlisted", types=[FIELD]) == ["a.unlisted"]
    assert names(store, "made") == ["b"]


def test_types_namespaces_tags_and_owners_restrict(store: LineageStore) -> None:
    warehouse(store)
    put(store, {**dataset_event(0, "x"), "dataset": {"namespace": "other", "name": "orders"}})
    index(store)

    assert names(store, "revenue", types=[NodeType.JOB]) == ["load_daily_revenue"]
    assert names(store, "orders", namespaces=["other"]) == ["orders"]
    assert names(store, "orders", namespaces=["nowhere"]) == []
    assert len(names(store, "orders", namespaces=["other", "ns"])) == 5
    for tag in ("certified", "CERTIFIED", "tier", "tier=gold", "pii"):
        assert names(store, "revenue", tags=[tag]) == ["shop.gold.daily_revenue"], tag
    for tag in ("tier=silver", "gold", "cert", "tier=gold=x"):
        assert names(store, "revenue", tags=[tag]) == [], tag
    for owner in ("team:finance-data", "finance-data"):
        assert names(store, "revenue", owners=[owner]) == ["shop.gold.daily_revenue"], owner
    assert names(store, "revenue", owners=["finance"]) == []
    assert names(store, "orders", owners=["finance-data"]) == ["shop.gold.daily_revenue"]
    assert names(store, "revenue", tags=["certified", "tier"], owners=["nobody"]) == []


def test_fields_have_their_own_tags_and_those_of_their_dataset(store: LineageStore) -> None:
    warehouse(store)
    assert names(store, "day", types=[FIELD], tags=["pii"]) == ["shop.gold.daily_revenue.day"]
    assert names(store, "total", types=[FIELD], tags=["pii"]) == []
    assert names(store, "total", types=[FIELD], tags=["tier=gold"]) == ["shop.gold.daily_revenue.total"]
    assert names(store, "", types=[FIELD], tags=["pii"]) == ["shop.gold.daily_revenue.day"]
    assert names(store, "pii", types=[FIELD]) == ["shop.gold.daily_revenue.day"]


def test_a_tag_or_owner_may_be_asked_for_alone(store: LineageStore) -> None:
    warehouse(store)
    hit = first(store, "", tags=["tier"])
    assert (hit.node.label, hit.matched, hit.excerpt) == ("shop.gold.daily_revenue", "tag", "tier=gold")
    assert first(store, " ", owners=["finance-data"]).matched == "owner"


@pytest.mark.parametrize("text", ["", "  ", '"', "*", "' OR 1=1 --", "\x00", "__", "\ud800"])
def test_nothing_to_search_for_is_refused_or_finds_nothing(store: LineageStore, text: str) -> None:
    warehouse(store)
    if any(char.isalnum() for char in text):
        assert names(store, text) == []
        return
    with pytest.raises(InvalidQueryError, match="neither letters nor digits"):
        store.search(text)


@pytest.mark.parametrize(
    "text",
    [
        *('"orders"', '"orders', "orders*", "*orders", "orders:*", "name:orders", "orders AND", "NOT orders"),
        *("orders OR x", "(orders", "orders)", "NEAR(orders, 2)", "{name} : orders", "^orders", "-orders"),
        *("orders & !", "orders | x", "orders <-> x", "'orders'", "orders'; DROP TABLE node; --", "\\orders"),
        *(
            "orders\x00",
            "orders\ud800",
            "$$orders$$",
            "%orders%",
            "?orders",
            ":orders",
            "orders\n",
            "§orders",
        ),
    ],
)
def test_nothing_that_is_typed_is_syntax(store: LineageStore, text: str) -> None:
    warehouse(store)
    words = "".join(char if char.isalnum() else " " for char in text.replace("\ud800", " "))
    assert names(store, text) == names(store, words)
    assert store.counts().datasets == 4


def test_signs_that_stand_for_names_tags_and_owners_cannot_be_typed(store: LineageStore) -> None:
    warehouse(store)
    for sign in "§¤¶":
        with pytest.raises(InvalidQueryError):
            store.search(sign)
        assert names(store, f"{sign}finance") == names(store, "finance")


def test_odd_names_are_kept_and_found(store: LineageStore) -> None:
    odd = [
        'it\'s "odd" \\ name',
        "日本語_表",
        "naïve.Café",
        "a" * 2000,
        "x:y,z",
        "emoji 😀 name",
        "İstanbul",
        "ﬁnance",
    ]
    put(store, *(dataset_event(0, name, schema=schema("c'o\\l\"")) for name in odd))
    index(store)

    for text, name in zip(
        ["odd", "日本", "cafe", "a" * 2000, "x y", "emoji", "istanbul", "fin"], odd, strict=True
    ):
        assert name in names(store, text), text


def test_too_many_words_are_refused_and_long_ones_cut(store: LineageStore) -> None:
    warehouse(store)
    with pytest.raises(InvalidQueryError, match="17 words"):
        store.search(" ".join(f"w{number}" for number in range(17)))
    assert names(store, " ".join(f"w{number}" for number in range(16))) == []
    assert names(store, "x" * 1_000_000) == []


def test_pages_go_on_where_the_one_before_ended(store: LineageStore) -> None:
    pick = random.Random(1)
    events = [
        dataset_event(
            0, f"t{number}.{pick.choice(['orders', 'order_items', 'x'])}", schema=schema("order", "orders")
        )
        for number in range(200)
    ]
    put(store, *events)
    index(store)
    for types in ((), (FIELD,), tuple(NodeType)):
        whole = store.search("order", types=types, limit=10_000)
        assert len(whole) == {0: 200, 1: 400, 3: 600}[len(types)]
        paged: list[SearchHit] = []
        while page := store.search("order", types=types, limit=67, after=paged[-1].place if paged else None):
            paged += page
        assert paged == whole
        assert [hit.place for hit in whole] == sorted(hit.place for hit in whole)


def test_what_changes_is_found_by_what_it_says_now(store: LineageStore) -> None:
    put(store, dataset_event(0, "a", schema=schema("before"), documentation={"description": "first"}))
    index(store)
    put(store, dataset_event(1, "a", schema=schema("after"), documentation={"description": "second"}))
    assert store.unindexed() == 1
    index(store)

    assert [names(store, text) for text in ("before", "first")] == [[], []]
    assert [names(store, text) for text in ("after", "second")] == [["a"], ["a"]]


def test_a_run_that_says_nothing_new_touches_no_search(store: LineageStore) -> None:
    facets: dict[str, Any] = {"schema": schema("x"), "documentation": {"description": "said"}}
    statistics = {"outputStatistics": {"rowCount": 1}}
    for day in range(3):
        output = {**dataset("b", **facets), "outputFacets": statistics}
        put(store, run_event(f"r{day}", "COMPLETE", day, inputs=["a"], outputs=[output]))
        assert store.unindexed() == (3 if day == 0 else 0)
        index(store)


def test_statements_of_jobs_and_old_names_of_datasets_are_found(store: LineageStore) -> None:
    symlink = {"identifiers": [{"namespace": "hive", "name": "legacy.invoices", "type": "TABLE"}]}
    put(store, dataset_event(0, "lake/inv", symlinks=symlink))
    put(store, job_event(0, job="j", job_facets={"sql": {"query": "SELECT 1 FROM planets"}}))
    index(store)

    assert (first(store, "invoices").node.name, first(store, "invoices").grade) == ("lake/inv", Grade.EXACT)
    assert first(store, "invoices").excerpt == "legacy.invoices"
    assert names(store, "planets") == ["j"]


def test_documents_are_made_anew_when_most_are_outdated(
    store: LineageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.store._search_index._OUTDATED", 2)
    for day in range(9):
        put(store, dataset_event(day, "a", schema=schema(f"column{day}")), dataset_event(day, f"b{day}"))
        index(store)
        assert names(store, f"column{day}") == ["a"]
        assert names(store, "column") == ["a"]
        assert len(names(store, "b")) == day + 1


def test_both_engines_find_the_same_in_the_same_order(
    tmp_path: Path, fresh_postgresql: Callable[[], str]
) -> None:
    pick = random.Random(7)
    words = [
        "order",
        "orders",
        "Daily",
        "REVENUE",
        "größe",
        "日報",
        "id",
        "x1",
        "HTTPServer",
        "a-b",
        "o'k",
        "v2",
    ]

    def text(most: int, glue: str) -> str:
        return glue.join(pick.choices(words, k=pick.randint(1, most)))

    events = [
        dataset_event(
            0,
            f"{text(3, pick.choice('._/-'))}{number % 40}",
            schema=columns(**{text(2, "_"): text(3, " ") for _ in range(3)}),
            documentation={"description": text(4, " ")},
            tags={"tags": tags(**{text(1, ""): text(1, "")})},
        )
        for number in range(80)
    ]
    events += [
        job_event(0, job=f"{text(3, '.')}{number}", job_facets={"sql": {"query": text(9, " ")}})
        for number in range(50)
    ]
    asked = [text(pick.randint(1, 3), " ")[: pick.randint(1, 20)] for _ in range(12)]
    found = []
    for location in (tmp_path / "lineage.db", fresh_postgresql()):
        with closing(open_store(location)) as opened:
            put(opened, *events)
            index(opened)
            found.append(
                [
                    opened.search(each, types=list(NodeType), limit=1000)
                    for each in asked
                    if each.strip("-/'. ")
                ]
            )

    assert found[0] == found[1]
    assert sum(map(len, found[0])) > 300


def test_a_store_that_is_only_read_is_searched_as_it_was_indexed(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "lineage.db")) as opened:
        put(opened, dataset_event(0, "a"))
        index(opened)
        put(opened, dataset_event(0, "b"))
    with closing(open_store(tmp_path / "lineage.db", read_only=True)) as opened:
        assert (names(opened, "a"), names(opened, "b"), opened.unindexed()) == (["a"], [], 1)
        with pytest.raises(StoreError, match="read-only"):
            opened.index()


def test_what_commands_say_is_found_and_what_they_delete_is_not(store: LineageStore) -> None:
    warehouse(store)
    orders = nodes.dataset("ns", "shop.public.orders")
    column = nodes.field("ns", "shop.public.orders", "order_id")

    def say(time: int, kind: CommandKind, node: nodes.Node, name: str = "", value: str = "") -> None:
        store.apply([Command(str(uuid4()), time * 10**9 + 2 * 10**18, kind, node, name, value)])
        index(store)

    say(1, CommandKind.TAG, orders, "sensitive", "high")
    say(1, CommandKind.OWN, orders, "team:shop")
    say(1, CommandKind.DESCRIBE, orders, value="Everything that was bought")
    say(1, CommandKind.TAG, column, "identifier")
    say(1, CommandKind.DESCRIBE, column, value="A running number")
    assert names(store, "bought", tags=["sensitive=high"], owners=["shop"]) == ["shop.public.orders"]
    assert names(store, "running", types=[FIELD], tags=["identifier"]) == ["shop.public.orders.order_id"]
    assert names(store, "", tags=["identifier"]) == ["shop.public.orders"]

    say(2, CommandKind.UNTAG, orders, "sensitive")
    assert names(store, "bought", tags=["sensitive"]) == []

    say(3, CommandKind.DELETE, orders)
    assert names(store, "bought") == names(store, "running", types=[FIELD]) == []
    say(4, CommandKind.UNDELETE, orders)
    assert names(store, "bought") == ["shop.public.orders"]


def test_a_dataset_is_found_by_all_its_names_and_only_once(store: LineageStore) -> None:
    """What stands under a name from before is another name of the dataset, and no hit of its own."""
    before = dataset("lake.old_sales", documentation={"description": "All receipts"}, schema=schema("euros"))
    put(store, run_event("a", "COMPLETE", 0, job="load", outputs=[before]))
    index(store)
    assert names(store, "old sales") == names(store, "receipts") == ["lake.old_sales"]

    change = {
        "lifecycleStateChange": "RENAME",
        "previousIdentifier": {"namespace": "ns", "name": "lake.old_sales"},
    }
    put(
        store,
        run_event("b", "COMPLETE", 1, job="x", outputs=[dataset("turnover", lifecycleStateChange=change)]),
    )
    for _ in range(2):  # at once, and once it is indexed
        assert "lake.old_sales" not in [*names(store, "old sales"), *names(store, "receipts")]
        index(store)
    for text in ("old sales", "receipts", "turnover", "euros"):
        assert names(store, text) == ["turnover"], text
    assert first(store, "lake.old_sales").excerpt == "lake.old_sales"
    assert names(store, "euros", types=[FIELD]) == ["turnover.euros"]

    put(store, run_event("c", "COMPLETE", 2, job="load", outputs=[dataset("lake.old_sales")]))
    index(store)
    assert names(store, "old sales") == names(store, "receipts") == ["lake.old_sales"]
    assert names(store, "turnover") == ["turnover"]


def test_what_is_removed_from_the_log_is_found_no_more(store: LineageStore) -> None:
    secret = dataset("t", documentation={"description": "Forgotten words"}, schema=schema("hidden_column"))
    sql = {"sql": {"query": "SELECT 1 FROM planets"}}
    put(store, run_event("a", "COMPLETE", 0, job="retired", outputs=[secret], job_facets=sql))
    put(store, run_event("b", "COMPLETE", 1, job="kept", inputs=["t"]))
    index(store)
    prune(store, Policy(job=nodes.job("ns", "retired")))
    assert names(store, "retired") == []
    index(store)
    assert [names(store, text) for text in ("forgotten", "hidden_column", "planets")] == [[], [], []]
    assert names(store, "t") == ["t"]
