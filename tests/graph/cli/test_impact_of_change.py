"""`lineage impact DATASET` with a change, on a small shop whose lineage is written out in one file.

The file shop_changes.jsonl, each job with its columns; `<-` is DIRECT, `<~` INDIRECT:

    build_daily_revenue    silver.orders, silver.customers -> gold.daily_revenue     owned by team:revenue
        day <- ordered_on, country <- customers.country, revenue <- amount;
        each <~ status (filter), customer_id (join), ordered_on and country (group)
    build_customer_totals  silver.orders, silver.customers -> gold.customer_totals
        customer_id <- customers.customer_id, order_count <- order_id, lifetime_value <- amount;
        each <~ customer_id (join)
    refresh_board          gold.daily_revenue -> revenue_board (a dashboard)         owned by team:bi
        day <- day, revenue <- revenue; each <~ day (sort)
    export_orders          silver.orders -> orders.csv                               no column lineage
    partner_portal         reads orders.csv
    book_orders            silver.orders -> gold.ledger
        entry_id <- order_id, amount <- amount, amount <~ status (condition)
    book_refunds           silver.refunds -> gold.ledger
        entry_id <- refund_id, amount <- refunded
    build_balance          gold.ledger -> report.balance
        total <- amount

Nobody reads silver.customers.fax. Owned are also silver.orders, gold.daily_revenue and revenue_board.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

Lineage = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[3]
EVENTS = ROOT / "tests" / "fixtures" / "events"
WAREHOUSE = "postgres://warehouse:5432"
ORDERS = f"dataset:{WAREHOUSE}:shop.silver.orders"

BLIND = {"dataset orders.csv", "job export_orders", "job partner_portal"}
"""What may read any field of silver.orders."""

AMOUNT = {
    "field shop.gold.daily_revenue.revenue",
    "field shop.gold.customer_totals.lifetime_value",
    "field shop.gold.ledger.amount",
    "field shop.report.balance.total",
    "field revenue_board.revenue",
    "dataset shop.gold.daily_revenue",
    "dataset shop.gold.customer_totals",
    "dataset shop.gold.ledger",
    "dataset shop.report.balance",
    "dataset revenue_board",
    "job build_daily_revenue",
    "job build_customer_totals",
    "job book_orders",
    "job build_balance",
    "job refresh_board",
}
"""What is made from values of silver.orders.amount."""

JOINED = {
    "field shop.gold.daily_revenue.day",
    "field shop.gold.daily_revenue.country",
    "field shop.gold.daily_revenue.revenue",
    "field shop.gold.customer_totals.customer_id",
    "field shop.gold.customer_totals.order_count",
    "field shop.gold.customer_totals.lifetime_value",
    "field revenue_board.day",
    "field revenue_board.revenue",
    "dataset shop.gold.daily_revenue",
    "dataset shop.gold.customer_totals",
    "dataset revenue_board",
    "job build_daily_revenue",
    "job build_customer_totals",
    "job refresh_board",
}
"""What the join over silver.orders.customer_id decides."""

FILTERED = {
    "field shop.gold.daily_revenue.day",
    "field shop.gold.daily_revenue.country",
    "field shop.gold.daily_revenue.revenue",
    "field shop.gold.ledger.amount",
    "field shop.report.balance.total",
    "field revenue_board.day",
    "field revenue_board.revenue",
    "dataset shop.gold.daily_revenue",
    "dataset shop.gold.ledger",
    "dataset shop.report.balance",
    "dataset revenue_board",
    "job build_daily_revenue",
    "job book_orders",
    "job build_balance",
    "job refresh_board",
}
"""What silver.orders.status filters or decides."""


def validator() -> jsonschema.Draft202012Validator:
    schemas = [
        json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("change_impact", "answer", "items")
    ]
    registry: Registry[Any] = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    )
    return jsonschema.Draft202012Validator(schemas[0], registry=registry)


def envelope(said: Any) -> Any:
    """Return the printed JSON, checked against the documented schema."""
    value = json.loads(said.out)
    validator().validate(value)
    return value


def by_label(answer: Any) -> dict[str, str]:
    """By id: `field shop.gold.ledger.amount`, as the expectations below are written."""
    return {
        node["id"]: f"{node['type'].lower()} {'.'.join(filter(None, (node['name'], node.get('field'))))}"
        for node in answer["nodes"]
    }


def affected(answer: Any, change: Any) -> tuple[set[str], set[str], set[str]]:
    labels = by_label(answer)
    direct, indirect, unknown = (
        {labels[each] for each in change[word]} for word in ("direct", "indirect", "unknown")
    )
    return direct, indirect, unknown


@pytest.fixture(autouse=True)
def _shop(lineage: Lineage) -> None:
    """Put the events of the shop into the store of the test."""
    assert lineage("ingest", EVENTS / "shop_changes.jsonl").code == 0


@dataclass(frozen=True)
class Case:
    """A change, and what was worked out by hand: per change what is hit, and the exit codes.

    `fails` and `passes` are critical names with which the command ends with 1 and with 0.
    """

    arguments: list[str]
    hit: list[tuple[set[str], set[str], set[str]]]
    fails: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    schema: object = None


NEW_ORDERS = {
    "order_id": "INTEGER",
    "customer_id": "int",
    "ordered_on": "date",
    "status": "Character Varying(10)",
    "amount": "numeric(10,2)",
    "note": "text",
}
"""The schema of silver.orders as it is, spelled in other ways."""

CASES = {
    "drop a field that is summed up": Case(
        ["shop.silver.orders", "--drop", "amount"],
        [(AMOUNT, set(), BLIND)],
        fails=("revenue_board", "shop.report.balance.total", "job:shop:build_balance", "orders.csv"),
        passes=("shop.gold.customer_totals.order_count", "shop.silver.refunds", "book_refunds"),
    ),
    "rename a field": Case(
        ["shop.silver.orders", "--rename", "order_id=id"],
        [
            (
                {
                    "field shop.gold.customer_totals.order_count",
                    "field shop.gold.ledger.entry_id",
                    "dataset shop.gold.customer_totals",
                    "dataset shop.gold.ledger",
                    "job build_customer_totals",
                    "job book_orders",
                },
                set(),
                BLIND,
            )
        ],
        fails=("shop.gold.ledger", "book_orders"),
        passes=("shop.report.balance", "shop.gold.ledger.amount", "revenue_board"),
    ),
    "a type that holds all values": Case(
        ["shop.silver.orders", "--type", "amount=NUMERIC(12, 2)"],
        [(set(), set(), set())],
        passes=("revenue_board", "orders.csv", "shop.silver.orders", "shop.silver.orders.amount"),
    ),
    "a type that does not": Case(
        ["shop.silver.orders", "--type", "amount=int"],
        [(AMOUNT, set(), BLIND)],
        fails=("revenue_board", "shop.silver.orders.amount"),
        passes=("shop.silver.orders.status",),
    ),
    "a new field": Case(
        ["shop.silver.orders"],
        [(set(), set(), BLIND)],
        schema=[*({"name": name, "type": type_} for name, type_ in NEW_ORDERS.items()), {"name": "channel"}],
        fails=("orders.csv", "partner_portal"),
        passes=("revenue_board", "shop.gold.ledger", "shop.silver.orders"),
    ),
    "two changes at once": Case(
        ["shop.silver.orders", "--drop", "amount", "--rename", "customer_id=client_id"],
        [(AMOUNT, set(), BLIND), (set(), JOINED, BLIND)],
        fails=("shop.gold.daily_revenue.country", "shop.report.balance"),
        passes=("shop.gold.ledger.entry_id",),
    ),
    "a schema file in which a field has another name": Case(
        ["shop.silver.orders"],
        [(set(), set(), set()), (set(), FILTERED, BLIND), (AMOUNT, set(), BLIND), (set(), set(), BLIND)],
        schema={
            "fields": [
                {"name": "order_id", "type": "int4"},
                {"name": "customer_id", "type": "bigint"},
                {"name": "ordered_on", "type": "date"},
                {"name": "state", "type": "varchar(20)"},
                {"name": "amount", "type": "text"},
                {"name": "note"},
            ]
        },
        fails=("revenue_board.day",),
        passes=("shop.gold.customer_totals.order_count",),
    ),
    "a field that only filters and decides": Case(
        ["shop.silver.orders", "--drop", "status"],
        [(set(), FILTERED, BLIND)],
        fails=("revenue_board", "shop.report.balance.total"),
        passes=("shop.gold.ledger.entry_id", "shop.gold.customer_totals"),
    ),
    "a join key": Case(
        ["shop.silver.orders", "--drop", "customer_id"],
        [(set(), JOINED, BLIND)],
        fails=("shop.gold.customer_totals.order_count",),
        passes=("shop.gold.ledger", "build_balance"),
    ),
    "a field nobody uses": Case(
        ["shop.silver.customers", "--drop", "fax"],
        [(set(), set(), set())],
        fails=("shop.silver.customers.fax",),
        passes=("shop.gold.customer_totals", "revenue_board", "orders.csv", "shop.silver.customers.country"),
    ),
    "a field that only readers without column lineage may use": Case(
        ["shop.silver.orders", "--drop", "note"],
        [(set(), set(), BLIND)],
        fails=("orders.csv", "export_orders", "partner_portal"),
        passes=("shop.gold.ledger", "revenue_board"),
    ),
    "a field that feeds what another dataset feeds too": Case(
        ["shop.silver.refunds", "--drop", "refunded"],
        [
            (
                {
                    "field shop.gold.ledger.amount",
                    "field shop.report.balance.total",
                    "dataset shop.gold.ledger",
                    "dataset shop.report.balance",
                    "job book_refunds",
                    "job build_balance",
                },
                set(),
                set(),
            )
        ],
        fails=("shop.gold.ledger", "shop.report.balance"),
        passes=("shop.gold.ledger.entry_id", "book_orders", "shop.silver.orders"),
    ),
    "a field whose values go one way and whose groups another": Case(
        ["shop.silver.orders", "--drop", "ordered_on"],
        [
            (
                {
                    "field shop.gold.daily_revenue.day",
                    "field revenue_board.day",
                    "dataset shop.gold.daily_revenue",
                    "dataset revenue_board",
                    "job build_daily_revenue",
                    "job refresh_board",
                },
                {
                    "field shop.gold.daily_revenue.country",
                    "field shop.gold.daily_revenue.revenue",
                    "field revenue_board.revenue",
                },
                BLIND,
            )
        ],
        fails=("revenue_board.revenue",),
        passes=("shop.gold.customer_totals", "shop.report.balance"),
    ),
}


def with_schema(case: Case, folder: Path) -> list[str]:
    if case.schema is None:
        return case.arguments
    file = folder / "new.json"
    file.write_text(json.dumps(case.schema), encoding="utf-8")
    return [*case.arguments, "--schema", str(file)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_change_hits_what_was_worked_out_by_hand(lineage: Lineage, tmp_path: Path, case: Case) -> None:
    """DD-21: each change by itself, and all together."""
    said = lineage("impact", *with_schema(case, tmp_path), "--json")

    answer = envelope(said)
    assert said.code == 0
    assert [affected(answer, change) for change in answer["changes"]] == case.hit
    direct = set().union(*(hit[0] for hit in case.hit))
    indirect = set().union(*(hit[1] for hit in case.hit)) - direct
    unknown = set().union(*(hit[2] for hit in case.hit)) - direct - indirect
    labels = by_label(answer)
    together = {labels[node["id"]]: node.get("impact") for node in answer["nodes"] if node["distance"]}
    assert together == {
        **dict.fromkeys(direct, "direct"),
        **dict.fromkeys(indirect, "indirect"),
        **dict.fromkeys(unknown, "unknown"),
    }


@pytest.mark.parametrize(
    ("case", "name", "code"),
    [
        pytest.param(case, name, code, id=f"{title}-{name}-{code}")
        for title, case in CASES.items()
        for code, names in ((1, case.fails), (0, case.passes))
        for name in names
    ],
)
def test_the_exit_code_tells_whether_something_critical_is_hit(
    lineage: Lineage, tmp_path: Path, case: Case, name: str, code: int
) -> None:
    """DD-21: 1 for what is hit directly, indirectly or in ways nobody can tell, else 0."""
    said = lineage("impact", *with_schema(case, tmp_path), "--critical", name)

    assert said.code == code
    last = said.out.splitlines()[-1]
    assert ("is not hit" in last) == (code == 0)
    assert last.startswith(name.removeprefix("job:shop:"))


def test_the_kinds_of_change_are_told_apart(lineage: Lineage, tmp_path: Path) -> None:
    """DD-21: dropped, added and retyped by a schema; a rename is not guessed."""
    case = CASES["a schema file in which a field has another name"]
    arguments = with_schema(case, tmp_path)

    def told(*more: str) -> list[dict[str, Any]]:
        changes = envelope(lineage("impact", *arguments, *more, "--json"))["changes"]
        return [
            {key: value for key, value in each.items() if key not in ("direct", "indirect", "unknown")}
            for each in changes
        ]

    retyped = {"kind": "type", "field": "amount", "from": "numeric(10,2)", "to": "text", "compatible": False}
    widened = {"kind": "type", "field": "customer_id", "from": "int4", "to": "bigint", "compatible": True}
    assert told() == [
        widened,
        {"kind": "drop", "field": "status"},
        retyped,
        {"kind": "add", "field": "state", "type": "varchar(20)"},
    ]
    assert told("--rename", "status=state") == [
        {"kind": "rename", "field": "status", "to": "state"},
        widened,
        {
            "kind": "type",
            "field": "status",
            "from": "varchar(10)",
            "to": "varchar(20)",
            "compatible": True,
        },
        retyped,
    ]


def test_the_answer_says_which_schemas_were_compared(lineage: Lineage, tmp_path: Path) -> None:
    """DD-21: how many fields there were, and what could not be compared."""
    file = tmp_path / "new.json"
    file.write_text(json.dumps([{"name": name} for name in NEW_ORDERS]), encoding="utf-8")

    said = lineage("impact", "shop.silver.orders", "--schema", file, "--critical", "revenue_board")
    assert said.code == 0
    assert said.out.splitlines() == [
        "Compared: the schema that the store knows (6 fields) with the new one (6 fields).",
        "Types not compared, as one side does not tell them: order_id, customer_id, ordered_on, status,"
        " amount, note.",
        "",
        "Nothing changes.",
        "",
        "Critical:",
        "revenue_board is not hit",
    ]
    answer = envelope(lineage("impact", "shop.silver.orders", "--schema", file, "--json"))
    assert answer["query"]["compared"] == {
        "knownFields": 6,
        "newFields": 6,
        "typesNotCompared": list(NEW_ORDERS),
        "onlyInLineage": [],
    }
    assert (answer["changes"], [node["id"] for node in answer["nodes"]]) == ([], [ORDERS])


def test_owners_are_named_and_unknown_ones_said_to_be_unknown(lineage: Lineage) -> None:
    """DD-21: each dataset, dashboard and job that is hit with its owners."""
    said = lineage("impact", "shop.silver.orders", "--drop", "ordered_on", "--json")

    assert envelope(said)["owners"] == {
        ORDERS: ["team:orders (STEWARD)"],
        f"dataset:{WAREHOUSE}:shop.gold.daily_revenue": ["team:revenue"],
        "dataset:https://bi.example.com:revenue_board": ["team:bi", "ada (CONTACT)"],
        "dataset:s3://partners:orders.csv": None,
        "job:shop:build_daily_revenue": ["team:revenue"],
        "job:shop:refresh_board": ["team:bi"],
        "job:shop:export_orders": None,
        "job:shop:partner_portal": None,
    }


def test_people_see_each_change_and_each_thing_that_is_hit(lineage: Lineage) -> None:
    """DD-21: what breaks first, then what changes its meaning, then what nobody can tell."""
    said = lineage(
        "impact", "shop.silver.refunds", "--drop", "refunded", "--type", "refund_id=text",
        "--critical", "shop.report.balance", "--critical", "revenue_board",
    )  # fmt: skip

    rows = [re.split(r"  +", line) for line in said.out.splitlines()]
    warehouse = WAREHOUSE
    both, drop, type_ = (
        "drop refunded, type of refund_id to text",
        "drop refunded",
        "type of refund_id to text",
    )
    assert rows == [
        ["change", "what it does"],
        [drop, "breaks 2 fields, 2 datasets, 2 jobs"],
        [type_, "from int4: may not hold all values; may break 1 field, 1 dataset, 1 job"],
        [""],
        ["impact", "type", "name", "changes", "owners", "namespace"],
        ["breaks", "dataset", "shop.gold.ledger", both, "unknown", warehouse],
        ["breaks", "field", "shop.gold.ledger.amount", drop, "unknown", warehouse],
        ["breaks", "job", "book_refunds", both, "unknown", "shop"],
        ["breaks", "dataset", "shop.report.balance", drop, "unknown", warehouse],
        ["breaks", "field", "shop.report.balance.total", drop, "unknown", warehouse],
        ["breaks", "job", "build_balance", drop, "unknown", "shop"],
        ["may break", "field", "shop.gold.ledger.entry_id", type_, "unknown", warehouse],
        [""],
        ["Critical:"],
        [
            "shop.report.balance is hit directly: shop.silver.refunds.refunded > book_refunds >"
            " shop.gold.ledger.amount > build_balance > shop.report.balance.total > shop.report.balance"
        ],
        ["revenue_board is not hit"],
    ]
    assert (said.err, said.code) == ("", 1)


def test_the_path_to_something_critical_is_as_sure_as_the_hit(lineage: Lineage) -> None:
    """DD-21: DIRECT hops to what is hit directly, any to what is hit indirectly, blind ones at the end."""
    said = lineage(
        "impact", "shop.silver.orders", "--drop", "ordered_on", "--json",
        "--critical", "shop.gold.daily_revenue", "--critical", "revenue_board.revenue",
        "--critical", "partner_portal", "--critical", "shop.silver.orders",
        "--critical", "shop.gold.ledger",
    )  # fmt: skip

    start = f"datasetField:{WAREHOUSE}:shop.silver.orders:ordered_on"
    daily = f"{WAREHOUSE}:shop.gold.daily_revenue"
    board = "https://bi.example.com:revenue_board"
    assert envelope(said)["critical"] == [
        {
            "id": f"dataset:{daily}",
            "impact": "direct",
            "path": [start, "job:shop:build_daily_revenue", f"datasetField:{daily}:day", f"dataset:{daily}"],
        },
        {
            "id": f"datasetField:{board}:revenue",
            "impact": "indirect",
            "path": [
                start,
                "job:shop:build_daily_revenue",
                f"datasetField:{daily}:day",
                "job:shop:refresh_board",
                f"datasetField:{board}:revenue",
            ],
        },
        {
            "id": "job:shop:partner_portal",
            "impact": "unknown",
            "path": [
                start,
                ORDERS,
                "job:shop:export_orders",
                "dataset:s3://partners:orders.csv",
                "job:shop:partner_portal",
            ],
        },
        {"id": ORDERS, "impact": "direct", "path": [start, ORDERS]},
        {"id": f"dataset:{WAREHOUSE}:shop.gold.ledger", "impact": None, "path": []},
    ]
    assert said.err.splitlines()[0] == (
        "Critical: shop.gold.daily_revenue is hit directly: shop.silver.orders.ordered_on"
        " > build_daily_revenue > shop.gold.daily_revenue.day > shop.gold.daily_revenue"
    )
    assert len(said.err.splitlines()) == 4
    assert said.code == 1


def test_what_nobody_can_tell_fails_unless_it_is_ignored(lineage: Lineage) -> None:
    """DD-21: unknown hits count, but not with --ignore-unknown; sure ones always do."""
    note = ["impact", "shop.silver.orders", "--drop", "note", "--critical", "orders.csv"]
    amount = ["impact", "shop.silver.orders", "--drop", "amount", "--critical", "revenue_board"]

    assert lineage(*note).code == 1
    ignored = lineage(*note, "--ignore-unknown")
    assert ignored.code == 0
    assert "orders.csv may be hit, nobody can tell" in ignored.out
    assert lineage(*amount, "--ignore-unknown").code == 1


def test_an_incomplete_answer_fails_unless_the_unknown_is_ignored(
    lineage: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DD-21: while SQL waits to be read, nobody can tell that nothing critical is hit."""
    assert lineage("ingest", EVENTS / "airflow_failed_task.jsonl").code == 0
    asked = ["impact", "shop.silver.refunds", "--drop", "refunded", "--critical", "revenue_board"]

    with monkeypatch.context() as hurry:
        hurry.setattr("graph.cli._store.SECONDS", 0.0)
        said = lineage(*asked)
        assert said.code == 1
        assert said.err.splitlines()[-1] == "Critical: what was not read yet may lead to more of them."
        assert lineage(*asked, "--ignore-unknown").code == 0
        assert lineage(*asked[:-2]).code == 0
    assert lineage(*asked).code == 0


def test_critical_names_come_from_a_file_too(lineage: Lineage, tmp_path: Path) -> None:
    """DD-21: one name a line; empty lines and comments are none."""
    file = tmp_path / "critical.txt"
    file.write_text("# what the board sees\n\n  revenue_board  \nshop.gold.ledger\n", encoding="utf-8")
    asked = ["impact", "shop.silver.orders", "--drop", "customer_id", "--critical-file", str(file), "--json"]

    said = lineage(*asked, "--critical", "build_balance")

    assert [(hit["id"], hit["impact"]) for hit in envelope(said)["critical"]] == [
        ("job:shop:build_balance", None),
        ("dataset:https://bi.example.com:revenue_board", "indirect"),
        (f"dataset:{WAREHOUSE}:shop.gold.ledger", None),
    ]
    assert said.code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--drop", "amuont"], "Did you mean shop.silver.orders.amount?"),
        (["--rename", "order_di=id"], "Did you mean shop.silver.orders.order_id,"),
        (
            ["--type", "nothing_like_it=int"],
            "nothing in the store is called 'shop.silver.orders.nothing_like_it'",
        ),
        (["--rename", "status"], "'status' is not A=B"),
        (["--type", "amount="], "'amount=' is not FIELD=T"),
        (["--rename", "status=note"], "there is a field called note already"),
        (["--drop", "note", "--type", "note=int"], "note cannot change in two ways at once"),
        (["--drop", "note", "--critical", "shop.gold.legder"], "shop.gold.ledger"),
        (["--critical", "shop.gold.ledger"], "give --drop, --rename, --type or --schema"),
        (["--ignore-unknown"], "give --drop, --rename, --type or --schema"),
        (["--schema", "missing.json"], "missing.json cannot be read"),
        (["--schema", "broken.json"], "broken.json is not JSON"),
        (["--schema", "deep.json"], "deep.json is not JSON"),
        (["--schema", "number.json"], "number.json: that is no schema"),
        (["--drop", "note", "--critical-file", "missing.txt"], "missing.txt cannot be read"),
    ],
    ids=str,
)
def test_a_change_that_cannot_be_asked_about_ends_with_2_and_says_why(
    lineage: Lineage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """DD-21: an unknown field is named with the nearest ones."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "number.json").write_text("3", encoding="utf-8")

    done = lineage("impact", "shop.silver.orders", *arguments)

    assert (done.code, done.out) == (2, "")
    assert said in " ".join(re.sub("[│╭╮╰╯─]", " ", done.err).split())


def test_a_schema_is_not_compared_where_none_is_known(lineage: Lineage, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_text('{"order_id": "int"}', encoding="utf-8")

    done = lineage("impact", "orders.csv", "--schema", file)

    assert (done.code, done.out) == (2, "")
    assert "no schema of orders.csv is known to compare with" in done.err


def test_a_change_of_anything_but_a_dataset_ends_with_2(lineage: Lineage) -> None:
    done = lineage("impact", "build_balance", "--drop", "total")

    assert (done.code, done.out) == (2, "")
    assert "nothing in the store is called 'build_balance'" in done.err


def test_pages_hold_their_own_nodes_and_owners_and_all_changes(lineage: Lineage) -> None:
    asked = ["impact", "shop.silver.orders", "--drop", "amount", "--json"]
    whole = envelope(lineage(*asked))
    first = envelope(lineage(*asked, "--limit", "5"))
    second = envelope(lineage(*asked, "--limit", "500", "--cursor", first["next"]))

    assert first["nodes"] + second["nodes"] == whole["nodes"]
    assert first["edges"] + second["edges"] == whole["edges"]
    assert first["owners"] | second["owners"] == whole["owners"]
    assert not first["owners"].keys() & second["owners"].keys()
    assert first["changes"] == second["changes"] == whole["changes"]


def test_a_drawing_shows_what_is_hit_and_the_critical_things_are_told_beside_it(lineage: Lineage) -> None:
    said = lineage(
        "impact", "shop.silver.refunds", "--drop", "refunded", "--format", "mermaid",
        "--critical", "shop.gold.ledger", "--critical", "revenue_board",
    )  # fmt: skip

    assert said.out.startswith("flowchart LR\n")
    assert '-->|"book_refunds"|' in said.out
    assert said.err.startswith("Critical: shop.gold.ledger is hit directly: ")
    assert len(said.err.splitlines()) == 1
    assert said.code == 1


POSTGRES = "postgres://127.0.0.1:55432"


def test_dropping_a_column_of_the_captured_airflow_shop(lineage: Lineage) -> None:
    """DD-21: what an Airflow run's events say; worked out by hand in tests/fixtures/capture/README.md."""
    assert lineage("ingest", EVENTS / "airflow_failed_task.jsonl").code == 0
    orders = f"dataset:{POSTGRES}:shop.silver.orders"

    said = lineage(
        "impact", orders, "--drop", "amount", "--critical", "shop.report.revenue_summary", "--json"
    )

    answer = envelope(said)
    assert [affected(answer, change) for change in answer["changes"]] == [
        (
            {
                "field shop.gold.daily_revenue.revenue",
                "field shop.gold.customer_totals.lifetime_value",
                "field shop.report.revenue_summary.total_revenue",
                "dataset shop.gold.daily_revenue",
                "dataset shop.gold.customer_totals",
                "dataset shop.report.revenue_summary",
                "job shop_daily.daily_revenue",
                "job shop_daily.customer_totals",
                "job shop_daily.export_report",
            },
            set(),
            set(),
        )
    ]
    assert answer["owners"] == {
        orders: None,
        f"dataset:{POSTGRES}:shop.gold.daily_revenue": None,
        f"dataset:{POSTGRES}:shop.gold.customer_totals": None,
        f"dataset:{POSTGRES}:shop.report.revenue_summary": None,
        "job:shop-airflow:shop_daily.daily_revenue": ["shop-data"],
        "job:shop-airflow:shop_daily.customer_totals": ["shop-data"],
        "job:shop-airflow:shop_daily.export_report": ["shop-data"],
    }
    assert said.code == 1


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        (
            "order_id",
            {
                "field shop.gold.daily_revenue.orders",
                "field shop.gold.customer_totals.order_count",
                "field shop.report.revenue_summary.total_orders",
            },
        ),
        ("customer_id", set()),
        ("ordered_on", {"field shop.gold.daily_revenue.day", "field shop.report.revenue_summary.day"}),
    ],
)
def test_other_columns_of_the_captured_shop_break_what_is_made_from_them(
    lineage: Lineage, field: str, broken: set[str]
) -> None:
    """DD-21: the other columns of the table in tests/fixtures/capture/README.md."""
    assert lineage("ingest", EVENTS / "airflow_failed_task.jsonl").code == 0

    answer = envelope(lineage("impact", f"dataset:{POSTGRES}:shop.silver.orders", "--drop", field, "--json"))

    (change,) = answer["changes"]
    direct, indirect, unknown = affected(answer, change)
    assert {name for name in direct if name.startswith("field")} == broken
    assert unknown == set()
    assert ("dataset shop.gold.daily_revenue" in indirect) == (field == "customer_id")


def test_a_dag_is_hit_when_a_task_of_it_is(lineage: Lineage) -> None:
    """DD-21: a critical job stands for the jobs that ran under it."""
    assert lineage("ingest", EVENTS / "airflow_failed_task.jsonl").code == 0

    said = lineage(
        "impact", f"dataset:{POSTGRES}:shop.silver.orders", "--drop", "customer_id",
        "--critical", "job:shop-airflow:shop_daily",
    )  # fmt: skip

    assert said.out.splitlines()[-1] == (
        "shop_daily (job) is hit indirectly: shop.silver.orders.customer_id > shop_daily.customer_totals"
        " > shop_daily"
    )
    assert said.code == 1


def test_markdown_can_be_pasted_into_a_review(lineage: Lineage) -> None:
    """DD-21: the same as tables and lists, and what markup would be is escaped."""
    said = lineage(
        "impact", "shop.silver.refunds", "--type", "refund_id=array<int>", "--format", "markdown",
        "--critical", "shop.gold.ledger", "--critical", "revenue_board",
    )  # fmt: skip

    change = r"type of refund_id to array\<int>"
    tables, _, _ = said.out.partition("\n```mermaid\n")
    assert tables.splitlines() == [
        "### Impact of a change of shop.silver.refunds",
        "",
        "| change | what it does |",
        "| --- | --- |",
        f"| {change} | from int4: may not hold all values; may break 1 field, 1 dataset, 1 job |",
        "",
        "| impact | type | name | owners | namespace |",
        "| --- | --- | --- | --- | --- |",
        f"| may break | dataset | shop.gold.ledger | unknown | {WAREHOUSE} |",
        f"| may break | field | shop.gold.ledger.entry_id | unknown | {WAREHOUSE} |",
        "| may break | job | book_refunds | unknown | shop |",
        "",
        "**Critical:**",
        "",
        "- shop.gold.ledger is hit directly: shop.silver.refunds.refund_id > book_refunds"
        " > shop.gold.ledger.entry_id > shop.gold.ledger",
        "- revenue_board is not hit",
    ]
    assert (said.err, said.code) == ("", 1)


def test_help_does_not_pay_for_the_answer() -> None:
    """The parts that answer, with networkx, are loaded when a question is asked."""
    code = (
        "import sys; sys.argv = ['lineage', 'impact', '--help']\n"
        "from graph.cli import main\n"
        "try: main()\n"
        "except SystemExit: print('networkx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"
