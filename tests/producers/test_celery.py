"""Tasks of Celery, executed by a real worker: in a thread of this process, and by a pool of processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject
from messaging_cases import leave_logging_alone
from told_queries import told_events

import producers
from lineage import attach, capture_query, configure, context, current_run, track_run
from lineage.events import run_events

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def shop() -> Iterator[Celery]:
    """An app whose worker runs in a thread, and whose tasks do what they are told."""
    app = Celery(f"shop-{uuid.uuid4().hex}", broker="memory://", backend="cache+memory://")
    signals.setup_logging.connect(leave_logging_alone)
    app.conf.task_default_queue = app.main
    app.conf.broker_transport_options = {"polling_interval": 0.01}

    @app.task(bind=True, name="shop.work", max_retries=2, default_retry_delay=0)
    def work(self: Any, what: str) -> Any:
        return _DOING[what](self)

    with start_worker(app, perform_ping_check=False):
        yield app


class Seen:
    """What was seen inside of the executions of a test's tasks."""

    def __init__(self) -> None:
        self.executions: list[dict[str, Any]] = []

    def note(self, task: Any) -> None:
        known, run = context.current(), current_run()
        self.executions.append(
            {
                "actor": known.actor if known is not None else None,
                "run": run,
                "parent": run.facts.parent,
                "retries": task.request.retries,
            }
        )
        capture_query("select 1", db_system="sqlite")


SEEN = Seen()


def return_three(task: Any) -> int:
    SEEN.note(task)
    return 3


def fail(task: Any) -> None:
    SEEN.note(task)
    raise ZeroDivisionError("no way")


def retry_for_an_error(task: Any) -> str:
    SEEN.note(task)
    if task.request.retries < 2:
        raise task.retry(exc=ZeroDivisionError("later"))
    return "done"


def retry_forever(task: Any) -> None:
    SEEN.note(task)
    raise task.retry(exc=ZeroDivisionError("never"))


def retry_without_an_error(task: Any) -> str:
    SEEN.note(task)
    if not task.request.retries:
        raise task.retry()
    return "done"


def ignore(task: Any) -> None:
    SEEN.note(task)
    raise Ignore()


def reject(task: Any) -> None:
    SEEN.note(task)
    raise Reject("not mine")


def send_another(task: Any) -> None:
    SEEN.note(task)
    task.apply_async(["return_three"])


_DOING: dict[str, Callable[[Any], Any]] = {
    one.__name__: one
    for one in (
        return_three,
        fail,
        retry_for_an_error,
        retry_forever,
        retry_without_an_error,
        ignore,
        reject,
        send_another,
    )
}


@pytest.fixture
def told() -> Iterator[Told]:
    with told_events("lineage") as take:
        yield take


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events of runs, as they are emitted."""
    events: list[Any] = []
    emit = run_events.emit

    def noted(event: Any, *rest: Any) -> Any:
        events.append(event)
        return emit(event, *rest)

    import lineage.events

    monkeypatch.setattr(lineage.events, "emit", noted)
    return events


@pytest.fixture(autouse=True)
def _installed() -> None:
    SEEN.executions.clear()
    producers.install("celery")


def executed(count: int) -> list[dict[str, Any]]:
    """Return the executions of a test's tasks once there are so many, each with its run ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if len(SEEN.executions) >= count and all(one["run"].ended for one in SEEN.executions):
            return SEEN.executions
        time.sleep(0.005)
    raise AssertionError(f"{len(SEEN.executions)} executions instead of {count}")


def ends_of(events: list[Any], executions: list[dict[str, Any]]) -> list[str]:
    """Return the types of the terminal events of executions."""
    ended = {event.run.runId: event.eventType.name for event in events if event.eventType.name != "START"}
    return [ended[one["run"].run_id] for one in executions]


def send(app: Celery, what: str) -> Any:
    return app.tasks["shop.work"].delay(what)


def test_a_task_is_a_run_whose_parent_sent_it(shop: Celery, told: Told, emitted: list[Any]) -> None:
    """A query of the task is attributed to whom the task was sent for, and to the run of the task."""
    with context.use(actor="ada"), track_run("send") as sender:
        assert send(shop, "return_three").get(timeout=10, interval=0.005) == 3
    (one,) = executed(1)

    assert one["actor"] == "ada"
    assert one["parent"] == sender.identity
    assert one["run"].job_name == "shop.work"
    assert ends_of(emitted, [one]) == ["COMPLETE"]
    (query,) = [event for event in told() if event["event_name"] == "lineage.query"]
    assert (query["actor"], query["run_id"]) == ("ada", one["run"].run_id)


def test_the_messages_of_a_task_are_what_one_run_writes_and_another_reads(shop: Celery, told: Told) -> None:
    with track_run("send") as sender:
        send(shop, "return_three").get(timeout=10, interval=0.005)
    (one,) = executed(1)

    place = ("memory://localhost", "task:shop.work")
    assert set(sender.facts.outputs) == set(one["run"].facts.inputs) == {place}
    operations = [event for event in told() if event["event_name"] == "lineage.operation"]
    assert {(event["operation_name"], event["target"]) for event in operations} == {
        ("publish", shop.main),
        ("consume", shop.main),
    }


def test_a_task_that_nobody_sent_from_a_run_has_no_parent(shop: Celery) -> None:
    send(shop, "return_three")
    (one,) = executed(1)

    assert one["parent"] is None
    assert one["actor"] is None


def test_a_task_that_fails_is_a_run_that_fails(shop: Celery, told: Told, emitted: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError, match="no way"):
        send(shop, "fail").get(timeout=10, interval=0.005)
    (one,) = executed(1)

    assert ends_of(emitted, [one]) == ["FAIL"]
    assert set(one["run"].facts.inputs) == {("memory://localhost", "task:shop.work")}
    last = emitted[-1].run.facets["errorMessage"]
    assert last.message.startswith("ZeroDivisionError")


@pytest.mark.parametrize(
    ("what", "ends"),
    [
        ("retry_for_an_error", ["FAIL", "FAIL", "COMPLETE"]),
        ("retry_forever", ["FAIL", "FAIL", "FAIL"]),
        ("retry_without_an_error", ["ABORT", "COMPLETE"]),
    ],
)
def test_each_attempt_is_a_run_that_names_the_one_before(
    shop: Celery, emitted: list[Any], what: str, ends: list[str]
) -> None:
    """All of them are for whom the first was sent, under the run that sent it."""
    with context.use(actor="ada"), track_run("send") as sender:
        send(shop, what)
    attempts = executed(len(ends))

    assert ends_of(emitted, attempts) == ends
    assert {one["actor"] for one in attempts} == {"ada"}
    assert {one["parent"] for one in attempts} == {sender.identity}
    assert len({one["run"].run_id for one in attempts}) == len(ends)
    facets = [one["run"].facts.run_facets.get("lineageGraph_attempt") for one in attempts]
    assert facets[0] is None
    assert [facet.attempt for facet in facets[1:]] == list(range(2, len(ends) + 1))
    assert [facet.retryOf for facet in facets[1:]] == [one["run"].run_id for one in attempts[:-1]]


@pytest.mark.parametrize("what", ["ignore", "reject"])
def test_a_task_that_asks_not_to_count_aborts_its_run(shop: Celery, emitted: list[Any], what: str) -> None:
    send(shop, what)
    (one,) = executed(1)

    assert ends_of(emitted, [one]) == ["ABORT"]


def test_a_task_that_sends_another_is_its_parent(shop: Celery) -> None:
    with context.use(actor="ada"), track_run("send"):
        send(shop, "send_another")
    first, second = executed(2)

    assert second["parent"] == first["run"].identity
    assert second["actor"] == "ada"


def test_a_worker_works_for_nobody_afterwards(shop: Celery) -> None:
    with context.use(actor="ada"), track_run("send"):
        send(shop, "fail")
    executed(1)
    send(shop, "return_three")

    assert executed(2)[1]["actor"] is None
    assert executed(2)[1]["parent"] is None


def test_headers_of_the_host_are_left_and_arrive(shop: Celery) -> None:
    headers = {"tenant": "acme", "baggage": "theirs=1"}
    with context.use(actor="ada"):
        result = shop.tasks["shop.work"].apply_async(["return_three"], headers=headers)
        assert result.get(timeout=10, interval=0.005) == 3

    assert headers == {"tenant": "acme", "baggage": "theirs=1"}
    assert executed(1)[0]["actor"] == "ada"


def test_a_task_that_is_called_where_it_is_belongs_to_the_run_around_it(shop: Celery) -> None:
    with context.use(actor="ada"), track_run("outer") as outer:
        assert shop.tasks["shop.work"].apply(["return_three"]).get() == 3
        (one,) = executed(1)
        assert context.current() is not None

    assert one["parent"] == outer.identity
    assert one["actor"] == "ada"
    assert not one["run"].facts.inputs


def test_neither_arguments_nor_results_are_told(shop: Celery, told: Told, emitted: list[Any]) -> None:
    shop.tasks["shop.work"].apply_async(["return_three"], argsrepr="planted", kwargsrepr="planted")
    (one,) = executed(1)
    operations = [event for event in told() if event["event_name"] != "lineage.query"]

    assert "planted" not in repr(told()) + repr(emitted) + repr(one["run"].facts)
    assert "return_three" not in repr(operations)


def test_lineage_that_is_disabled_leaves_tasks_alone(shop: Celery, emitted: list[Any]) -> None:
    configure(disabled=True)
    with context.use(actor="ada"):
        task = shop.tasks["shop.work"]
        task.apply_async(["fail"]).get(timeout=10, interval=0.005, propagate=False)

    assert emitted == []


_APP = """
    import os, sys
    from celery import Celery
    from lineage import configure, trace_query, track_run, context

    folder = sys.argv[0] and os.environ["SHOP_FOLDER"]
    paths = {"data_folder_in": folder, "data_folder_out": folder, "processed_folder": folder}
    app = Celery("shop", broker="filesystem://")
    app.conf.broker_transport_options = paths
    app.conf.worker_hijack_root_logger = False
    configure(instruments=["celery"])

    @app.task(name="shop.refresh", bind=True, max_retries=1)
    def refresh(self, number):
        with trace_query("insert into orders select * from raw_orders", db_system="sqlite") as query:
            query.rows = number
        if not self.request.retries and number == 2:
            raise self.retry(exc=ValueError("later"), countdown=0)
        with open(f"{folder}.{number}", "w") as done:
            done.write(str(os.getpid()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_pool_s_workers_tell_what_they_saw(tmp_path: Path, pool: str) -> None:
    """Forked workers, which end by `os._exit`, put their runs into the outbox that the store drains."""
    messages = tmp_path / "messages"
    messages.mkdir()
    (tmp_path / "shop_tasks.py").write_text(textwrap.dedent(_APP))
    environment = {**os.environ, "SHOP_FOLDER": str(messages), "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"}
    command = [sys.executable, "-m", "celery", "-A", "shop_tasks", "worker", "-P", pool, "-c", "2"]
    worker = subprocess.Popen(
        [*command, "--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "ERROR"],
        env=environment,
        cwd=tmp_path,
    )
    try:
        sent = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(_SEND)],
            env=environment,
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        deadline = time.monotonic() + 60
        while not all((tmp_path / f"messages.{number}").exists() for number in (1, 2)):
            assert time.monotonic() < deadline, "the tasks were not executed"
            time.sleep(0.1)
    finally:
        worker.terminate()
        worker.wait(30)

    asked = [sys.executable, "-c", "from graph.cli import main; main()", "runs", "--json"]
    answer = subprocess.run(asked, env=environment, check=True, capture_output=True, text=True).stdout
    runs = [run for run in json.loads(answer)["items"] if run["job"].endswith(":shop.refresh")]
    assert sorted(run["state"] for run in runs) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert {run["parentRunId"] for run in runs} == {sent[0]}


_SEND = """
    from shop_tasks import refresh
    from lineage import context, track_run

    with context.use(actor="ada"), track_run("send") as run:
        refresh.delay(1)
        refresh.delay(2)
    print(run.run_id)
"""


def test_the_context_of_a_task_is_not_that_of_its_worker(shop: Celery) -> None:
    """What holds in the worker itself is not true of the tasks that others send it."""
    with context.use(actor="ada"):
        headers: dict[str, Any] = {}
        with attach(headers):
            send(shop, "return_three")

    assert executed(1)[0]["actor"] is None
