"""The current graph in a DataHub, by DataHub's own client over a real socket."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datahub", reason="needs DataHub's client: `make test-datahub` installs it")

from datahub.emitter.mcp import MetadataChangeProposalWrapper
from datahub_server import DataHub
from made_events import dataset, dataset_event, feeds, job_event, put, run_event

from graph import open_store
from graph.actions import delete, undelete
from graph.exports import datahub as exports
from graph.exports.datahub.following import follow
from graph.questions.log import end_of_log
from graph.store import LineageStore
from lineage.errors import DeliveryError

pytestmark = pytest.mark.datahub

POSTGRES = "postgres://warehouse:5432"
ORDERS = "urn:li:dataset:(urn:li:dataPlatform:postgres,shop.public.orders,PROD)"
RATES = "urn:li:dataset:(urn:li:dataPlatform:postgres,shop.public.rates,PROD)"
GOLD = "urn:li:dataset:(urn:li:dataPlatform:s3,lake/gold/revenue,PROD)"
FLOW = "urn:li:dataFlow:(airflow,etl,ns)"
JOB = f"urn:li:dataJob:({FLOW},etl.revenue)"
AIRFLOW = {"jobType": {"processingType": "BATCH", "integration": "AIRFLOW", "jobType": "TASK"}}


def source(name: str, *fields: tuple[str, str]) -> dict[str, Any]:
    told = [{"name": field, "type": type_, "description": f"the {field}"} for field, type_ in fields]
    return dataset(f"shop.public.{name}", POSTGRES, schema={"fields": told})


def gold() -> dict[str, Any]:
    made = {"namespace": POSTGRES, "name": "shop.public.orders"}
    total = [
        {**made, "field": "amount", "transformations": [{"type": "DIRECT", "subtype": "AGGREGATION"}]},
        {**made, "field": "day", "transformations": [{"type": "INDIRECT", "subtype": "GROUP_BY"}]},
    ]
    return dataset("gold/revenue", "s3://lake", columnLineage={"fields": {"total": {"inputFields": total}}})


def revenue(time: int, *inputs: dict[str, Any]) -> dict[str, Any]:
    return job_event(time, job="etl.revenue", job_facets=AIRFLOW, inputs=inputs, outputs=[gold()])


@pytest.fixture
def store() -> Iterator[LineageStore]:
    with closing(open_store(":memory:")) as opened:
        orders = source("orders", ("day", "date"), ("amount", "numeric(10,2)"))
        put(opened, revenue(1, orders, source("rates")))
        yield opened


@pytest.fixture(params=[False, True], ids=["restli", "openapi"])
def server(request: pytest.FixtureRequest) -> Iterator[DataHub]:
    with DataHub(openapi=request.param) as running:
        yield running


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[exports.Sent]:
    with exports.Sent(tmp_path / "sent.jsonl") as kept:
        yield kept


def send(store: LineageStore, server: DataHub, sent: exports.Sent, **options: Any) -> exports.Counts:
    naming = options.pop("naming", exports.Naming())
    options = {"changes_only": False, **options}
    with exports.Gms(server.url, "secret-token") as gms:
        return exports.export(store, naming, gms, sent, **options)


def test_the_graph_is_there_as_it_is(store: LineageStore, server: DataHub, sent: exports.Sent) -> None:
    """DD-12, DD-20: upstreams as TRANSFORMED, columns and how they are made, jobs with both ends, schemas."""
    counts = send(store, server, sent)

    assert server.upstreams(GOLD) == [ORDERS, RATES]
    assert {one["type"] for one in server.aspects[GOLD, "upstreamLineage"]["upstreams"]} == {"TRANSFORMED"}
    direct, indirect = server.aspects[GOLD, "upstreamLineage"]["fineGrainedLineages"]
    assert direct["downstreams"] == indirect["downstreams"] == [f"urn:li:schemaField:({GOLD},total)"]
    assert direct["upstreams"] == [f"urn:li:schemaField:({ORDERS},amount)"]
    assert indirect["upstreams"] == [f"urn:li:schemaField:({ORDERS},day)"]
    assert (direct["transformOperation"], indirect["transformOperation"]) == (
        "DIRECT AGGREGATION",
        "INDIRECT GROUP_BY",
    )
    told = server.aspects[JOB, "dataJobInputOutput"]
    assert (told["inputDatasets"], told["outputDatasets"]) == ([ORDERS, RATES], [GOLD])
    info = server.aspects[JOB, "dataJobInfo"]
    assert (info["name"], info["flowUrn"], info["type"]) == ("revenue", FLOW, {"string": "BATCH"})
    assert server.aspects[FLOW, "dataFlowInfo"]["name"] == "etl"
    fields = server.aspects[ORDERS, "schemaMetadata"]["fields"]
    assert [(one["fieldPath"], one["nativeDataType"], one["description"]) for one in fields] == [
        ("day", "date", "the day"),
        ("amount", "numeric(10,2)", "the amount"),
    ]
    assert [list(one["type"]["type"]) for one in fields] == [
        ["com.linkedin.schema.DateType"],
        ["com.linkedin.schema.NumberType"],
    ]
    assert (ORDERS, "upstreamLineage") not in server.aspects, "what others say of a source is theirs"
    assert counts == exports.Counts(sent=len(server.taken))
    assert server.tokens == {"Bearer secret-token"}


def test_what_is_sent_again_changes_nothing(store: LineageStore, server: DataHub, sent: exports.Sent) -> None:
    send(store, server, sent)
    before = dict(server.aspects)

    again = send(store, server, sent)
    changes = send(store, server, sent, changes_only=True)

    assert server.aspects == before
    assert again.sent == len(before)
    assert changes == exports.Counts(unchanged=len(before))


def test_an_edge_that_vanished_is_taken_back(
    store: LineageStore, server: DataHub, sent: exports.Sent
) -> None:
    """DD-12: what one sees is the current graph."""
    send(store, server, sent)
    put(store, revenue(2, source("orders")))
    assert feeds(store) == {"shop.public.orders -> gold/revenue"}

    send(store, server, sent)

    assert server.upstreams(GOLD) == [ORDERS]
    assert server.aspects[JOB, "dataJobInputOutput"]["inputDatasets"] == [ORDERS]


@pytest.mark.parametrize("changes_only", [True, False])
def test_what_is_deleted_is_taken_back(
    store: LineageStore, server: DataHub, sent: exports.Sent, changes_only: bool
) -> None:
    send(store, server, sent)
    delete(store, ["job:ns:etl.revenue"])
    delete(store, ["gold/revenue"])

    counts = send(store, server, sent, changes_only=changes_only)

    assert server.upstreams(GOLD) == []
    assert server.aspects[JOB, "dataJobInputOutput"]["inputDatasets"] == []
    assert [server.aspects[urn, "status"]["removed"] for urn in (JOB, FLOW)] == [True, True]
    assert counts.removed == 4
    undelete(store, ["job:ns:etl.revenue"])
    undelete(store, ["gold/revenue"])
    send(store, server, sent, changes_only=changes_only)
    assert [server.aspects[urn, "status"]["removed"] for urn in (JOB, FLOW)] == [False, False]
    assert server.upstreams(GOLD) == [ORDERS, RATES]


def test_lineage_that_is_gone_is_taken_back_without_a_memory(
    store: LineageStore, server: DataHub, sent: exports.Sent, tmp_path: Path
) -> None:
    send(store, server, sent)
    put(store, revenue(2))

    with exports.Sent(tmp_path / "another.jsonl") as other:
        send(store, server, other)

    assert server.upstreams(GOLD) == []


def test_nothing_is_lost_when_it_is_down(
    store: LineageStore,
    server: DataHub,
    sent: exports.Sent,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr("graph.exports.datahub.exporting._BATCH", 2)
    gms = exports.Gms(server.url, None)
    request.addfinalizer(lambda: gms.__exit__(None, None, None))
    server.down()
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1"):
        exports.export(store, exports.Naming(), gms, sent, changes_only=True)
    server.up()
    taken, real = 0, gms.send

    def twice(proposals: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == 3:
            server.mode = "500"
        return real(proposals)

    monkeypatch.setattr(gms, "send", twice)
    with pytest.raises(DeliveryError, match="not now"):
        exports.export(store, exports.Naming(), gms, sent, changes_only=True)
    assert len(server.taken) == 4
    server.mode = "ok"
    exports.export(store, exports.Naming(), gms, sent, changes_only=True)

    assert len(server.taken) == len(set(server.taken)) == len(server.aspects) == len(sent.known)
    assert server.upstreams(GOLD) == [ORDERS, RATES]


def test_a_process_that_was_killed_goes_on_where_it_was(
    store: LineageStore, server: DataHub, tmp_path: Path
) -> None:
    path = tmp_path / "sent.jsonl"
    with exports.Sent(path) as sent:
        send(store, server, sent)
        whole = dict(sent.known)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:20])
    server.taken.clear()

    with exports.Sent(path) as sent:
        assert len(sent.known) == 3
        send(store, server, sent, changes_only=True)
        assert dict(sent.known) == whole
    assert len(server.taken) == len(whole) - 3
    with exports.Sent(path) as sent:
        assert dict(sent.known) == whole


def test_two_exports_at_once_are_refused(sent: exports.Sent, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="another export to this DataHub is running"):
        exports.Sent(tmp_path / "sent.jsonl")


def test_what_is_refused_holds_nothing_back(store: LineageStore, server: DataHub, sent: exports.Sent) -> None:
    put(store, run_event("r", "COMPLETE", 5, job="poison", inputs=["a"], outputs=["b"]))
    server.mode = "refuse"
    notes: list[str] = []

    counts = send(store, server, sent, note=notes.append)

    assert counts.refused == len(notes) == 5
    assert all("poison" in note and "Failed to validate" in note for note in notes)
    assert not any("poison" in urn for urn, _ in server.aspects)
    assert server.upstreams(GOLD) == [ORDERS, RATES]
    server.mode = "ok"
    assert send(store, server, sent, changes_only=True).sent == 5


def test_a_refused_token_is_said_and_never_told(
    store: LineageStore, server: DataHub, sent: exports.Sent, caplog: pytest.LogCaptureFixture
) -> None:
    server.mode = "401"
    with caplog.at_level(logging.DEBUG, "lineage"), pytest.raises(DeliveryError) as refused:
        send(store, server, sent)

    assert "secret-token" not in f"{refused.value}{caplog.text}"
    assert refused.value.retriable


def test_a_datahub_that_is_followed_gets_what_changes(
    server: DataHub, sent: exports.Sent, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """DD-12: with an outage meanwhile, and nothing twice."""
    path, notes = str(tmp_path / "store.db"), []
    with closing(open_store(path)) as writer:
        put(writer, revenue(1, source("orders"), source("rates")))
        stop, troubled, exported = threading.Event(), threading.Event(), threading.Semaphore(0)
        seen: list[exports.Counts] = []

        @contextmanager
        def opened() -> Iterator[tuple[LineageStore, bool]]:
            with closing(open_store(path)) as kept:
                yield kept, False

        def done(counts: exports.Counts) -> None:
            seen.append(counts)
            exported.release()

        def note(said: str) -> None:
            notes.append(said)
            troubled.set()

        gms = exports.Gms(server.url, None)
        request.addfinalizer(lambda: gms.__exit__(None, None, None))
        work = threading.Thread(
            target=follow,
            args=(opened, exports.Naming(), gms, sent, stop),
            kwargs={"every": 0.05, "note": note, "done": done},
            daemon=True,
        )
        work.start()
        assert exported.acquire(timeout=100)
        assert server.upstreams(GOLD) == [ORDERS, RATES]
        first = len(server.taken)

        server.down()
        put(writer, revenue(2, source("orders")))
        assert troubled.wait(100)
        server.up()
        assert exported.acquire(timeout=100)
        assert server.upstreams(GOLD) == [ORDERS]
        assert sorted(server.taken[first:]) == sorted(
            [(GOLD, "upstreamLineage"), (JOB, "dataJobInputOutput")]
        )
        assert len(notes) == 1
        assert "it is tried again" in notes[0]
        stop.set()
        work.join(100)
        assert not work.is_alive()


def test_the_end_of_the_log_is_found(store: LineageStore) -> None:
    for number in range(40):
        put(store, dataset_event(100 + number, f"t{number}"))
    whole = end_of_log(store, 0)
    assert store.bodies(after=whole - 1, limit=5)
    assert not store.bodies(after=whole, limit=5)
    assert end_of_log(store, whole - 7) == end_of_log(store, whole) == whole


def test_instances_and_environment_are_in_the_urns(
    store: LineageStore, server: DataHub, sent: exports.Sent
) -> None:
    send(store, server, sent, naming=exports.naming("dev", [f"{POSTGRES}=one", "s3=two"]))

    orders = "urn:li:dataset:(urn:li:dataPlatform:postgres,one.shop.public.orders,DEV)"
    (revenues,) = [urn for urn, name in server.aspects if name == "upstreamLineage"]
    assert revenues == "urn:li:dataset:(urn:li:dataPlatform:s3,two.lake/gold/revenue,DEV)"
    assert orders in server.upstreams(revenues)
    assert server.aspects[orders, "dataPlatformInstance"] == {
        "platform": "urn:li:dataPlatform:postgres",
        "instance": "urn:li:dataPlatformInstance:(urn:li:dataPlatform:postgres,one)",
    }


def test_datasets_of_one_name_are_joined_and_that_is_said(server: DataHub, sent: exports.Sent) -> None:
    notes: list[str] = []
    with closing(open_store(":memory:")) as store:
        for host in ("a", "b"):
            put(
                store,
                run_event(
                    host,
                    "COMPLETE",
                    1,
                    job=host,
                    inputs=[dataset(f"d.s.from_{host}", f"postgres://{host}:5432")],
                    outputs=[dataset("d.s.t", f"postgres://{host}:5432")],
                ),
            )
        send(store, server, sent, note=notes.append)

    table = "urn:li:dataset:(urn:li:dataPlatform:postgres,d.s.t,PROD)"
    assert server.upstreams(table) == [table.replace("d.s.t", f"d.s.from_{host}") for host in ("a", "b")]
    assert len(notes) == 1
    assert "tell them apart by --platform-instance" in notes[0]


def test_names_with_signs_of_urns_are_written_so_that_they_can_be_read(
    server: DataHub, sent: exports.Sent
) -> None:
    with closing(open_store(":memory:")) as store:
        fields = {"a,b": {"inputFields": [{"namespace": POSTGRES, "name": "d.s.(x)", "field": "c)"}]}}
        outputs = [dataset("d.s.y,z", POSTGRES, columnLineage={"fields": fields})]
        put(
            store,
            run_event(
                "r", "COMPLETE", 1, job="j,(1)", inputs=[dataset("d.s.(x)", POSTGRES)], outputs=outputs
            ),
        )
        send(store, server, sent)

    read, written = (
        f"urn:li:dataset:(urn:li:dataPlatform:postgres,{name},PROD)" for name in ("d.s.%28x%29", "d.s.y%2Cz")
    )
    assert server.upstreams(written) == [read]
    (fine,) = server.aspects[written, "upstreamLineage"]["fineGrainedLineages"]
    assert fine["downstreams"] == [f"urn:li:schemaField:({written},a%2Cb)"]
    assert fine["upstreams"] == [f"urn:li:schemaField:({read},c%29)"]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        from graph.cli import main

        monkeypatch.setattr(sys, "argv", ["lineage", "export", "datahub", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = str(tmp_path / "kept.db")
    with closing(open_store(path)) as opened:
        put(opened, revenue(1, source("orders", ("day", "date"))))
    return path


def test_the_command_exports_with_a_token_from_the_environment(
    command: Any, kept: str, server: DataHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAHUB_GMS_TOKEN", "secret-token")
    state = ("--state", str(tmp_path / "state.jsonl"))
    code, said = command("--server", server.url, "--store", kept, *state)
    assert (code, said) == (0, f"{len(server.taken)} aspects sent, 0 of them taken back, 0 refused\n")
    assert server.tokens == {"Bearer secret-token"}
    assert server.upstreams(GOLD) == [ORDERS]

    server.down()
    code, said = command("--server", server.url, "--store", kept, *state)
    assert code == 3
    assert server.url in said
    assert "secret-token" not in said
    assert command("--server", "http://me:pass@host", "--store", kept)[0] == 2


def test_the_command_takes_datahub_s_own_settings(
    command: Any, kept: str, server: DataHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAHUB_GMS_URL", server.url)
    monkeypatch.setenv("DATAHUB_GMS_TOKEN", "secret-token")

    code, said = command("--store", kept, "--json", "--no-schemas")

    assert code == 0
    assert json.loads(said)["items"][0]["sent"] == len(server.taken)
    assert not any(name == "schemaMetadata" for _, name in server.aspects)
    assert server.tokens == {"Bearer secret-token"}


def test_the_command_writes_a_file_that_datahub_reads(command: Any, kept: str, tmp_path: Path) -> None:
    file = tmp_path / "mcps.json"
    code, said = command("--to", str(file), "--store", kept)

    assert code == 0
    read = [MetadataChangeProposalWrapper.from_obj(each) for each in json.loads(file.read_text())]
    assert said == f"{len(read)} aspects written to {file}\n"
    assert {(each.entityUrn, each.aspectName) for each in read} > {
        (GOLD, "upstreamLineage"),
        (JOB, "dataJobInfo"),
    }
    assert all(each.validate() for each in read)
