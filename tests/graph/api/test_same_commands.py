"""What commands do to a store is the same done to it by a server, and carries who had it done."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from made_events import dump
from served import event
from typer.testing import CliRunner

from graph import open_store
from graph.cli import app
from graph.client import Server
from graph.ingest import derive, ingest
from graph.ingest.commands import user
from graph.store.access import Role, new_token
from graph.store.changes import Status
from lineage.config import configure, current_config, reset_config
from lineage.shipping import ship_once
from lineage.transport import enqueue

# Before click 8.2 the two streams had to be kept apart by asking for it.
RUNNER = CliRunner(**({"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}))

EVENTS = Path(__file__).resolve().parents[2] / "fixtures" / "events"
ORDERS = "dataset:postgres://warehouse:5432:shop.silver.orders"
REVENUE = "dataset:postgres://warehouse:5432:shop.gold.daily_revenue"

COMMANDS: list[list[str]] = [
    ["ingest", str(EVENTS / "airflow_failed_task.jsonl"), str(EVENTS / "dbt.jsonl")],
    ["ingest", str(EVENTS / "shop_changes.jsonl"), str(EVENTS / "dbt.jsonl")],
    ["ingest", "ODD"],
    ["ingest", "no such file"],
    ["tag", ORDERS, "--add", "pii", "--add", "tier=gold", "--add", "brief"],
    ["tag", ORDERS, "--remove", "brief", "--add", "tier=silver"],
    ["tag", ORDERS, "--remove", "tier", "--add", "tier=bronze"],
    ["tag", f"datasetField:{ORDERS.partition(':')[2]}:order_id", "--add", "key"],
    ["tag", ORDERS, "--add", "=x"],
    ["tag", ORDERS, "--add", "x" * 100_000],
    ["tag", ORDERS, "pii"],
    ["tag", "nothing like it", "--add", "pii"],
    ["owner", ORDERS, "--add", "team:sales=MAINTAINER", "--add", "me"],
    ["owner", ORDERS, "--remove", "me"],
    ["describe", ORDERS, "--text", "All orders, ü.\n"],
    ["describe", ORDERS],
    ["delete", REVENUE],
    ["delete", REVENUE],
    ["delete", f"datasetField:{ORDERS.partition(':')[2]}:order_id"],
    ["undelete"],
    ["undelete", "nothing like it"],
    ["undelete", "daily_revenue"],
    ["undelete"],
    ["delete", REVENUE],
]


def said(*arguments: str) -> tuple[int, str, str]:
    done = RUNNER.invoke(app, list(arguments), catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def authors(place: str) -> set[str]:
    with closing(open_store(place, read_only=True)) as store:
        return {command.who for _, command in store.commands(limit=1000)}


@pytest.fixture
def served_with(place: str, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give a function that serves a store with tokens, and sets the one of a role for the command."""

    def start(role: Role, *namespaces: str, **settings: Any) -> Any:
        made, text = new_token(f"a {role}", role, namespaces)
        with closing(open_store(place)) as store:
            store.access.add(made)
        monkeypatch.setenv("LINEAGE_TOKEN", text)
        reset_config()
        return serve(place, access=True, **settings)

    return start


def without_ids(line: str) -> str:
    """Return a line of the log, of a command without what is new in each."""
    told = json.loads(line)
    if "lineageCommand" in told:
        told["lineageCommand"] |= {"id": "", "time": "", "who": ""}
    return json.dumps(told)


def test_commands_do_to_a_server_what_they_do_to_a_store(
    served_with: Callable[..., Any], place: str, tmp_path: Path
) -> None:
    """PV-42"""
    here, there = str(tmp_path / "here.db"), served_with(Role.ADMIN).url
    odd = tmp_path / "odd.jsonl.gz"
    lines = [
        b"{no event",
        json.dumps(event("odd")).encode(),
        b'{"job": 1}',
        b"1, 2",
        b'{"a": "\xff"}',
        b"[" * 9999,
    ]
    odd.write_bytes(gzip.compress(b"\n".join(lines)))
    codes = []
    for command in COMMANDS:
        words = [str(odd) if word == "ODD" else word for word in command]
        for form in ([], ["--json"]) if command[0] not in ("ingest", "undelete") else ([],):
            done = said(*words, *form, "--store", here)
            assert said(*words, *form, "--store", there) == done, command
            codes.append(done[0])
    assert set(codes) == {0, 1, 2}

    exported = [said("export", "--events", "--store", each) for each in (here, there)]
    logs = [[without_ids(line) for line in lines.splitlines()] for _, lines, _ in exported]
    assert logs[0] == logs[1]
    assert "Rejected events are not among them: 5" in exported[1][2]
    assert authors(here) == {user()}
    assert authors(place) == {"a admin"}
    with closing(open_store(here)) as one, closing(open_store(place)) as other:
        derive(one)
        derive(other)
        assert dump(one) == dump(other)


def test_what_is_exported_from_a_server_is_taken_in_by_another(
    served_with: Callable[..., Any], serve: Callable[..., Any], place: str, tmp_path: Path
) -> None:
    """A store moves over HTTP, with what people said and who said it."""
    old, new = served_with(Role.ADMIN).url, serve(str(tmp_path / "new.db")).url
    said("ingest", str(EVENTS / "shop_changes.jsonl"), "--store", old)
    said("tag", REVENUE, "--add", "gold", "--store", old)
    file = tmp_path / "log.jsonl"
    file.write_text(said("export", "--events", "--store", old)[1], "utf-8")

    code, out, _ = said("ingest", str(file), "--store", new, "--json")

    lines = len(file.read_text("utf-8").splitlines())
    assert (code, json.loads(out)["items"]) == (0, [{"accepted": lines, "duplicate": 0, "rejected": 0}])
    assert json.loads(out)["query"]["store"] == new
    assert said("export", "--events", "--store", new)[1] == file.read_text("utf-8")
    assert authors(str(tmp_path / "new.db")) == {"a admin"}


def test_the_api_answers_as_the_command_prints(served: Any) -> None:
    said("ingest", str(EVENTS / "shop_changes.jsonl"), "--store", served.location)

    def posted(action: str, **told: Any) -> Any:
        return served.post(f"/api/v2/{action}", json={"name": [REVENUE], **told})

    def printed(*words: str) -> Any:
        return json.loads(said(*words, "--json", "--store", served.location)[1])

    given = posted("annotate", commands=[{"command": "tag", "name": "pii"}, {"command": "own", "name": "me"}])
    assert given.json() == printed("owner", REVENUE) == served.get("/api/v2/about?name=" + REVENUE).json()
    assert given.json()["items"][0]["tags"] == [{"name": "pii", "value": ""}]
    gone = posted("delete").json()
    assert gone["items"] == printed("undelete")["items"] == served.get("/api/v2/deleted").json()["items"]
    assert posted("undelete").json()["items"] == [{"id": REVENUE, "deleted": False}]
    assert printed("undelete")["items"] == []


@pytest.mark.parametrize(
    ("action", "told", "status", "words"),
    [
        ("annotate", {"commands": [{"command": "delete"}]}, 400, "'delete' is none of tag, untag, own"),
        ("annotate", {"commands": [{"command": "tag"}]}, 400, "tag needs a name"),
        ("annotate", {"commands": [{"command": "tag", "name": "x" * 100_000}]}, 400, "a name is too long"),
        ("annotate", {"commands": []}, 422, "commands"),
        ("annotate", {"commands": [{"command": "tag", "name": "x", "who": "me"}]}, 422, "who"),
        ("annotate", {"name": ["nothing"], "commands": [{"command": "tag", "name": "x"}]}, 404, "is called"),
        ("delete", {"name": ["nothing"]}, 404, "nothing in the store is called 'nothing'"),
        ("delete", {"name": []}, 422, "name"),
        ("undelete", {}, 404, "nothing in the store is called"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    file_store: Any, serve: Callable[..., Any], action: str, told: dict[str, Any], status: int, words: str
) -> None:
    said("ingest", str(EVENTS / "shop_changes.jsonl"), "--store", file_store.location)

    answer = serve(file_store.location).post(f"/api/v2/{action}", json={"name": [REVENUE], **told})

    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert words in answer.json()["message"]
    assert file_store.commands() == []


def test_requests_of_marquez_carry_who_made_them_too(served_with: Callable[..., Any], place: str) -> None:
    served = served_with(Role.ADMIN)
    said("ingest", str(EVENTS / "shop_changes.jsonl"), "--store", served.url)
    headers = {"Authorization": f"Bearer {current_config().token}"}
    of = "/api/v1/namespaces/postgres%3A%2F%2Fwarehouse%3A5432/datasets/shop.gold.daily_revenue"

    assert served.post(f"{of}/tags/gold", headers=headers).status_code == 200
    assert served.request("PUT", "/api/v1/tags/gold", json={"description": "x"}, headers=headers).ok
    assert served.request("DELETE", of, headers=headers).status_code == 200

    assert authors(place) == {"a admin"}


def test_nobody_is_named_where_everybody_may_do_everything(served: Any) -> None:
    """Whoever runs the server did not say it."""
    said("ingest", str(EVENTS / "shop_changes.jsonl"), "--store", served.url)
    said("tag", REVENUE, "--add", "gold", "--store", served.url)

    assert authors(served.location) == {""}


def test_who_may_do_what_is_told_by_role_and_namespace(
    served_with: Callable[..., Any], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PV-22: also the record names what was done, and what was not to be done."""
    with closing(open_store(place)) as store:
        ingest(store, (EVENTS / "shop_changes.jsonl").read_bytes().splitlines())
        derive(store)
    served = served_with(Role.WRITER)
    tag, gone = (("tag", REVENUE, "--add", "gold"), ("delete", REVENUE))
    assert said(*tag, "--store", served.url)[0] == 0
    code, _, err = said(*gone, "--store", served.url)
    assert (code, "needs the role admin" in err) == (3, True)

    elsewhere = served_with(Role.ADMIN, "elsewhere")
    for command in (tag, gone):
        code, _, err = said(*command, "--store", elsewhere.url)
        assert (code, "the token is for 'elsewhere' only" in err) == (3, True)
    here = served_with(Role.ADMIN, "postgres://warehouse:5432")
    assert said(*tag, "--store", here.url)[0] == said(*gone, "--store", here.url)[0] == 0
    assert said("undelete", REVENUE, "--store", here.url)[0] == 0
    assert said("undelete", "--store", here.url)[0] == 3, "a list of all there is"

    def recorded() -> list[tuple[int, str]]:
        with closing(open_store(place, read_only=True)) as store:
            return [(one.status, one.reason) for _, one in reversed(store.access.recorded())]

    deadline = time.monotonic() + 10
    while len(found := recorded()) < 6:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    statuses, reasons = zip(*sorted(found), strict=True)
    assert statuses == (200, 200, 403, 403, 403, 403)
    assert reasons[:2] == (f"delete {REVENUE}", f"undelete {REVENUE}")
    assert [("elsewhere" in reason, "admin" in reason) for reason in reasons[2:]].count((True, False)) == 2


def test_commands_that_an_administrator_brings_are_recorded(
    served_with: Callable[..., Any], place: str, tmp_path: Path
) -> None:
    """PV-22"""
    said("ingest", str(EVENTS / "shop_changes.jsonl"), "--store", str(tmp_path / "old.db"))
    said("delete", REVENUE, "--store", str(tmp_path / "old.db"))
    file = tmp_path / "log.jsonl"
    file.write_text(said("export", "--events", "--store", str(tmp_path / "old.db"))[1], "utf-8")

    assert said("ingest", str(file), "--store", served_with(Role.ADMIN).url)[0] == 0
    refused = said("ingest", str(file), "--store", served_with(Role.WRITER).url)

    assert (refused[0], "commands are taken from an admin" in refused[2]) == (1, True)
    deadline = time.monotonic() + 10
    while True:
        with closing(open_store(place, read_only=True)) as store:
            found = {(one.who, one.status, one.reason) for _, one in store.access.recorded()}
        if len(found) == 2:
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert found == {
        ("a admin", 200, "1 commands of another store"),
        ("a writer", 403, "commands are taken from an admin for all namespaces only"),
    }


def test_events_go_in_as_many_requests_as_the_server_takes(
    place: str, serve: Callable[..., Any], tmp_path: Path
) -> None:
    """A batch that is too large is sent in parts; an event that is too large is told."""
    served = serve(place, body_limit=20_000)
    bodies = [json.dumps(event(f"job {number}")).encode() for number in range(100)]
    bodies[40] = json.dumps(event("large" * 5000)).encode()
    bodies[41] = b"no event"

    outcomes = Server(served.url).keep(bodies)
    again = Server(served.url).keep(bodies)

    assert [place for place, one in enumerate(outcomes) if one.status is not Status.ACCEPTED] == [40, 41]
    assert "larger than 20000 bytes" in outcomes[40].reasons[0]
    assert "not JSON" in outcomes[41].reasons[0]
    assert [one.status for one in again].count(Status.DUPLICATE) == 98
    with closing(open_store(place, read_only=True)) as store:
        assert store.counts().events == 98


NOT_OVER_HTTP = [
    ["rebuild"],
    ["prune", "--older-than", "90d", "--yes"],
    ["serve"],
    ["import", "marquez", "http://127.0.0.1:9"],
    ["token", "list"],
    ["token", "create", "me"],
    ["token", "revoke", "x"],
    ["export"],
    ["export", "--format", "dot"],
]


@pytest.mark.parametrize("command", NOT_OVER_HTTP, ids=" ".join)
def test_what_a_server_does_not_do_is_told_with_what_to_do(command: list[str]) -> None:
    """Before anything is asked of anybody."""
    code, out, err = said(*command, "--store", "http://127.0.0.1:9")

    assert (code, out) == (3, "")
    assert "http://127.0.0.1:9 is a server" not in out
    assert "is a server, which does not do this" in err
    assert "--store FILE or --store postgresql://" in err


def test_what_a_server_refused_for_good_can_be_looked_at_and_dropped(
    file_store: Any, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead letters of the outbox are here, though the store is not."""
    served = serve(file_store.location)
    config = configure(store=served.url, ship=False)
    enqueue(b'{"eventTime": "never", "run": {"runId": "x"}}', None)
    ship_once(config.destination, config)
    monkeypatch.setenv("LINEAGE_STORE", served.url)

    code, out, _ = said("deadletters", "list", "--json")

    (letter,) = json.loads(out)["items"]
    assert (code, letter["from"], letter["source"]) == (0, "backend", f"{served.url}/api/v1/lineage")
    assert said("deadletters", "drop", letter["id"], "--yes")[0] == 0
    assert json.loads(said("deadletters", "list", "--json")[1])["items"] == []
