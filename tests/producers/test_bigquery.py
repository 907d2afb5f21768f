"""google-cloud-bigquery's real client over a faked service: queries, jobs, labels, what stands."""

from __future__ import annotations

import copy
import gc
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import producers
from graph import open_store
from graph.ingest import derive, drain
from graph.queries import upstream
from lineage import configure, context, track_run
from lineage.attribution import flush_queries
from lineage.errors import InstrumentError

bigquery = pytest.importorskip("google.cloud.bigquery")

from bigquery_server import PROJECT, BigQueryServer, client_of, running_bigquery  # noqa: E402
from google.api_core.exceptions import BadRequest, GoogleAPICallError  # noqa: E402

pytestmark = pytest.mark.cloud

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def server() -> Iterator[BigQueryServer]:
    with running_bigquery() as server:
        server.warehouse.run("create table shop.orders as select 1 as id, 3 as amount union all select 2, 4")
        server.warehouse.run("create table shop.totals as select 1 as id, 3 as total")
        yield server


@pytest.fixture
def client(server: BigQueryServer, told: Told) -> Iterator[Any]:
    producers.install("bigquery")
    opened = client_of(server)
    yield opened
    opened.close()


def ran(told: Told) -> list[tuple[Any, ...]]:
    return [(one["query_text"], one["status"], one.get("rows")) for one in told()]


def test_a_query_names_where_it_went(client: Any, told: Told) -> None:
    """DC-33: system, client, project, the job and what it cost, line and operation."""
    with context.use(operation="checkout"):
        job = client.query("SELECT id FROM shop.orders WHERE amount > 3")
        assert [row.values() for row in job.result()] == [(2,)]

    (event,) = told()
    assert ran(told) == [("select id from shop.orders where amount > ?", "ok", 1)]
    assert (event["db_system"], event["client"]) == ("bigquery", "google-cloud-bigquery")
    assert (event["db_name"], event["query_id"]) == (PROJECT, job.job_id)
    assert event["bytes_read"] == 2048
    assert event["attributes"] == {
        "bigquery.job_type": "query",
        "bigquery.location": "EU",
        "bigquery.statement_type": "SELECT",
        "bigquery.cache_hit": False,
        "bigquery.bytes_processed": 2048,
        "bigquery.bytes_billed": 10 << 20,
        "bigquery.slot_ms": 1234,
        "bigquery.job_ms": 250.0,
    }
    assert (event["callsite"]["path"], event["operation"]) == (__file__, "checkout")


@pytest.mark.parametrize("waiting", ["query", "query_and_wait"])
def test_a_query_lasts_until_its_rows_are_there(
    client: Any, server: BigQueryServer, told: Told, waiting: str
) -> None:
    """DC-31, DC-32: the time is that of the job and not of its submission; asked for twice it is one."""
    server.seconds = 0.2
    started = getattr(client, waiting)("select 1 as one")
    if waiting == "query":
        assert told() == []
        started.result()
        started.result()

    (event,) = told()
    assert event["duration_ms"] >= 200
    assert event["rows"] == 1


def test_rows_are_told_where_there_are_none(client: Any, told: Told) -> None:
    """fault 2.1.3-16: zero rows are said; what is changed counts; what has no rows says none."""
    client.query("select id from shop.orders where id > 99").result()
    client.query_and_wait("select id from shop.orders where id > 99")
    client.query("update shop.orders set amount = 5 where true").result()
    client.query_and_wait("delete from shop.orders where id > 99")
    client.query("create table shop.copied as select id from shop.orders").result()

    assert [(text.split()[0], rows) for text, _, rows in ran(told)] == [
        ("select", 0),
        ("select", 0),
        ("update", 2),
        ("delete", 0),
        ("create", None),
    ]


def test_a_query_that_fails_is_one_error(client: Any, told: Told) -> None:
    """DC-32: told before the caller sees the error."""
    job = client.query("select * from shop.nowhere")
    with pytest.raises(BadRequest):
        job.result()
    with pytest.raises(BadRequest):
        job.result()
    with pytest.raises(BadRequest):
        client.query_and_wait("select * from shop.nowhere")

    assert [event["status"] for event in told()] == ["error", "error"]
    assert {event["error"]["type"] for event in told()} == {"BadRequest"}
    assert told()[0]["query_id"] == job.job_id


def test_a_job_that_is_started_again_is_one_query(client: Any, server: BigQueryServer, told: Told) -> None:
    """DC-18: the library's own retries are its own."""
    server.failures = ["jobRateLimitExceeded"]
    job = client.query("select 1 as one")
    first = job.job_id

    assert [row.values() for row in job.result()] == [(1,)]

    (event,) = told()
    assert (event["status"], event["rows"]) == ("ok", 1)
    assert first != job.job_id == event["query_id"]


def test_a_job_that_is_asked_whether_it_is_done_has_ended_then(client: Any, told: Told) -> None:
    job = client.query("select 1 as one")
    assert job.done()
    assert [event["status"] for event in told()] == ["ok"]
    job.result()
    failing = client.query("select * from shop.nowhere")
    assert isinstance(failing.exception(), GoogleAPICallError)
    called = threading.Event()
    client.query("select 2 as two").add_done_callback(lambda job: called.set())
    assert called.wait(10)

    assert [event["status"] for event in told()] == ["ok", "error", "ok"]


def test_giving_up_on_a_job_is_not_its_end(client: Any, server: BigQueryServer, told: Told) -> None:
    job = client.query("select 1 as one")
    real = job._reload_query_results

    def late(*args: Any, **kwargs: Any) -> None:
        raise TimeoutError

    job._reload_query_results = late
    with pytest.raises(TimeoutError):
        job.result(timeout=0.01)
    assert told() == []
    job._reload_query_results = real
    job.result()

    assert [event["status"] for event in told()] == ["ok"]


def test_a_job_that_nobody_waits_for_is_told_and_claims_nothing(client: Any) -> None:
    """fault 3-9: it is told once its object is gone, as submitted: how it ended is not known."""
    told: list[dict[str, Any]] = []
    configure(sink=["lineage", told.append])
    with track_run("build") as run:
        client.query("insert into shop.totals select id, amount from shop.orders")
        client.load_table_from_uri("gs://lake/orders.csv", "shop.orders")
        gc.collect()
        assert flush_queries(10)

    assert [event["attributes"] for event in told] == [{"awaited": False}] * 2
    assert all(event["query_id"] and event["status"] == "ok" for event in told)
    assert run.facts.statements == []
    entries = run.facts.run_facets["lineageGraph_queryAttribution"].queries
    assert [entry.attributes for entry in entries] == [["transaction=open"]] * 2


def test_what_is_not_executed_is_no_query(client: Any, told: Told) -> None:
    job = client.query("select 1", job_config=bigquery.QueryJobConfig(dry_run=True))
    assert list(job.result()) == []
    with pytest.raises(TypeError):
        client.query()

    assert told() == []


def test_jobs_are_told_as_the_statements_that_do_the_same(client: Any, told: Told, tmp_path: Path) -> None:
    """DC-18: loads from everywhere, copies and extracts; what the library calls itself is not told twice."""
    file = tmp_path / "orders.csv"
    file.write_text("id\n1\n")
    client.load_table_from_uri(["gs://lake/a.csv", "gs://lake/b.csv"], "shop.orders").result()
    with file.open("rb") as opened:
        client.load_table_from_file(opened, f"{PROJECT}.shop.orders").result()
    client.load_table_from_json([{"id": 1}], "shop.orders").result()
    orders = bigquery.TableReference.from_string(f"{PROJECT}.shop.orders")
    client.copy_table(orders, "shop.copied").result()
    client.copy_table([orders, "shop.totals"], "shop.copied").result()
    client.extract_table(bigquery.Table(orders), "gs://lake/out-*.csv").result()

    assert ran(told) == [
        (f"load data into `{PROJECT}.shop.orders` from files(uris = [?])", "ok", 7),
        (f"load data into `{PROJECT}.shop.orders` from files(uris = [?])", "ok", 7),
        (f"load data into `{PROJECT}.shop.orders` from files()", "ok", 7),
        (f"create table `{PROJECT}.shop.copied` copy `{PROJECT}.shop.orders`", "ok", 5),
        (
            f"create table `{PROJECT}.shop.copied` as select * from `{PROJECT}.shop.orders` "
            f"union all select * from `{PROJECT}.shop.totals`",
            "ok",
            5,
        ),
        (f"export data options(uri = ?) as select * from `{PROJECT}.shop.orders`", "ok", None),
    ]
    assert [(one.get("bytes_read"), one.get("bytes_written")) for one in told()] == [
        *[(350, 700)] * 3,
        *[(None, 80)] * 2,
        (4096, None),
    ]


def test_the_caller_decides_what_is_sent(server: BigQueryServer, client: Any) -> None:
    """DC-34: without `labels` nothing is put anywhere, and no request is made that the caller did not."""
    config = bigquery.QueryJobConfig(labels={"team": "theirs"})
    client.query("select 1 as one", config).result()
    client.query_and_wait("select 2 as two")
    producers.uninstall("bigquery")
    watched, server.requests = server.requests, []
    client.query("select 1 as one", config).result()
    client.query_and_wait("select 2 as two")

    def shown(requests: list[tuple[str, str, Any]]) -> str:
        text = json.dumps(requests, sort_keys=True)
        for _, _, body in requests:
            for identity in (
                (body or {}).get("jobReference", {}).get("jobId"),
                (body or {}).get("requestId"),
            ):
                text = text.replace(identity or "~", "ID")
        return text

    assert shown(watched) == shown(server.requests)
    assert '"team": "theirs"' in shown(watched)


def labels_of(server: BigQueryServer) -> list[Any]:
    sent = [body for method, _, body in server.requests if method == "POST"]
    return [(body.get("configuration") or body).get("labels") for body in sent]


def test_labels_of_the_caller_win(server: BigQueryServer) -> None:
    """DC-34, DC-35: both keys are there, the caller's value holds, its object stays as it was."""
    given = bigquery.QueryJobConfig(labels={"team": "theirs", "cost": "low"}, use_query_cache=False)
    before = copy.deepcopy(given._properties)
    with client_of(server) as client:
        producers.install("bigquery", client, labels={"team": "ours", "service": "shop"})
        client.query("select 1 as one", given).result()
        client.query("select 1 as one", job_config=given).result()
        client.query_and_wait("select 1 as one", job_config=given)
        client.query("select 1 as one", None).result()
        client.query("select 1 as one").result()
        client.query_and_wait("select 1 as one")

    theirs = {"team": "theirs", "cost": "low", "service": "shop"}
    assert labels_of(server) == [theirs] * 3 + [{"team": "ours", "service": "shop"}] * 3
    assert given._properties == before


def test_labels_of_a_client_s_defaults_stay(server: BigQueryServer) -> None:
    """DC-35: what would have held without us holds: the caller's labels, else those of the defaults."""
    defaults = bigquery.QueryJobConfig(labels={"team": "default"}, use_query_cache=False)
    with client_of(server, default_query_job_config=defaults) as client:
        producers.install("bigquery", labels={"team": "ours", "service": "shop"})
        client.query("select 1 as one").result()
        client.query("select 1 as one", bigquery.QueryJobConfig(labels={"cost": "low"})).result()

    assert labels_of(server) == [
        {"team": "default", "service": "shop"},
        {"cost": "low", "team": "ours", "service": "shop"},
    ]
    assert all(
        body["configuration"]["query"]["useQueryCache"] is False for _, _, body in server.requests if body
    )
    assert defaults._properties["labels"] == {"team": "default"}


def test_labels_beyond_what_a_job_takes_are_ours_to_leave_out(server: BigQueryServer) -> None:
    """fault 3-9: a query that BigQuery would take without us it takes with us."""
    theirs = {f"label{number}": "x" for number in range(63)}
    with client_of(server) as client:
        producers.install("bigquery", labels={"a": "1", "b": "2"})
        client.query("select 1 as one", bigquery.QueryJobConfig(labels=theirs)).result()

    assert labels_of(server) == [{**theirs, "a": "1"}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": {"Team": "x"}}, "label key 'Team': give 1 to 63 small letters"),
        ({"labels": {"": "x"}}, "label key '': give 1 to 63"),
        ({"labels": {"1team": "x"}}, "beginning with a letter"),
        ({"labels": {"team": "Data Eng"}}, "label team, value 'Data Eng': give up to 63"),
        ({"labels": {"team": "x" * 64}}, "label team, value"),
        ({"labels": {f"l{number}": "" for number in range(65)}}, "65 labels: a job takes 64"),
        ({"labels": "team=x"}, "labels are a mapping of text to text, not str"),
        ({"job_id_prefix": "a b"}, "job_id_prefix 'a b': give"),
        ({"tags": 1}, "it takes no option tags: known are labels, job_id_prefix"),
    ],
)
def test_options_that_bigquery_would_refuse_are_refused_at_once(options: dict[str, Any], said: str) -> None:
    """fault 3-9: labels beyond their limits fail when they are given, and no query fails by them."""
    with pytest.raises(InstrumentError) as refused:
        producers.install("bigquery", **options)

    assert said in str(refused.value)
    assert not next(one for one in producers.status() if one.name == "bigquery").everywhere


@pytest.mark.parametrize(
    "given", [{}, {"job_id": "mine"}, {"job_id_prefix": "mine_"}, (None, "mine"), (None, None)]
)
def test_a_prefix_is_for_ids_that_nobody_gave(server: BigQueryServer, given: Any) -> None:
    """DC-36: of `query` alone, and only where neither an id nor a prefix came, by place or by name."""
    with client_of(server) as client:
        producers.install("bigquery", job_id_prefix="ours_")
        args = given if isinstance(given, tuple) else ()
        named = {**given, "job_retry": None} if isinstance(given, dict) else {"job_retry": None}
        client.query("select 1 as one", *args, **named).result()
        client.query_and_wait("select 1 as one")

    first, second = (body for method, _, body in server.requests if method == "POST")
    identity = first["jobReference"]["jobId"]
    is_theirs = given not in ({}, (None, None))
    assert identity.startswith("mine" if is_theirs else "ours_")
    assert "ours_" not in json.dumps(second)


def test_wrong_configurations_are_the_library_s_to_refuse(client: Any, told: Told) -> None:
    """fault 2.1.3-16: arguments go to the driver as they came."""
    producers.install("bigquery", labels={"team": "ours"})
    for wrong in ({"labels": {}}, 5, bigquery.LoadJobConfig()):
        with pytest.raises((TypeError, AttributeError)) as watched:
            client.query("select 1", wrong)
        producers.uninstall("bigquery")
        with pytest.raises(type(watched.value), match="^" + str(watched.value)[:20].replace("(", r"\(")):
            client.query("select 1", wrong)
        producers.install("bigquery", labels={"team": "ours"})


def test_costs_are_those_of_the_bytes_that_are_billed(client: Any, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('currency = "USD"\n[bigquery]\nper_tib_scanned = 6.25\n')
    configure(prices=str(prices), sink=["lineage"])
    with track_run("report") as run:
        client.query("select id from shop.orders").result()

    facet = run.facts.run_facets["lineageGraph_queryAttribution"]
    assert facet.total.cost == pytest.approx(6.25 * (10 << 20) / 2**40)


def test_sessions_have_their_transactions(client: Any) -> None:
    """What a session rolled back is not claimed; jobs of other sessions stand by themselves."""
    configure(sink=["lineage"])
    session = bigquery.QueryJobConfig(connection_properties=[bigquery.ConnectionProperty("session_id", "s1")])
    with track_run("build") as run:
        client.query("begin transaction", session).result()
        client.query("insert into shop.totals select id, 0 from shop.orders", session).result()
        client.query("insert into shop.orders select id, 1 from shop.totals").result()
        client.query("rollback transaction", session).result()

    assert [one.query[:24] for one in run.facts.statements if "insert" in one.query] == [
        "insert into shop.orders ",
    ]


def test_cursors_of_the_db_api_ask_as_the_client_does(client: Any, told: Told) -> None:
    from google.cloud.bigquery import dbapi

    cursor = dbapi.connect(client, prefer_bqstorage_client=False).cursor()
    cursor.execute("select 7 as x")
    assert [tuple(row.values()) for row in cursor.fetchall()] == [(7,)]

    assert ran(told) == [("select ? as x", "ok", 1)]


def test_a_job_that_somebody_else_started_is_not_told(
    client: Any, server: BigQueryServer, told: Told
) -> None:
    producers.uninstall("bigquery")
    job = client.query("select 1 as one")
    producers.install("bigquery")
    job.result()
    client.get_job(job.job_id).result()

    assert told() == []


def test_a_file_in_memory_is_no_dataset(client: Any, told: Told) -> None:
    client.load_table_from_file(io.BytesIO(b"id\n1\n"), "shop.orders").result()

    assert ran(told) == [(f"load data into `{PROJECT}.shop.orders` from files()", "ok", 7)]


def lineage_of(table: str) -> set[str]:
    """The nodes that a table is made from, with their distances left out."""
    assert flush_queries(10)
    with open_store() as store:
        drain(store)
        derive(store)
        return {found.node.id for found in upstream(store, table).nodes}


def test_what_a_run_asks_of_bigquery_is_its_lineage(client: Any) -> None:
    """DC-20, DC-33: tables by project, dataset and table, files by their URIs, and columns."""
    configure(sink=["lineage"])
    default = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.shop")
    kept = bigquery.QueryJobConfig(destination=f"{PROJECT}.shop.large")
    with track_run("build", job_namespace="production"):
        client.load_table_from_uri("gs://lake/raw/orders.csv", "shop.orders").result()
        client.query("insert into totals (id, total) select id, amount from orders", default).result()
        client.query_and_wait("select o.id as id, o.amount as large from shop.orders o", job_config=kept)
        client.copy_table("shop.totals", "shop.copied").result()
        client.extract_table("shop.copied", "gs://lake/out/totals.csv").result()

    name = f"dataset:bigquery:{PROJECT}.shop"
    assert lineage_of("dataset:gs://lake:out/totals.csv") == {
        "dataset:gs://lake:out/totals.csv",
        "job:production:build",
        *(f"{name}.{table}" for table in ("copied", "totals", "orders")),
        "dataset:gs://lake:raw/orders.csv",
    }
    assert lineage_of(f"datasetField:bigquery:{PROJECT}.shop.totals:total") == {
        f"datasetField:bigquery:{PROJECT}.shop.totals:total",
        f"datasetField:bigquery:{PROJECT}.shop.orders:amount",
    }
    assert f"datasetField:bigquery:{PROJECT}.shop.orders:amount" in lineage_of(
        f"datasetField:bigquery:{PROJECT}.shop.large:large"
    )


def test_a_table_whose_rows_were_not_kept_is_not_claimed(client: Any) -> None:
    configure(sink=["lineage"])
    kept = bigquery.QueryJobConfig(destination=f"{PROJECT}.shop.large")
    with track_run("build") as run, pytest.raises(BadRequest):
        client.query("select id from shop.nowhere", kept).result()

    assert run.facts.statements == []


def test_rows_that_are_kept_are_counted_for_their_table(client: Any) -> None:
    configure(sink=["lineage"])
    kept = bigquery.QueryJobConfig(destination=f"{PROJECT}.shop.large")
    with track_run("build") as run:
        client.query("select id from shop.orders", kept).result()
        client.query("select id from shop.orders").result()

    assert [one.query for one in run.facts.statements] == [
        f"create table `{PROJECT}.shop.large` as select id from shop.orders",
        "select id from shop.orders",
    ]
    assert {place: one.rowCount for place, one in run.facts.statement_statistics.items()} == {0: 2}


def test_what_bigquery_says_was_read_is_an_input(client: Any, server: BigQueryServer) -> None:
    """The tables behind a view are in a job's statistics, and belong to its statement alone."""
    configure(sink=["lineage"])
    server.warehouse.run("create view shop.best as select id, amount from shop.orders")
    with track_run("build"):
        client.query("create table shop.other as select 1 as one").result()
        server.behind = ["shop.orders", "_cache.anon1"]
        client.query("insert into shop.totals (id, total) select id, amount from shop.best").result()

    name = f"dataset:bigquery:{PROJECT}.shop"
    tables = {one for one in lineage_of(f"{name}.totals") if one.startswith("dataset:")}
    assert tables == {f"{name}.totals", f"{name}.best", f"{name}.orders"}
    assert f"{name}.orders" not in lineage_of(f"{name}.other")


def test_a_star_is_what_the_rows_have(client: Any) -> None:
    """The schema of a result names the columns of the one table that it is of."""
    configure(sink=["lineage"])
    with track_run("build"):
        client.query_and_wait("select * from shop.orders")
        client.query("insert into shop.totals select * from shop.orders").result()

    assert f"datasetField:bigquery:{PROJECT}.shop.orders:amount" in lineage_of(
        f"datasetField:bigquery:{PROJECT}.shop.totals:amount"
    )
