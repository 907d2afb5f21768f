"""One question, one answer: from the command on a store, from the command on a server, and from the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from made_events import run_event
from typer.testing import CliRunner

from graph import open_store
from graph.cli import app
from graph.ingest import derive, give, index, ingest
from graph.nodes import dataset, job
from graph.questions import QUESTIONS
from graph.store.access import Role, new_token
from graph.store.commands import CommandKind
from lineage.config import configure, current_config, reset_config

# Before click 8.2 the two streams had to be kept apart by asking for it.
RUNNER = CliRunner(**({"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}))

EVENTS = Path(__file__).resolve().parents[2] / "fixtures" / "events"
AT = "2026-11-21T00:31:00Z"
PG = "postgres://warehouse:5432"
ORDERS = f"dataset:{PG}:shop.silver.orders"
REVENUE = f"dataset:{PG}:shop.gold.daily_revenue"
FIELD = "datasetField:postgres://127.0.0.1:55432:shop.gold.daily_revenue:orders"
RUN = "05fdfefb-389e-52cc-9d67-602fe3a4be9b"

COMMANDS = {"changes": [], "about": ["tag"], "deleted": ["undelete"]}
"""The words of questions that are not a command of their own."""

EXPECTED = {"dataset": {ORDERS: {"readers": [], "made_from": [REVENUE]}, "no.such.thing": {}}}

ASKED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("upstream", {"name": [REVENUE]}, [REVENUE]),
    ("upstream", {"name": [FIELD], "depth": 1, "limit": 2}, [FIELD, "--depth", "1", "--limit", "2"]),
    ("upstream", {"name": [FIELD], "asOf": AT}, [FIELD, "--as-of", AT]),
    ("upstream", {"name": ["no.such.thing"]}, ["no.such.thing"]),
    ("upstream", {"name": ["orders"]}, ["orders"]),
    ("upstream", {"name": [FIELD], "asOf": "soon"}, [FIELD, "--as-of", "soon"]),
    ("upstream", {"name": [FIELD], "cursor": "none"}, [FIELD, "--cursor", "none"]),
    ("downstream", {"name": [ORDERS]}, [ORDERS]),
    ("downstream", {"name": [ORDERS], "depth": 1}, [ORDERS, "--depth", "1"]),
    (
        "impact",
        {"name": [f"datasetField:{PG}:shop.silver.orders:order_id"]},
        [f"datasetField:{PG}:shop.silver.orders:order_id"],
    ),
    ("impact", {"name": ["shop.s.orders.total"]}, ["shop.s.orders.total"]),
    (
        "changes",
        {
            "name": [ORDERS],
            "drop": ["status"],
            "rename": ["amount=total"],
            "retype": ["order_id=text"],
            "critical": [REVENUE],
        },
        [
            *("impact", ORDERS, "--drop", "status", "--rename", "amount=total"),
            *("--type", "order_id=text", "--critical", REVENUE),
        ],
    ),
    (
        "changes",
        {"name": [ORDERS], "schema": {"order_id": "int8", "status": "text"}},
        ["impact", ORDERS, "--schema", "SCHEMA"],
    ),
    ("columns", {"name": [REVENUE]}, [REVENUE]),
    (
        "columns",
        {"name": [REVENUE], "depth": None, "origins": True},
        [REVENUE, "--all", "--origins"],
    ),
    ("diagnose", {"name": [FIELD], "asOf": AT}, [FIELD, "--at", AT]),
    (
        "path",
        {"source": ORDERS, "target": REVENUE},
        [ORDERS, REVENUE],
    ),
    (
        "path",
        {"source": REVENUE, "target": ORDERS},
        [REVENUE, ORDERS],
    ),
    ("compare", {"a": "2026-02-01T00:00:00Z", "b": AT}, ["2026-02-01T00:00:00Z", AT]),
    ("compare", {"a": RUN, "b": RUN}, [RUN, RUN]),
    ("compare", {"a": "nothing"}, ["nothing"]),
    ("search", {"text": "ord"}, ["ord"]),
    (
        "search",
        {"text": "ord", "types": ["field"], "namespaces": [PG], "limit": 1},
        ["ord", "--type", "field", "--namespace", PG, "--limit", "1"],
    ),
    ("search", {"text": ""}, []),
    ("coverage", {}, []),
    (
        "coverage",
        {"checks": ["critical-columns"], "critical": [REVENUE]},
        ["--check", "critical-columns", "--critical", REVENUE],
    ),
    ("check", {"now": AT, "since": "52w"}, ["--now", AT, "--since", "52w"]),
    (
        "check",
        {"expect": EXPECTED, "baseline": False, "now": AT},
        ["--expect", "EXPECT", "--no-baseline", "--now", AT],
    ),
    ("check", {"sensitivity": "high", "now": "soon"}, ["--sensitivity", "high", "--now", "soon"]),
    ("runs", {}, []),
    ("runs", {"states": ["FAIL"], "limit": 1}, ["--state", "FAIL", "--limit", "1"]),
    ("runs", {"versions": True}, ["--versions"]),
    ("runs", {"under": "nobody"}, ["--under", "nobody"]),
    ("history", {"name": [REVENUE]}, [REVENUE]),
    ("history", {"name": [REVENUE], "limit": 1, "asOf": AT}, [REVENUE, "--limit", "1", "--as-of", AT]),
    ("compare", {"a": "2026-02-01T00:00:00Z", "limit": 2}, ["2026-02-01T00:00:00Z", "--limit", "2"]),
    ("whence", {"name": [REVENUE]}, [REVENUE]),
    ("whence", {"name": [REVENUE], "asOf": AT, "limit": 1}, [REVENUE, "--as-of", AT, "--limit", "1"]),
    ("whence", {"name": [REVENUE], "run": "none"}, [REVENUE, "--run", "none"]),
    ("drill", {"names": [REVENUE], "sources": ["*.raw"]}, [REVENUE, "--source", "*.raw", "--no-verify"]),
    ("drill", {"sample": 2, "seed": "x"}, ["--sample", "2", "--seed", "x", "--no-verify"]),
    ("queries", {}, []),
    ("queries", {"field": "shop.s.orders.total"}, ["--field", "shop.s.orders.total"]),
    ("queries", {"since": "soon"}, ["--since", "soon"]),
    ("about", {"name": [ORDERS]}, [ORDERS]),
    ("about", {"name": ["no.such.thing"]}, ["no.such.thing"]),
    ("deleted", {}, []),
]


def query_run() -> dict[str, Any]:
    """Return the event of a run that told of a query."""
    entry = {
        "fingerprint": f"sha256:{1:064x}",
        "statement": 0,
        "callsite": {"path": "/shop.py", "line": 7, "function": "f", "stack": ""},
        "counts": {"count": 3, "totalDurationMs": 15, "maxDurationMs": 5},
    }
    statement = {
        **{"query": "SELECT total FROM s.orders", "dialect": "postgres", "database": "shop"},
        "namespace": "postgres://warehouse:5432",
    }
    return run_event(
        "r",
        "COMPLETE",
        0,
        job="report",
        job_facets={"lineageGraph_statements": {"statements": [statement]}},
        run_facets={"lineageGraph_queryAttribution": {"service": "shop", "queries": [entry]}},
    )


@pytest.fixture
def filled(place: str) -> str:
    """A store with the events of Airflow and dbt, a shop's, and a captured query, all of it read."""
    with closing(open_store(place)) as store:
        for name in ("airflow_failed_task", "dbt", "shop_changes"):
            ingest(store, (EVENTS / f"{name}.jsonl").read_bytes().splitlines())
        ingest(store, [json.dumps(query_run()).encode()])
        derive(store)
        give(store, CommandKind.TAG, dataset(PG, "shop.silver.orders"), "pii", "yes")
        give(store, CommandKind.DELETE, job("shop", "partner_portal"))
        index(store)
    return place


def said(*arguments: str) -> tuple[int, str, str]:
    done = RUNNER.invoke(app, list(arguments), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_a_store_a_server_and_the_api_give_the_same_answer(
    filled: str, serve: Callable[..., Any], tmp_path: Path
) -> None:
    served = serve(filled)
    (tmp_path / "SCHEMA").write_text(json.dumps({"order_id": "int8", "status": "text"}))
    toml = f"[dataset.'{ORDERS}']\nreaders = []\nmade_from = ['{REVENUE}']\n[dataset.'no.such.thing']\n"
    (tmp_path / "EXPECT").write_text(toml)
    empty = failed = 0
    for question, told, arguments in ASKED:
        words = [*COMMANDS.get(question, [question]), *arguments]
        words = [str(tmp_path / word) if word in ("SCHEMA", "EXPECT") else word for word in words]
        for form in ([], ["--json"]):
            here = said(*words, *form, "--store", filled)
            there = said(*words, *form, "--store", served.url)
            assert there == here, words
        posted = served.post(f"/api/v2/{question}", json=told)
        code, out, err = here
        if code in (0, 1):
            assert posted.status_code == 200, posted.text
            assert posted.json() == json.loads(out), words
            empty += not (posted.json().get("nodes") or posted.json().get("items"))
        else:
            failed += 1
            assert posted.status_code in (400, 404)
            assert posted.json()["message"] == err.removeprefix("lineage: ").strip(), words
        if not {"schema", "expect"} & told.keys() and None not in told.values():
            got = served.get(f"/api/v2/{question}", params=told)
            assert (got.status_code, got.json()) == (posted.status_code, posted.json()), words
    assert (empty, failed) == (2, 11), "the questions have answers"
    assert {question for question, _, _ in ASKED} | {"status", "verify", "checkpoints"} == set(QUESTIONS)


def test_what_a_store_holds_is_told_alike(filled: str, serve: Callable[..., Any]) -> None:
    served = serve(filled)

    def held(store: str) -> dict[str, Any]:
        code, out, _ = said("status", "--json", "--store", store)
        assert code == 0
        return {key: value for key, value in json.loads(out)["items"][0].items() if key != "location"}

    (item,) = served.get("/api/v2/status").json()["items"]
    assert held(served.url) == held(filled) == {"kind": "store", "exists": True, **item}
    assert item["events"] == 68


def test_the_log_is_exported_alike_and_can_be_taken_in_elsewhere(
    filled: str, serve: Callable[..., Any], tmp_path: Path, capfdbinary: Any
) -> None:
    served = serve(filled)
    said("tag", REVENUE, "--add", "gold", "--store", filled)

    lines = served.get("/api/v2/events").content

    _, here, _ = said("export", "--events", "--store", filled)
    _, there, _ = said("export", "--events", "--store", served.url)
    assert here == there == lines.decode()
    assert lines.count(b"lineageCommand") == 3
    with (
        closing(open_store(filled, read_only=True)) as store,
        closing(open_store(tmp_path / "b.db")) as other,
    ):
        counts = ingest(other, lines.splitlines())
        assert (counts.accepted, counts.rejected) == (store.counts().events + 3, 0)


def test_a_server_that_does_not_answer_or_let_us_ask_is_told(
    filled: str, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(filled, access=True)
    made, text = new_token("me", Role.READER)
    with closing(open_store(filled)) as store:
        store.access.add(made)
    ask = ("upstream", REVENUE, "--store", served.url, "--json")

    code, _, err = said(*ask)
    assert (code, "401" in err, "LINEAGE_TOKEN" in err) == (3, True, True)
    monkeypatch.setenv("LINEAGE_TOKEN", text)
    reset_config()
    assert said(*ask)[0] == 0
    assert text not in repr(current_config())

    code, _, err = said("upstream", "x", "--store", "http://127.0.0.1:9")
    assert (code, "cannot be reached" in err) == (3, True)
    code, _, err = said("rebuild", "--store", served.url)
    assert (code, "is a server" in err) == (3, True)


def test_what_is_emitted_goes_to_the_server_that_is_the_store() -> None:
    config = configure(store="https://lineage.example.com/", token="secret", ca="/etc/ca.pem")

    assert (config.destination.kind, config.destination.address) == (
        "http",
        "https://lineage.example.com/api/v1/lineage",
    )
    assert config.destination.options["auth"] == {"type": "api_key", "apiKey": "secret"}
    assert config.destination.options["verify"] == "/etc/ca.pem"
    assert "secret" not in config.destination.identity


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/v2/upstream", "query param name: Field required"),
        ("/api/v2/upstream?name=a&name=b&name=c", "query param name: "),
        ("/api/v2/upstream?name=a&depth=0", "query param depth: "),
        ("/api/v2/upstream?name=a&other=b", "query param other: Extra inputs are not permitted"),
        ("/api/v2/runs?limit=100000", "query param limit: "),
        ("/api/v2/runs?states=happy", "'happy' is none of running, complete, abort, fail"),
        ("/api/v2/search?text=a&types=thing", "'thing' is none of dataset, field, job"),
        ("/api/v2/coverage?checks=all", "checks are "),
        ("/api/v2/changes?name=shop.silver.orders&rename=a", "'a' is not A=B"),
        ("/api/v2/compare", "give a time or the id of a run to compare, or a job"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_shape(
    file_store: Any, serve: Callable[..., Any], path: str, message: str
) -> None:
    answer = serve(file_store.location).get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert answer.json()["message"].startswith(message)


def test_a_token_of_some_namespaces_asks_about_these_alone(filled: str, serve: Callable[..., Any]) -> None:
    """PV-22: whatever question, by whatever name."""
    served = serve(filled, access=True)
    made, text = new_token("me", Role.READER, [PG])
    with closing(open_store(filled)) as store:
        store.access.add(made)

    def status(question: str, **told: Any) -> int:
        headers = {"Authorization": f"Bearer {text}"}
        return int(served.post(f"/api/v2/{question}", json=told, headers=headers).status_code)

    assert status("upstream", name=[ORDERS]) == 200
    assert status("changes", name=[ORDERS], drop=["status"]) == 200
    assert status("search", text="ord", namespaces=[PG]) == 200
    assert status("upstream", name=["job:shop:build_daily_revenue"]) == 403
    assert status("path", source=ORDERS, target="job:shop:build_daily_revenue") == 403
    assert status("search", text="ord") == 403
    assert status("search", text="ord", namespaces=[PG, "shop"]) == 403
    assert [status(question) for question in ("coverage", "runs", "queries", "status")] == [403] * 4
    assert served.get("/api/v2/events", headers={"Authorization": f"Bearer {text}"}).status_code == 403
